"""A foreign program that reads our output: it imports nothing of ours and knows only field names.

It joins by ``step_id``, parses indices and seconds out of file names, and raises ReadError for
anything that does not fit together. The standard library is all it needs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

Json = dict[str, Any]

KEY_FRAME = re.compile(r"frame_(\d{3,})_ts_(\d+\.\d{2})s\.jpg")
SAMPLE = re.compile(r"sample_(\d{3,})_ts_(\d+\.\d{2})s\.jpg")
CLIP = re.compile(r"step(\d{2})_(.+)\.mp4")
STEP_FOLDER = re.compile(r"(\d{2})_(.+)")

STEP_KEYS = {
    "step_id", "step_goal", "rationale", "causal_chain", "counterfactual_challenge_question",
    "expected_challenge_outcome", "failure_reflecting",
}  # fmt: skip
CHAIN_KEYS = {
    "agent", "action", "patient", "causal_precondition_on_spatial",
    "causal_precondition_on_affordance", "causal_effect_on_spatial", "causal_effect_on_affordance",
}  # fmt: skip
CRITICAL_KEYS = {"frame_index", "action_state_change_description", "causal_chain", "interaction"}
STAGES = ("stage1", "stage2", "stage3")

HALF_A_HUNDREDTH_SEC = 0.005 + 1e-9
"""A file name holds two decimals of a time."""


class ReadError(ValueError):
    """Something in the folder does not fit together."""


def read_output_root(root: Path) -> dict[str, Json]:
    """Read every video's folder below an output root, by video id."""
    folders = [
        path
        for path in sorted(root.iterdir())
        if not path.name.startswith(".") and (path / "run_summary.json").is_file()
    ]
    return {folder.name: read_output_folder(folder) for folder in folders}


def read_output_folder(folder: Path) -> Json:
    """Read one finished folder into plain dicts: ``video_id, high_level_goal, pool, steps``."""
    try:
        return _folder(folder)
    except (LookupError, TypeError, AttributeError, OSError) as error:
        raise ReadError(f"{folder.name}: {type(error).__name__} {error}") from error


def _folder(folder: Path) -> Json:
    summary = _json(folder / "run_summary.json")
    _check(summary["format_version"] == 1, "a format version that this reader does not know")
    _check(summary["video_id"] == folder.name, "the folder is of another video")
    for stage in STAGES:
        _check(summary[stage]["status"] == "completed", f"{stage} is not completed")
    plan = _json(folder / "causal_plan_with_keyframes.json")
    _check(set(plan) == {"high_level_goal", "steps"}, "the plan has other keys")
    draft = _json(folder / "stage1" / "draft_plan.json")
    _check(plan["high_level_goal"] == draft["high_level_goal"], "plan and draft differ")
    pool = _pool(folder / "stage1")
    segments = _segments(folder, pool)
    steps = [_step(folder, step, segments) for step in plan["steps"]]
    _check([step["step_id"] for step in steps] == list(segments), "plan and segments differ")
    found = {path.name for path in folder.iterdir() if STEP_FOLDER.fullmatch(path.name)}
    _check(found == {step["folder"] for step in steps}, "a step folder without a step")
    return {
        "video_id": summary["video_id"],
        "source_video": summary["source_video"],
        "high_level_goal": plan["high_level_goal"],
        "pool": pool,
        "steps": steps,
    }


def _pool(folder: Path) -> Json:
    """Read a manifest and its pictures; times come from the file names too."""
    manifest = _json(folder / "frame_manifest.json")
    frames = manifest["frames"]
    _check(manifest["num_frames"] == len(frames) > 0, f"{folder.name}: num_frames is wrong")
    named = {}
    for path in sorted((folder / "sampled_frames").iterdir()):
        index, seconds = _parsed(SAMPLE, path.name)
        _check_jpeg(path)
        named[index] = (path, seconds)
    _check(sorted(named) == list(range(1, len(frames) + 1)), f"{folder.name}: pictures are missing")
    before = -1.0
    for number, frame in enumerate(frames, start=1):
        path, seconds = named[number]
        _check(frame["frame_index_1based"] == number, f"{path}: its entry has another number")
        _check((folder / frame["image_relpath"]) == path, f"{path}: its entry has another name")
        _check(abs(frame["timestamp_sec"] - seconds) <= HALF_A_HUNDREDTH_SEC, f"{path}: its time")
        _check(frame["timestamp_sec"] > before, f"{path}: its time is not after the one before")
        before = frame["timestamp_sec"]
    return {
        "times_sec": [frame["timestamp_sec"] for frame in frames],
        "source_indices": [frame["original_frame_index"] for frame in frames],
        "pictures": [named[number][0] for number in sorted(named)],
        "duration_sec": manifest["video"]["duration_sec"],
        "size": (manifest["video"]["width"], manifest["video"]["height"]),
    }


def _segments(folder: Path, pool: Json) -> dict[int, Json]:
    """Read the segments by step id, with the clip that each names."""
    document = _json(folder / "stage2" / "step_segments.json")
    localization = _json(folder / "stage2" / "localization_raw.json")
    placed = {step["step_id"]: step for step in localization["steps"]}
    stops = [*pool["times_sec"], pool["duration_sec"]]
    _check(document["num_frames"] == len(pool["times_sec"]), "segments of another pool")
    found = {}
    clips = set()
    end_before = 1
    for segment in document["segments"]:
        step_id, start, end = (
            segment[key] for key in ("step_id", "start_frame_index", "end_frame_index")
        )
        _check(placed[step_id] == {
            "step_id": step_id, "start_frame_index": start, "end_frame_index": end,
        }, f"segment {step_id} is not where the localization has it")  # fmt: skip
        _check(end_before <= start < end <= len(stops), f"segment {step_id}: its range")
        _check(segment["start_sec"] == stops[start - 1], f"segment {step_id}: start_sec")
        _check(segment["end_sec"] == stops[end - 1], f"segment {step_id}: end_sec")
        _check_picture(folder, segment["start_image_relpath"], pool["pictures"][start - 1])
        last = min(end, len(pool["pictures"]))
        _check_picture(folder, segment["end_image_relpath"], pool["pictures"][last - 1])
        clip = folder / "stage2" / segment["clip_relpath"]
        _check(int(_match(CLIP, clip.name)[1]) == step_id, f"{clip.name} is of another step")
        _check_mp4(clip)
        clips.add(clip)
        found[step_id] = {**segment, "clip": clip}
        end_before = end
    _check(set((folder / "stage2" / "step_clips").iterdir()) == clips, "a clip without a segment")
    return found


def _step(folder: Path, planned: Json, segments: dict[int, Json]) -> Json:
    """Read one step's folder and join it to its segment and clip."""
    step_id = planned["step_id"]
    _check(step_id in segments, f"step {step_id} has no segment")
    segment = segments[step_id]
    step_folder = _only(
        [path for path in folder.iterdir() if path.name.startswith(f"{step_id:02d}_")],
        f"step {step_id} needs exactly one folder",
    )
    _check_keys(planned)
    _check(planned == _json(step_folder / "step_final.json"), f"step {step_id}: plan and file")
    _check(planned["step_goal"] == segment["step_goal"], f"step {step_id}: goal")
    meta = _json(step_folder / "step_meta.json")
    _check((step_folder / meta["clip_path"]).resolve() == segment["clip"].resolve(), "clip_path")
    for key in ("step_id", "step_goal", "clip_start_sec", "clip_end_sec"):
        _check(meta[key] == segment[key], f"step {step_id}: {key} of step_meta.json")
    pool = _pool(step_folder)
    _check(meta["num_frames"] == len(pool["times_sec"]), f"step {step_id}: num_frames")
    _check(
        segment["clip_start_sec"] <= pool["times_sec"][0]
        and pool["times_sec"][-1] < segment["clip_end_sec"],
        f"step {step_id}: pictures outside its clip",
    )
    return {
        "step_id": step_id,
        "step_goal": planned["step_goal"],
        "folder": step_folder.name,
        "clip": segment["clip"],
        "start_sec": segment["start_sec"],
        "end_sec": segment["end_sec"],
        "pool": pool,
        "key_frames": _key_frames(step_folder, planned, pool),
        "plan": planned,
    }


def _key_frames(folder: Path, planned: Json, pool: Json) -> list[Json]:
    """Find the key frames by their names alone, and join them to the critical frames by index."""
    named = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".jpg":
            index, seconds = _parsed(KEY_FRAME, path.name)
            _check_jpeg(path)
            named[index] = (path, seconds)
    wanted = [critical["frame_index"] for critical in planned["critical_frames"]]
    _check(len(wanted) == 2 and wanted[0] < wanted[1], f"{folder.name}: two key frames in order")
    _check(sorted(named) == wanted, f"{folder.name}: key frames {sorted(named)}, plan {wanted}")
    found = []
    for critical in planned["critical_frames"]:
        path, seconds = named[critical["frame_index"]]
        time_sec = pool["times_sec"][critical["frame_index"] - 1]
        _check(abs(time_sec - seconds) <= HALF_A_HUNDREDTH_SEC, f"{path.name}: its time")
        found.append({
            "path": path, "frame_index": critical["frame_index"], "time_sec": time_sec,
            "description": critical["action_state_change_description"],
        })  # fmt: skip
    return found


def _check_keys(step: Json) -> None:
    _check(set(step) == {*STEP_KEYS, "critical_frames"}, f"step {step['step_id']}: its keys")
    _check(set(step["causal_chain"]) == CHAIN_KEYS, f"step {step['step_id']}: its causal chain")
    for critical in step["critical_frames"]:
        _check(set(critical) == CRITICAL_KEYS, f"step {step['step_id']}: a critical frame's keys")


def _check_picture(folder: Path, relpath: str, wanted: Path) -> None:
    _check(folder / "stage1" / relpath == wanted, f"{relpath} is not the picture {wanted.name}")


def _check_jpeg(path: Path) -> None:
    data = path.read_bytes()
    _check(data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9", f"{path} is no whole JPEG")


def _check_mp4(path: Path) -> None:
    _check(path.is_file() and path.read_bytes()[4:8] == b"ftyp", f"{path} is no MP4 file")


def _parsed(pattern: re.Pattern[str], name: str) -> tuple[int, float]:
    match = _match(pattern, name)
    return int(match[1]), float(match[2])


def _match(pattern: re.Pattern[str], name: str) -> re.Match[str]:
    match = pattern.fullmatch(name)
    if match is None:
        raise ReadError(f"{name}: a name that this reader does not know")
    return match


def _only(found: list[Path], problem: str) -> Path:
    _check(len(found) == 1, problem)
    return found[0]


def _json(path: Path) -> Json:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: {error}") from error
    _check(isinstance(value, dict), f"{path} holds no object")
    return dict(value)


def _check(holds: object, problem: str) -> None:
    if not holds:
        raise ReadError(problem)
