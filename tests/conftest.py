"""What all tests share: hypothesis profiles, how they are spread over processes, real clips."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

# ci: the same examples on every machine. explore: new ones each time, for an hour at night.
# mutation: few and not made smaller, because the suite runs once a mutant.
settings.register_profile("ci", derandomize=True, max_examples=100, deadline=None)
settings.register_profile(
    "explore", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "mutation",
    derandomize=True,
    max_examples=25,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Tests start hundreds of processes: without compiled files each would compile the product anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

REAL_CLIPS_FOLDER = Path(__file__).parents[2] / "shared" / "videos"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process neighbouring tests, so that what a module prepares is prepared once."""
    if config.getoption("dist") != "load":  # what -n means; another wish is obeyed
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that wait first: others work meanwhile, and none of them is the last to end."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


@pytest.fixture(scope="session")
def real_clips() -> list[Path]:
    """Return the real videos that lie beside a checkout; the test is skipped where none does."""
    clips = sorted(REAL_CLIPS_FOLDER.glob("*.m*")) if REAL_CLIPS_FOLDER.is_dir() else []
    if not clips:
        pytest.skip("no real clips beside this checkout (../shared/videos)")
    return clips
