"""What decides about answers, and the tools of a run that all its videos share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prompts import Prompt
from three_stage.batch import Watch
from three_stage.media import Ffmpeg, MediaWorkers
from three_stage.settings import PipelineSettings
from three_stage.vlm import Asker, Endpoint

StageName = Literal["stage1", "stage2", "stage3"]
STAGE_NAMES: tuple[StageName, ...] = ("stage1", "stage2", "stage3")


@dataclass(frozen=True)
class Recipe:
    """Settings, prompts, endpoint and chosen stages; known before any tool is started."""

    settings: PipelineSettings
    prompts: Mapping[str, Prompt]
    endpoint: Endpoint
    stages: tuple[StageName, ...]


@dataclass(frozen=True)
class Kit:
    """The tools of a run."""

    recipe: Recipe
    ffmpeg: Ffmpeg
    workers: MediaWorkers
    asker: Asker
    ffmpeg_slots: asyncio.Semaphore
    watch: Watch
    tool_versions: Mapping[str, str]
