"""Where the steps are on the pool of stage 1."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Index1, StrictModel
from schemas.plan import MAX_STEPS, MIN_STEPS


class LocalizedStep(StrictModel):
    """One step: 1-based first frame, and the exclusive end (N + 1 is the end of the video)."""

    step_id: Index1
    start_frame_index: Index1
    end_frame_index: Annotated[int, Field(ge=2)]


class Localization(StrictModel):
    """stage2/localization_raw.json: exactly one entry a draft step."""

    steps: Annotated[tuple[LocalizedStep, ...], Field(min_length=MIN_STEPS, max_length=MAX_STEPS)]
