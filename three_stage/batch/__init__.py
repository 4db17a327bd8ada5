"""Many pieces of work: discovery, shards, bounds on what runs at once, progress."""

from three_stage.batch.discovery import VIDEO_SUFFIXES, find_videos, parse_shard, shard_of
from three_stage.batch.errors import BatchError, RefusedError
from three_stage.batch.progress import Progress, cost_text, duration_text, tokens_text
from three_stage.batch.runner import run_batch
from three_stage.batch.work import BatchResult, VideoFailure, VideoInput, VideoOutcome, Watch

__all__ = [
    "VIDEO_SUFFIXES",
    "BatchError",
    "BatchResult",
    "Progress",
    "RefusedError",
    "VideoFailure",
    "VideoInput",
    "VideoOutcome",
    "Watch",
    "cost_text",
    "duration_text",
    "find_videos",
    "parse_shard",
    "run_batch",
    "shard_of",
    "tokens_text",
]
