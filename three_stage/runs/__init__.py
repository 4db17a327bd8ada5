"""Output folders: every path, atomic writes, digests and keys, locks, summaries, the journal."""

from three_stage.runs.atomic import json_text, write_bytes, write_json, write_text
from three_stage.runs.clock import utc_now
from three_stage.runs.digests import (
    SourceIdentity,
    changed_inputs,
    digest_of,
    file_sha256,
    identify_source,
    text_sha256,
)
from three_stage.runs.errors import (
    FolderBusyError,
    FormatVersionError,
    OutputError,
    RunsError,
    SourceMismatchError,
    UpstreamError,
)
from three_stage.runs.folder import RunFolder, missing_artifact, read_model
from three_stage.runs.journal import CallJournal, Spent, spent_in
from three_stage.runs.keys import clip_key, cut_inputs
from three_stage.runs.last_run import (
    read_run_record,
    read_run_records,
    run_record_path,
    write_run_record,
)
from three_stage.runs.layout import StagePaths, StepPaths, VideoLayout
from three_stage.runs.lock import folder_lock, who_is_at_work
from three_stage.runs.names import (
    clip_name,
    key_frame_name,
    same_name_key,
    sample_name,
    slug,
    step_folder_name,
    video_id_of,
)
from three_stage.runs.standing import SummaryStanding, SummaryState, summary_standing

__all__ = [
    "CallJournal",
    "FolderBusyError",
    "FormatVersionError",
    "OutputError",
    "RunFolder",
    "RunsError",
    "SourceIdentity",
    "SourceMismatchError",
    "Spent",
    "StagePaths",
    "StepPaths",
    "SummaryStanding",
    "SummaryState",
    "UpstreamError",
    "VideoLayout",
    "changed_inputs",
    "clip_key",
    "clip_name",
    "cut_inputs",
    "digest_of",
    "file_sha256",
    "folder_lock",
    "identify_source",
    "json_text",
    "key_frame_name",
    "missing_artifact",
    "read_model",
    "read_run_record",
    "read_run_records",
    "run_record_path",
    "same_name_key",
    "sample_name",
    "slug",
    "spent_in",
    "step_folder_name",
    "summary_standing",
    "text_sha256",
    "utc_now",
    "video_id_of",
    "who_is_at_work",
    "write_bytes",
    "write_json",
    "write_run_record",
    "write_text",
]
