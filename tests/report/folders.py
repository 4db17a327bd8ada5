"""Output folders of every kind, written in a moment: done, failed, with names that bite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.schemas import samples
from tests.support.small_video import write_small_video
from three_stage.runs import VideoLayout, identify_source, key_frame_name, sample_name

HOSTILE_NAME = "<img src=x onerror=alert(1)>"
HOSTILE_TEXT = (
    "</script><script>alert('goal')</script><img src=x onerror=alert(2)> & \"quoted\" {{ 7*7 }}"
)
ODD_NAMES = ("a?b#c&d%41", 'it\'s  "quoted"', "第一集 做饭 🍞", HOSTILE_NAME)
STEPS = 4
STEP_TIMES_SEC = ((0.0, 3.0), (3.0, 7.0), (7.0, 10.0), (10.0, 12.0))
DURATION_SEC = 12.0

Change = Callable[[Any], None]


@dataclass(frozen=True)
class Media:
    """The source video and a clip a step, as files to copy."""

    source: Path
    clips: tuple[Path, ...]


def drawn_media(folder: Path) -> Media:
    """Render a source of 12 s and a clip a step."""
    source = write_small_video(folder / "source.mp4", activities=4, seconds_each=3.0)
    clips = tuple(
        write_small_video(folder / f"clip{i}.mp4", activities=1, seconds_each=end - start)
        for i, (start, end) in enumerate(STEP_TIMES_SEC, start=1)
    )
    return Media(source, clips)


def no_media(folder: Path) -> Media:
    """Write files that stand for videos where nobody plays them."""
    source = folder / "source.mp4"
    source.write_bytes(b"no video")
    return Media(source, (source,) * STEPS)


def write_folder(
    root: Path,
    name: str,
    media: Media,
    *,
    goal: str = "Two slices of toast.",
    change_summary: Change = lambda _summary: None,
    change_step: Change = lambda _step: None,
) -> Path:
    """Write the finished folder of one video below an output root; its source lies beside."""
    source = root.parent / "sources" / f"{name}.mp4"
    source.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(media.source, source)
    layout = VideoLayout(root / name)
    manifest = _manifest()
    steps = [samples.refined_step(number) for number in range(1, STEPS + 1)]
    for step in steps:
        change_step(step)
    _json(layout.draft, {"high_level_goal": goal, "steps": [_drafted(step) for step in steps]})
    _json(layout.plan, {"high_level_goal": goal, "steps": steps})
    _json(layout.stage1.manifest, manifest)
    _pool(layout.stage1.samples, manifest)
    _json(layout.segments, _segments(source, name, steps))
    for step, clip in zip(steps, media.clips, strict=True):
        _step(layout, step, clip)
    for paths in (layout.stage1, layout.stage2):
        _texts(paths.texts)
    layout.calls.write_text("".join(_calls(name)), encoding="utf-8")
    summary = _summary(source, name)
    change_summary(summary)
    _json(layout.summary, summary)
    return layout.root


def _summary(source: Path, name: str) -> Any:
    record = samples.stage_record()
    return {
        **samples.run_summary(),
        "source_video": str(source.absolute()),
        "source_size_bytes": source.stat().st_size,
        "source_fingerprint": identify_source(source).fingerprint,
        "video_id": name,
        "artifacts": {},
        "artifact_bytes": {},
        "stage1": record,
        "stage2": record,
        "stage3": record,
    }


def _manifest() -> Any:
    manifest = samples.manifest(12)
    manifest["video"].update(
        duration_sec=DURATION_SEC, rotation=0, first_frame_offset_sec=0.0, width=160, height=120
    )
    return manifest


def _segments(source: Path, name: str, steps: list[Any]) -> Any:
    segments = samples.step_segments()
    segments.update(source_video=str(source), video_id=name)
    for segment, step, (start, end) in zip(
        segments["segments"], steps, STEP_TIMES_SEC, strict=True
    ):
        segment.update(
            step_goal=step["step_goal"], start_sec=start, end_sec=end,
            clip_start_sec=start, clip_end_sec=end,
        )  # fmt: skip
    return segments


def _step(layout: VideoLayout, step: Any, clip: Path) -> None:
    paths = layout.step(step["step_id"], step["step_goal"])
    start, end = STEP_TIMES_SEC[step["step_id"] - 1]
    manifest = _manifest()
    for frame in manifest["frames"]:
        share = (frame["frame_index_1based"] - 1) / len(manifest["frames"])
        frame["timestamp_sec"] = round(start + share * (end - start), 2)
    _json(paths.final, step)
    _json(paths.manifest, manifest)
    _pool(paths.samples, manifest)
    for key in step["critical_frames"]:
        index = key["frame_index"]
        time_sec = manifest["frames"][index - 1]["timestamp_sec"]
        (paths.folder / key_frame_name(index, time_sec)).write_bytes(_picture(index))
    _texts(paths.texts)
    target = layout.clip(step["step_id"], step["step_goal"])
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(clip, target)


def _calls(name: str) -> list[str]:
    rejected = {"event": "verdict", "raw_answer": None, "errors": ["steps[0]: <b>wrong</b>"]}
    accepted: dict[str, Any] = {"event": "verdict", "raw_answer": None, "errors": []}
    first = {**samples.call_record(), "video_id": name, "stage": "stage1", "step_id": None}
    second = {**first, "call_id": "c-2", "attempt": 2, "raw_answer": "the accepted answer"}
    third = {**samples.call_record(), "video_id": name, "call_id": "c-3", "cost": 0.5}
    records = [first, {**first, **rejected}, second, {**second, **accepted}, third]
    return [json.dumps(record, ensure_ascii=False) + "\n" for record in records]


def _drafted(step: Any) -> Any:
    return {key: value for key, value in step.items() if key != "critical_frames"}


def _texts(paths: tuple[Path, ...]) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name}: {HOSTILE_TEXT}", encoding="utf-8")


def _pool(folder: Path, manifest: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in manifest["frames"]:
        index = frame["frame_index_1based"]
        name = sample_name(index, frame["timestamp_sec"])
        (folder / name).write_bytes(_picture(index))


def _picture(index: int) -> bytes:
    image = np.full((48, 64, 3), (20 * index % 255, 90, 255 - 20 * index % 255), np.uint8)
    done, data = cv2.imencode(".jpg", image)
    assert done
    return data.tobytes()


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
