"""A sample of a large parametrisation, which CI draws anew with every commit.

``SAMPLE_SEED=7 python -m pytest -m slow`` tests the samples of seed 7; without it all is tested.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

SEED = "SAMPLE_SEED"

Item = TypeVar("Item")


def drawn(items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """Return the items to test on: all, or ``count`` of them where the variable has a seed."""
    if SEED not in os.environ:
        return tuple(items)
    chosen = random.Random(int(os.environ[SEED])).sample(range(len(items)), min(count, len(items)))
    return tuple(items[place] for place in sorted(chosen))
