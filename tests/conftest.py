"""What all tests share: hypothesis profiles and the real clips."""

from __future__ import annotations

import os
from pathlib import Path

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

REAL_CLIPS_FOLDER = Path(__file__).parents[2] / "shared" / "videos"


@pytest.fixture(scope="session")
def real_clips() -> list[Path]:
    """Return the real videos that lie beside a checkout; the test is skipped where none does."""
    clips = sorted(REAL_CLIPS_FOLDER.glob("*.m*")) if REAL_CLIPS_FOLDER.is_dir() else []
    if not clips:
        pytest.skip("no real clips beside this checkout (../shared/videos)")
    return clips
