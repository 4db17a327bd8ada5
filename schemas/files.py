"""The files of an output folder that no model writes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from schemas.base import Index1, Seconds, Sha256, StrictModel, UtcTime, whole
from schemas.plan import MAX_STEPS, MIN_STEPS

FORMAT_VERSION = 1
"""Of the output folder; a change of meaning raises it and comes with a migration."""

Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
RelPath = Annotated[str, *whole(r"[^/\\:\n\r][^\\:\n\r]*")]
"""A relative path with slashes, as every system reads it."""


def _whole_characters(text: Any) -> Any:
    return re.sub("[\ud800-\udfff]", "\ufffd", text) if isinstance(text, str) else text


ForeignText = Annotated[str, BeforeValidator(_whole_characters)]
"""What a server wrote; half a character, which no file can hold, becomes U+FFFD."""

StageStatus = Literal["running", "completed", "failed"]
FailureKind = Literal[
    "answer", "refusal", "request", "endpoint", "budget", "video", "cut", "worker", "disk",
    "folder", "busy", "invalid", "fault",
]  # fmt: skip
"""What failed: the model's answers, its refusal, one request, the endpoint, a cost cap, the video
file, a cut, a decoding process, the disk, the folder's content, a lock, the validator, ourselves.
"""

Rotation = Annotated[
    int,
    Field(ge=0, le=270, multiple_of=90),  # a Literal would take false for 0
    WithJsonSchema({"type": "integer", "enum": [0, 90, 180, 270]}),
]


class VideoInfo(StrictModel):
    """What a video is, as displayed: pixels upright and square.

    ``first_frame_offset_sec`` is container start to first picture: what a player or ffmpeg adds.
    """

    duration_sec: Annotated[float, Field(gt=0)]
    width: Index1
    height: Index1
    codec: Name
    average_fps: Annotated[float, Field(gt=0)]
    variable_frame_rate: bool
    rotation: Rotation
    first_frame_offset_sec: float


class ManifestFrame(StrictModel):
    """One picture of a pool; ``original_frame_index`` is 0-based in display order."""

    frame_index_1based: Index1
    timestamp_sec: Seconds
    original_frame_index: Count
    image_relpath: RelPath


class FrameManifest(StrictModel):
    """frame_manifest.json: the pool that a model saw; times in seconds of the source video."""

    num_frames: Index1
    note: str
    frames: Annotated[tuple[ManifestFrame, ...], Field(min_length=1)]
    video: VideoInfo


class CutRecord(StrictModel):
    """How the clips of a folder were cut."""

    mode: Literal["reencode", "copy"]
    crf: Annotated[int, Field(ge=0, le=51)]
    preset: Name
    keep_audio: bool


class Segment(StrictModel):
    """One step on the pool and in the source; image paths from stage1/, the clip's from stage2/."""

    step_id: Index1
    step_goal: Name
    start_frame_index: Index1
    end_frame_index: Annotated[int, Field(ge=2)]
    start_sec: Seconds
    end_sec: Seconds
    start_image_relpath: RelPath
    end_image_relpath: RelPath
    clip_relpath: RelPath
    clip_start_sec: Seconds
    clip_end_sec: Seconds


class StepSegments(StrictModel):
    """stage2/step_segments.json."""

    source_video: Name
    video_id: Name
    generated_at_utc: UtcTime
    num_frames: Index1
    cut: CutRecord
    segments: Annotated[tuple[Segment, ...], Field(min_length=MIN_STEPS, max_length=MAX_STEPS)]


class StepMeta(StrictModel):
    """step_meta.json: which clip and manifest a refined step stands on."""

    step_id: Index1
    step_goal: Name
    clip_path: RelPath
    clip_start_sec: Seconds
    clip_end_sec: Seconds
    num_frames: Index1
    generated_at_utc: UtcTime
    manifest_path: RelPath


class Usage(StrictModel):
    """Tokens, as the endpoint counted them."""

    requests: Count = 0
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: Usage) -> Usage:
        """Return the sum of two counts."""
        return Usage(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )


class PartRecord(StrictModel):
    """One step within stage 2 or 3: the keys that it was made with, and what its answer took."""

    ask_key: Sha256 | None = None
    ask_inputs: dict[str, str] = Field(default_factory=dict)
    cut_key: Sha256 | None = None
    clip_start_sec: Seconds | None = None
    clip_end_sec: Seconds | None = None
    attempts: Count = 0
    usage: Usage = Usage()
    cost: float | None = None
    warnings: tuple[str, ...] = ()


class StageRecord(StrictModel):
    """How a stage stands: what it was made with (digests by name), its cost, its error.

    Attempts, usage and cost are those of the answers that the stage consists of now, whichever run
    got them; every request that was ever made is in calls.jsonl.
    """

    status: StageStatus
    generation: Count = 0
    started_at_utc: UtcTime
    ended_at_utc: UtcTime | None = None
    attempts: Count = 0
    ask_key: Sha256 | None = None
    ask_inputs: dict[str, str] = Field(default_factory=dict)
    parts: dict[str, PartRecord] = Field(default_factory=dict)
    reused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    usage: Usage = Usage()
    cost: float | None = None
    error: str | None = None
    error_kind: FailureKind | None = None


class ApiConfig(StrictModel):
    """Which endpoint answered; never a key."""

    provider: Name
    api_base: Name
    model: Name
    media_dialect: Name
    structured_mode: Name
    max_tokens: Index1
    temperature: float


class SamplingConfig(StrictModel):
    """How the pools were made."""

    max_frames: Index1
    pool_mode: Literal["exact", "keyframe"]
    frame_max_side: Count
    jpeg_quality: Index1
    max_body_mb: float
    embed_index: bool


class RunSummary(StrictModel):
    """run_summary.json: what made this folder, digest by digest.

    ``generations`` counts the times that ``--overwrite`` made a stage anew.
    """

    source_video: Name
    source_size_bytes: Count
    source_fingerprint: Sha256
    source_displayed_frames: Count = 0
    video_id: Name
    format_version: Index1
    tool_versions: dict[str, str]
    updated_at_utc: UtcTime
    api_config: ApiConfig
    sampling_config: SamplingConfig
    artifacts: dict[str, Sha256]
    artifact_bytes: dict[str, Count]
    generations: dict[str, Count] = Field(default_factory=dict)
    overwrite_in_progress: tuple[Literal["stage1", "stage2", "stage3"], ...] = ()
    stage1: StageRecord | None = None
    stage2: StageRecord | None = None
    stage3: StageRecord | None = None
    post_validate: StageRecord | None = None


class CallRecord(StrictModel):
    """One line of calls.jsonl: a request and what came back, before anybody read it.

    ``event`` is ``answer`` (text came back), ``failure`` (none did) or ``verdict`` (what reading
    and checking said of the answer with the same ``call_id``: ``errors`` empty means valid).
    ``step_id`` is None in stages 1 and 2. Times are aware UTC; latency in seconds.
    """

    event: Literal["answer", "failure", "verdict"]
    call_id: Name
    video_id: Name
    stage: Literal["stage1", "stage2", "stage3"]
    step_id: Index1 | None
    attempt: Index1
    ask_key: Sha256
    prompt_digest: Sha256
    model_asked: Name
    model_answered: ForeignText | None = None
    structured_mode: str | None = None
    request_id: ForeignText | None = None
    raw_answer: ForeignText | None = None
    finish_reason: ForeignText | None = None
    errors: tuple[ForeignText, ...] = ()
    notes: tuple[ForeignText, ...] = ()
    usage: Usage = Usage()
    cost: float | None = None
    request_bytes: Count = 0
    latency_sec: Seconds = 0.0
    started_at_utc: UtcTime
    ended_at_utc: UtcTime
