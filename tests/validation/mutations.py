"""Ways to spoil a finished folder, each with the code of the finding that must come of it.

Most are a forger's: after them every digest and size is entered anew, so that only the check that
knows better can find them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.support.finished_folder import read, write
from three_stage.runs import digest_of

Spoil = Callable[[Path], None]

DRAFT, MANIFEST = "stage1/draft_plan.json", "stage1/frame_manifest.json"
LOCALIZATION, SEGMENTS = "stage2/localization_raw.json", "stage2/step_segments.json"
PLAN, SUMMARY, CALLS = "causal_plan_with_keyframes.json", "run_summary.json", "calls.jsonl"
FINAL, META, STEP_MANIFEST = (
    "02_*/step_final.json",
    "02_*/step_meta.json",
    "02_*/frame_manifest.json",
)
SAMPLES, STEP_SAMPLES = "stage1/sampled_frames/*", "02_*/sampled_frames/*"
KEY_FRAMES, CLIPS = "*/frame_[0-9]*.jpg", "stage2/step_clips/*"


@dataclass(frozen=True)
class Mutation:
    """What is done to a folder, and the code that says so."""

    name: str
    code: str
    spoil: Spoil
    forged: bool = True


def one(folder: Path, pattern: str, number: int = 0) -> Path:
    """Return one of the files that match, by their sorted names."""
    return sorted(folder.glob(pattern))[number]


def set_leaf(pattern: str, *keys: Any, value: Any) -> Spoil:
    """Set a leaf of a JSON file; a function as value gets the old one."""

    def spoil(folder: Path) -> None:
        path = one(folder, pattern)
        document = read(path)
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value(inner[keys[-1]]) if callable(value) else value
        write(path, document)

    return spoil


def delete_leaf(pattern: str, *keys: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        path = one(folder, pattern)
        document = read(path)
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        write(path, document)

    return spoil


def swap_items(pattern: str, *keys: Any, first: int = 0) -> Spoil:
    """Swap two neighbours of a list."""

    def spoil(folder: Path) -> None:
        path = one(folder, pattern)
        document = read(path)
        inner = document
        for key in keys:
            inner = inner[key]
        inner[first], inner[first + 1] = inner[first + 1], inner[first]
        write(path, document)

    return spoil


def text(pattern: str, content: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        one(folder, pattern).write_bytes(content)

    return spoil


def edit(pattern: str, change: Callable[[bytes], bytes], number: int = 0) -> Spoil:
    def spoil(folder: Path) -> None:
        path = one(folder, pattern, number)
        path.write_bytes(change(path.read_bytes()))

    return spoil


def remove(pattern: str, number: int = 0) -> Spoil:
    def spoil(folder: Path) -> None:
        path = one(folder, pattern, number)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return spoil


def replace(pattern: str, number: int, other: int) -> Spoil:
    """Put a copy of another file in a file's place."""

    def spoil(folder: Path) -> None:
        shutil.copy(one(folder, pattern, other), one(folder, pattern, number))

    return spoil


def add(relpath: str, content: bytes = b"hello\n") -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / relpath
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


def copy(pattern: str, name: Callable[[str], str], number: int = 0) -> Spoil:
    """Copy a file or folder beside itself under another name."""

    def spoil(folder: Path) -> None:
        path = one(folder, pattern, number)
        target = path.with_name(name(path.name))
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copy(path, target)

    return spoil


def rename(pattern: str, name: Callable[[str], str], number: int = 0) -> Spoil:
    def spoil(folder: Path) -> None:
        path = one(folder, pattern, number)
        path.rename(path.with_name(name(path.name)))

    return spoil


def link(pattern: str, target: Callable[[Path], Path]) -> Spoil:
    """Put a symbolic link in a file's place."""

    def spoil(folder: Path) -> None:
        path = one(folder, pattern)
        kept = folder.parent / f"kept_{path.name}"
        shutil.copy(path, kept)
        path.unlink()
        path.symlink_to(target(kept))

    return spoil


def resized(share: float) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return cv2.imencode(".jpg", cv2.resize(image, None, fx=share, fy=share))[1].tobytes()

    return change


def as_png(data: bytes) -> bytes:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return cv2.imencode(".png", image)[1].tobytes()


def shift_step_times(folder: Path) -> None:
    """Move one time of a step's pool by a frame, with its picture's name: all of it agrees."""
    path = one(folder, STEP_MANIFEST)
    manifest = read(path)
    frame = manifest["frames"][5]
    frame["timestamp_sec"] += 0.03
    old = path.parent / frame["image_relpath"]
    new = f"sample_{frame['frame_index_1based']:03d}_ts_{frame['timestamp_sec']:.2f}s.jpg"
    old.rename(old.with_name(new))
    frame["image_relpath"] = f"sampled_frames/{new}"
    write(path, manifest)


def drop_last_picture(folder: Path) -> None:
    """Shorten the pool of stage 1 by its last picture, with its file and the count."""
    manifest = read(folder / MANIFEST)
    gone = manifest["frames"].pop()
    manifest["num_frames"] -= 1
    (folder / "stage1" / gone["image_relpath"]).unlink()
    write(folder / MANIFEST, manifest)


def folder_for_file(folder: Path) -> None:
    path = one(folder, META)
    path.unlink()
    path.mkdir()


def file_for_folder(folder: Path) -> None:
    remove("stage2/step_clips")(folder)
    add("stage2/step_clips")(folder)


def goal_of_another_plan(folder: Path) -> None:
    """Give a step another goal in the draft alone."""
    set_leaf(DRAFT, "steps", 1, "step_goal", value="do something else")(folder)


def change_call(line: int, **fields: Any) -> Spoil:
    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        record = {**json.loads(lines[line]), **fields}
        lines[line] = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        return b"".join(lines)

    return edit(CALLS, change)


def answer_and_verdict(**fields: Any) -> Spoil:
    """Change the first answer of the journal and its verdict alike."""

    def spoil(folder: Path) -> None:
        for line in (0, 1):
            change_call(line, **fields)(folder)

    return spoil


def without_line(number: int) -> Callable[[bytes], bytes]:
    """Drop one line (from 0)."""

    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join(lines[:number] + lines[number + 1 :])

    return change


def deep(levels: int) -> bytes:
    return b'{"steps": ' + b"[" * levels + b"]" * levels + b"}"


def edited_step(folder: Path) -> None:
    """Change a refined step by hand, in the plan as well."""
    set_leaf(FINAL, "rationale", value="A person knew better.")(folder)
    set_leaf(PLAN, "steps", 1, "rationale", value="A person knew better.")(folder)


def cut_of_no_words(folder: Path) -> None:
    """Say another --crf, and take the settings in words out of stage 3's record."""
    set_leaf(SEGMENTS, "cut", "crf", value=23)(folder)
    summary = read(folder / SUMMARY)
    for part in summary["stage3"]["parts"].values():
        part["ask_inputs"] = {}
    write(folder / SUMMARY, summary)


def fewer_pictures_asked(folder: Path) -> None:
    """Say that a step was asked about with fewer pictures, under a key that fits."""
    summary = read(folder / SUMMARY)
    part = summary["stage3"]["parts"]["2"]
    part["ask_inputs"]["max frames"] = "9"
    part["ask_key"] = digest_of(part["ask_inputs"])
    write(folder / SUMMARY, summary)


def again(**options: Any) -> Callable[[bytes], bytes]:
    """Write a JSON file as another program would."""
    return lambda data: json.dumps(json.loads(data), **options).encode()


JSON_TEXTS = (
    Mutation("not a number", "E-JSON-NUMBER",
             edit(MANIFEST, lambda d: d.replace(b'"timestamp_sec": 0.0', b'"timestamp_sec": NaN'))),
    Mutation("an infinite number", "E-JSON-NUMBER",
             edit(SEGMENTS, lambda d: d.replace(b'"crf": 18', b'"crf": 1e999'))),
    Mutation("an index of 400 digits", "E-JSON-NUMBER",
             edit(LOCALIZATION, lambda d: d.replace(b'_id": 2', b'_id": 2' + b"0" * 400))),
    Mutation("a number just too large", "E-JSON-NUMBER",
             set_leaf(SEGMENTS, "num_frames", value=2**53 + 1)),
    Mutation("nested 40 deep", "E-JSON-DEPTH", text(DRAFT, deep(40))),
    Mutation("nested 200000 deep", "E-JSON-DEPTH", text(PLAN, deep(200_000))),
    Mutation("cut in the middle", "E-JSON-SYNTAX", edit(FINAL, lambda d: d[: len(d) // 2])),
    Mutation("empty file", "E-JSON-SYNTAX", text(META, b"")),
    Mutation("zeros instead of JSON", "E-JSON-SYNTAX", text(SEGMENTS, bytes(3000))),
    Mutation("binary rubbish", "E-JSON-ENCODING", text(SUMMARY, bytes(range(256))), forged=False),
    Mutation("UTF-16", "E-JSON-ENCODING",
             edit(DRAFT, lambda d: d.decode().encode("utf-16"))),
    Mutation("a byte-order mark", "E-JSON-ENCODING", edit(META, lambda d: b"\xef\xbb\xbf" + d)),
    Mutation("a key twice", "E-JSON-DUPLICATE",
             edit(META, lambda d: d.replace(b'"step_id": 2', b'"step_id": 2, "step_id": 2'))),
    Mutation("far too large", "E-FILE-SIZE", edit(META, lambda d: d + b" " * (17 * 1024 * 1024))),
    Mutation("a list instead of an object", "E-SCHEMA", text(LOCALIZATION, b"[]\n")),
    Mutation("an indent of 4", "W-JSON-FORM",
             edit(DRAFT, lambda d: again(indent=4, ensure_ascii=False)(d) + b"\n")),
    Mutation("one line", "W-JSON-FORM", edit(META, again(ensure_ascii=False))),
    Mutation("no line end at the end", "W-JSON-FORM", edit(LOCALIZATION, lambda d: d[:-1])),
    Mutation("line ends of Windows", "W-JSON-FORM",
             edit(PLAN, lambda d: d.replace(b"\n", b"\r\n"))),
    Mutation("escaped letters", "W-JSON-FORM",
             edit(SUMMARY, lambda d: d.replace(b"little", b"l\\u0069ttle", 1)), forged=False),
    Mutation("a number written otherwise", "W-JSON-FORM",
             edit(SEGMENTS, lambda d: d.replace(b'_sec": 0.0', b'_sec": 0.00', 1))),
)  # fmt: skip

LEAVES = (
    Mutation("draft: a key deleted", "E-SCHEMA", delete_leaf(DRAFT, "steps", 0, "rationale")),
    Mutation("draft: a key too many", "E-SCHEMA",
             set_leaf(DRAFT, "steps", value=lambda s: [{**x, "frame_index": 1} for x in s])),
    Mutation("draft: a number as text", "E-SCHEMA", set_leaf(DRAFT, "steps", 0, "step_id",
                                                            value="1")),
    Mutation("draft: a placeholder", "E-SCHEMA", set_leaf(DRAFT, "high_level_goal", value="n/a")),
    Mutation("draft: a name not in snake_case", "E-FORM",
             set_leaf(DRAFT, "steps", 0, "causal_chain", "agent", value="Left Hand")),
    Mutation("draft: a time in a text", "E-DRAFT-RULE",
             set_leaf(DRAFT, "steps", 0, "rationale", value="It begins at 00:12.")),
    Mutation("draft: neighbours swapped", "E-DRAFT-RULE", swap_items(DRAFT, "steps")),
    Mutation("draft: another goal", "E-SEGMENTS-RULE", goal_of_another_plan),
    Mutation("draft: another goal leaves a folder behind", "E-LAYOUT-STALE", goal_of_another_plan),
    Mutation("draft: another reason", "W-DRAFT-CHANGED",
             set_leaf(DRAFT, "steps", 2, "failure_reflecting", "reason", value="It is dark.")),
    Mutation("localization: an overlap", "E-LOCALIZATION-RULE",
             set_leaf(LOCALIZATION, "steps", 1, "start_frame_index", value=lambda i: i - 1)),
    Mutation("localization: beyond the pool", "E-LOCALIZATION-RULE",
             set_leaf(LOCALIZATION, "steps", -1, "end_frame_index", value=lambda i: i + 1)),
    Mutation("localization: one picture later", "E-SEGMENTS-RULE",
             set_leaf(LOCALIZATION, "steps", 1, "start_frame_index", value=lambda i: i + 1)),
    Mutation("localization: half a picture", "E-SCHEMA",
             set_leaf(LOCALIZATION, "steps", 1, "start_frame_index", value=5.0)),
    Mutation("segments: a time moved", "E-SEGMENTS-RULE",
             set_leaf(SEGMENTS, "segments", 1, "start_sec", value=lambda t: t + 0.1)),
    Mutation("segments: the neighbour's picture", "E-SEGMENTS-RULE",
             set_leaf(SEGMENTS, "segments", 1, "start_image_relpath",
                      value=lambda p: p.replace("005", "006"))),
    Mutation("segments: the neighbour's clip", "E-PATH-WRONG",
             set_leaf(SEGMENTS, "segments", 1, "clip_relpath", value="step_clips/step01_x.mp4")),
    Mutation("segments: a clip outside", "E-PATH-OUTSIDE",
             set_leaf(SEGMENTS, "segments", 1, "clip_relpath", value="../../../clip.mp4")),
    Mutation("segments: a picture on a drive", "E-SCHEMA",
             set_leaf(SEGMENTS, "segments", 1, "end_image_relpath", value="C:\\a.jpg")),
    Mutation("segments: the clip's end moved", "E-CLIP-RANGE",
             set_leaf(SEGMENTS, "segments", 1, "clip_end_sec", value=lambda t: t + 0.3)),
    Mutation("segments: neighbours swapped", "E-SEGMENTS-RULE", swap_items(SEGMENTS, "segments")),
    Mutation("segments: of another pool", "E-SEGMENTS-RULE",
             set_leaf(SEGMENTS, "num_frames", value=lambda n: n + 1)),
    Mutation("segments: of another video", "E-SUMMARY-ID",
             set_leaf(SEGMENTS, "video_id", value="other")),
    Mutation("segments: of another source", "E-SUMMARY-SOURCE",
             set_leaf(SEGMENTS, "source_video", value="/other.mp4")),
    Mutation("manifest: a time moved", "E-POOL-NAME",
             set_leaf(MANIFEST, "frames", 4, "timestamp_sec", value=lambda t: t + 0.1)),
    Mutation("manifest: a source frame moved", "E-CLIP-FRAMES",
             set_leaf(MANIFEST, "frames", 4, "original_frame_index", value=lambda i: i + 1)),
    Mutation("manifest: a source frame within a step moved", "E-CLIP-FRAMES",
             set_leaf(MANIFEST, "frames", 5, "original_frame_index", value=lambda i: i + 1)),
    Mutation("manifest: neighbours swapped", "E-MANIFEST-RULE", swap_items(MANIFEST, "frames")),
    Mutation("manifest: the neighbour's picture", "E-POOL-NAME",
             set_leaf(MANIFEST, "frames", 4, "image_relpath",
                      value="sampled_frames/sample_004_ts_1.60s.jpg")),
    Mutation("manifest: the last picture gone", "E-SUMMARY-SOURCE", drop_last_picture),
    Mutation("manifest: a picture outside", "E-PATH-OUTSIDE",
             set_leaf(MANIFEST, "frames", 4, "image_relpath", value="../../a.jpg")),
    Mutation("manifest: another width", "E-KEYFRAME-SIZE",
             set_leaf(MANIFEST, "video", "width", value=lambda w: w + 1)),
    Mutation("manifest: a duration before the end", "E-MANIFEST-RULE",
             set_leaf(MANIFEST, "video", "duration_sec", value=1.0)),
    Mutation("step manifest: a time moved, its picture renamed", "E-STEP-TIME", shift_step_times),
    Mutation("step manifest: the last frame again", "E-MANIFEST-RULE",
             set_leaf(STEP_MANIFEST, "frames", 3, "original_frame_index", value=lambda i: i - 1)),
    Mutation("step manifest: a frame beyond the clip", "E-STEP-TIME",
             set_leaf(STEP_MANIFEST, "frames", -1, "original_frame_index", value=9999)),
    Mutation("step manifest: another codec", "E-META-RULE",
             set_leaf(STEP_MANIFEST, "video", "codec", value="hevc")),
    Mutation("step_meta: another clip range", "E-META-RULE",
             set_leaf(META, "clip_start_sec", value=lambda t: t + 0.1)),
    Mutation("step_meta: a clip outside", "E-PATH-OUTSIDE",
             set_leaf(META, "clip_path", value="../../clip.mp4")),
    Mutation("step_meta: another count", "E-META-RULE",
             set_leaf(META, "num_frames", value=lambda n: n - 1)),
    Mutation("step_meta: a date that does not exist", "E-META-RULE",
             set_leaf(META, "generated_at_utc", value="2026-02-30T10:00:00Z")),
    Mutation("step_final: the next picture", "E-KEYFRAME-COUNT",
             set_leaf(FINAL, "critical_frames", 0, "frame_index", value=lambda i: i + 1)),
    Mutation("step_final: indices swapped", "E-STEP-RULE", swap_items(FINAL, "critical_frames")),
    Mutation("step_final: another tool", "E-STEP-RULE",
             set_leaf(FINAL, "critical_frames", 0, "interaction", "tools", value=["spoon"])),
    Mutation("step_final: not what the plan has", "E-PLAN-RULE",
             set_leaf(FINAL, "rationale", value="Another reason.")),
    Mutation("plan: another goal", "E-PLAN-RULE", set_leaf(PLAN, "high_level_goal", value="Rest.")),
    Mutation("plan: neighbours swapped", "E-PLAN-RULE", swap_items(PLAN, "steps")),
    Mutation("plan: a step gone", "E-PLAN-RULE", delete_leaf(PLAN, "steps", -1)),
)  # fmt: skip

VIDEO = {
    "duration_sec": 8.5, "width": 320, "height": 90, "codec": "hevc", "average_fps": 12.5,
    "variable_frame_rate": True, "rotation": 90, "first_frame_offset_sec": 0.25,
}  # fmt: skip

DESCRIPTIONS = (
    *(Mutation(f"manifest: another {name}", "E-MANIFEST-VIDEO",
               set_leaf(MANIFEST, "video", name, value=value)) for name, value in VIDEO.items()),
    *(Mutation(f"step manifest: another {name}", "E-META-RULE",
               set_leaf(STEP_MANIFEST, "video", name, value=value))
      for name, value in VIDEO.items()),
    Mutation("cut: another mode", "E-CUT-RECORD", set_leaf(SEGMENTS, "cut", "mode", value="copy")),
    Mutation("cut: another crf", "E-CUT-RECORD", set_leaf(SEGMENTS, "cut", "crf", value=23)),
    Mutation("cut: another preset", "E-CUT-RECORD",
             set_leaf(SEGMENTS, "cut", "preset", value="slow")),
    Mutation("cut: sound", "E-CUT-RECORD", set_leaf(SEGMENTS, "cut", "keep_audio", value=True)),
    Mutation("cut: another crf by the clips' keys", "E-CUT-RECORD", cut_of_no_words),
    Mutation("draft: edited", "W-ANSWER-EDITED", set_leaf(DRAFT, "high_level_goal", value="Rest.")),
    Mutation("localization: edited", "W-ANSWER-EDITED",
             set_leaf(LOCALIZATION, "steps", 1, "start_frame_index", value=lambda i: i + 1)),
    Mutation("step_final: edited", "W-ANSWER-EDITED", edited_step),
)  # fmt: skip

RECORDS = (
    *(Mutation(f"summary: {stage} without a step", "W-SUMMARY-PART",
               delete_leaf(SUMMARY, stage, "parts", "2")) for stage in ("stage2", "stage3")),
    *(Mutation(f"summary: no attempt in {stage}", "W-SUMMARY-COUNT",
               set_leaf(SUMMARY, stage, "attempts", value=0))
      for stage in ("stage1", "stage2", "stage3")),
    *(Mutation(f"summary: no usage in {stage}", "W-SUMMARY-COUNT",
               set_leaf(SUMMARY, stage, "usage", "prompt_tokens", value=0))
      for stage in ("stage1", "stage2", "stage3")),
    Mutation("summary: an attempt too many", "W-SUMMARY-COUNT",
             set_leaf(SUMMARY, "stage1", "attempts", value=2)),
    Mutation("summary: no usage of a step", "W-SUMMARY-COUNT",
             set_leaf(SUMMARY, "stage3", "parts", "2", "usage", "completion_tokens", value=0)),
    Mutation("summary: a negative cost", "W-SUMMARY-COUNT",
             set_leaf(SUMMARY, "stage1", "cost", value=-0.5)),
    Mutation("summary: a cost that no step has", "W-SUMMARY-COUNT",
             set_leaf(SUMMARY, "stage3", "cost", value=0.5)),
    Mutation("summary: negative usage", "E-SCHEMA",
             set_leaf(SUMMARY, "stage1", "usage", "prompt_tokens", value=-1)),
    Mutation("summary: a stage ends before it begins", "W-SUMMARY-CLOCK",
             set_leaf(SUMMARY, "stage2", "ended_at_utc", value="2020-01-01T00:00:00.000+00:00")),
    Mutation("summary: another quality wanted", "W-SUMMARY-SAMPLING",
             set_leaf(SUMMARY, "sampling_config", "jpeg_quality", value=91)),
    Mutation("summary: more pictures wanted", "W-SUMMARY-SAMPLING",
             set_leaf(SUMMARY, "sampling_config", "max_frames", value=30)),
    Mutation("summary: fewer pictures wanted of a step", "W-SUMMARY-SAMPLING",
             fewer_pictures_asked),
    Mutation("calls: the answer in use was rejected", "W-CALLS-ANSWER",
             change_call(1, errors=["steps: too few"])),
    Mutation("summary: a stage failed", "E-SUMMARY-STAGE",
             set_leaf(SUMMARY, "stage2", "status", value="failed")),
    Mutation("summary: a stage not done", "E-SUMMARY-STAGE",
             set_leaf(SUMMARY, "stage3", value=None)),
    Mutation("summary: a stage without an end", "E-SUMMARY-STAGE",
             set_leaf(SUMMARY, "stage1", "ended_at_utc", value=None)),
    Mutation("summary: another key", "E-SUMMARY-STAGE",
             set_leaf(SUMMARY, "stage1", "ask_key", value="0" * 64)),
    Mutation("summary: an overwrite under way", "E-SUMMARY-OVERWRITE",
             set_leaf(SUMMARY, "overwrite_in_progress", value=["stage3"])),
    Mutation("summary: another video", "E-SUMMARY-ID",
             set_leaf(SUMMARY, "video_id", value="other")),
    Mutation("summary: another format", "E-SUMMARY-VERSION",
             set_leaf(SUMMARY, "format_version", value=2)),
    Mutation("summary: a date that does not exist", "E-SUMMARY-TIME",
             set_leaf(SUMMARY, "updated_at_utc", value="2026-02-30T00:00:00Z")),
    Mutation("summary: a relative source", "E-SUMMARY-SOURCE",
             set_leaf(SUMMARY, "source_video", value="little.mp4")),
    Mutation("summary: another content of the source", "W-SOURCE-CHANGED",
             set_leaf(SUMMARY, "source_fingerprint", value="0" * 64)),
    Mutation("summary: a frame too many in the source", "E-SUMMARY-SOURCE",
             set_leaf(SUMMARY, "source_displayed_frames", value=lambda n: n + 1)),
    Mutation("summary: fewer pictures wanted", "W-SUMMARY-SAMPLING",
             set_leaf(SUMMARY, "sampling_config", "max_frames", value=9)),
    Mutation("summary: smaller pictures wanted", "E-PICTURE-SIZE",
             set_leaf(SUMMARY, "sampling_config", "frame_max_side", value=100)),
    Mutation("summary: another clip range", "E-CLIP-RANGE",
             set_leaf(SUMMARY, "stage2", "parts", "2", "clip_end_sec", value=lambda t: t + 1)),
    Mutation("summary: a key absent", "W-DEFAULT", delete_leaf(SUMMARY, "generations")),
    Mutation("summary: gone", "E-LAYOUT-MISSING", remove(SUMMARY), forged=False),
    Mutation("artifact: outside", "E-ARTIFACT-PATH",
             set_leaf(SUMMARY, "artifacts", value=lambda a: {**a, "../x": "0" * 64}),
             forged=False),
    Mutation("artifact: not there", "E-ARTIFACT-MISSING",
             set_leaf(SUMMARY, "artifacts", value=lambda a: {**a, "x.txt": "0" * 64}),
             forged=False),
    Mutation("artifact: not recorded", "E-ARTIFACT-UNRECORDED",
             delete_leaf(SUMMARY, "artifacts", DRAFT), forged=False),
    Mutation("artifact: another digest", "E-ARTIFACT-DIGEST",
             set_leaf(SUMMARY, "artifacts", DRAFT, value="0" * 64), forged=False),
    Mutation("artifact: another size", "E-ARTIFACT-SIZE",
             set_leaf(SUMMARY, "artifact_bytes", DRAFT, value=lambda n: n + 1), forged=False),
    Mutation("calls: gone", "E-LAYOUT-MISSING", remove(CALLS)),
    Mutation("calls: rubbish between lines", "E-JSON-SYNTAX",
             edit(CALLS, lambda d: b"rubbish\n" + d)),
    Mutation("calls: a line of another kind", "E-SCHEMA", edit(CALLS, lambda d: d + b"{}\n")),
    Mutation("calls: an empty line", "E-CALLS-LINE", edit(CALLS, lambda d: d + b"\n")),
    Mutation("calls: another video's line", "E-CALLS-LINE", change_call(0, video_id="other")),
    Mutation("calls: a step in stage 1", "E-CALLS-LINE", change_call(0, step_id=3)),
    Mutation("calls: a verdict with an answer", "E-CALLS-LINE", change_call(1, raw_answer="{}")),
    Mutation("calls: a date that does not exist", "E-CALLS-LINE",
             change_call(0, started_at_utc="2026-02-30T00:00:00Z")),
    Mutation("calls: another answer", "W-CALLS-ANSWER", change_call(0, raw_answer="{}")),
    Mutation("calls: a torn last line", "W-CALLS-TORN",
             edit(CALLS, lambda d: d + d.splitlines()[-1][:50])),
    Mutation("prompt: empty", "E-TEXT", text("stage1/stage1_user_prompt.txt", b" \n")),
    Mutation("prompt: not UTF-8", "E-TEXT", text("02_*/stage3_system_prompt.txt", b"caf\xe9")),
    Mutation("prompt: gone", "E-LAYOUT-MISSING", remove("stage2/stage2_system_prompt.txt")),
    Mutation("raw answer: another", "W-CALLS-ANSWER", text("02_*/stage3_raw*.txt", b"{}")),
)  # fmt: skip

PICTURES = (
    Mutation("pool: a picture gone", "E-LAYOUT-MISSING", remove(SAMPLES, 3)),
    Mutation("pool: a picture cut", "E-PICTURE-DECODE",
             edit(SAMPLES, lambda d: d[: len(d) // 2], 3)),
    Mutation("pool: a picture cut, its end put on again", "E-PICTURE-DECODE",
             edit(SAMPLES, lambda d: d[:300] + b"\xff\xd9", 3)),
    Mutation("pool: a PNG", "E-PICTURE-DECODE", edit(SAMPLES, as_png, 3)),
    Mutation("pool: an empty picture", "E-PICTURE-DECODE", edit(SAMPLES, lambda _: b"", 3)),
    Mutation("pool: a picture of another size", "E-PICTURE-SIZE", edit(SAMPLES, resized(0.5), 3)),
    Mutation("pool: the picture of another step", "E-CLIP-PICTURE", replace(SAMPLES, 3, 7)),
    Mutation("pool: a picture renamed", "E-LAYOUT-STALE",
             rename(SAMPLES, lambda n: n.replace("sample_004", "sample_099"), 3)),
    Mutation("step pool: a picture of the other end", "E-POOL-PICTURE",
             replace(STEP_SAMPLES, 2, 8)),
    Mutation("key frame: gone", "E-KEYFRAME-COUNT", remove(KEY_FRAMES)),
    Mutation("key frame: that of another step", "E-KEYFRAME-PICTURE", replace(KEY_FRAMES, 0, 2)),
    Mutation("key frame: smaller", "E-KEYFRAME-SIZE", edit(KEY_FRAMES, resized(0.5))),
    Mutation("key frame: a third one", "E-LAYOUT-STALE",
             copy(KEY_FRAMES, lambda _: "frame_016_ts_1.90s.jpg")),
    Mutation("key frame: cut", "E-PICTURE-DECODE", edit(KEY_FRAMES, lambda d: d[:-40])),
    Mutation("clip: gone", "E-LAYOUT-MISSING", remove(CLIPS, 1)),
    Mutation("clip: the neighbour's", "E-CLIP-PICTURE", replace(CLIPS, 1, 2)),
    Mutation("clip: cut", "E-CLIP-FRAMES", edit(CLIPS, lambda d: d[: len(d) * 19 // 20], 1)),
    Mutation("clip: a text", "E-CLIP-DECODE", edit(CLIPS, lambda _: b"#EXTM3U\n/etc/passwd\n", 1)),
    Mutation("clip: empty", "E-CLIP-DECODE", edit(CLIPS, lambda _: b"", 1)),
)  # fmt: skip

LAYOUT = (
    Mutation("a foreign file", "E-LAYOUT-FOREIGN", add("stage1/notes.txt")),
    Mutation("a foreign folder", "E-LAYOUT-FOREIGN", add("backup/a/b.txt")),
    Mutation("an old step folder", "E-LAYOUT-STALE", copy("02_*", lambda _: "05_old_step")),
    Mutation("an old clip", "E-LAYOUT-STALE", copy(CLIPS, lambda _: "step09_old.mp4")),
    Mutation("what a killed run left", "W-LAYOUT-TEMPORARY", add("stage1/.tmp-12-ab"),
             forged=False),
    Mutation("what a killed cut left", "W-LAYOUT-TEMPORARY",
             add("stage2/step_clips/.cut-ab.mp4"), forged=False),
    Mutation("what a Mac leaves", "W-LAYOUT-SYSTEM", add(".DS_Store"), forged=False),
    Mutation("a folder for a file", "E-LAYOUT-KIND", folder_for_file),
    Mutation("a file for a folder", "E-LAYOUT-KIND", file_for_folder),
    Mutation("a link that leads outside", "E-LAYOUT-LINK", link(DRAFT, lambda kept: kept)),
    Mutation("a link to nowhere", "E-LAYOUT-LINK", link(DRAFT, lambda _: Path("nowhere"))),
    Mutation("a step folder gone", "E-LAYOUT-MISSING", remove("02_*")),
    Mutation("a stage gone", "E-LAYOUT-MISSING", remove("stage2")),
)  # fmt: skip

SENT = (
    Mutation("summary: another model asked", "W-SUMMARY-MADE",
             set_leaf(SUMMARY, "api_config", "model", value="other")),
    Mutation("summary: another way to ask", "W-SUMMARY-MADE",
             set_leaf(SUMMARY, "api_config", "structured_mode", value="loud")),
    Mutation("summary: another generation", "W-SUMMARY-MADE",
             set_leaf(SUMMARY, "stage3", "generation", value=1)),
    Mutation("summary: a generation of no stage", "W-SUMMARY-MADE",
             set_leaf(SUMMARY, "generations", value={"stage9": 1})),
    Mutation("summary: something unknown reused", "W-SUMMARY-MADE",
             set_leaf(SUMMARY, "stage1", "reused", value=["something"])),
    Mutation("summary: a warning of no step", "W-SUMMARY-MADE",
             set_leaf(SUMMARY, "stage3", "warnings", value=["step 1: dark"])),
    Mutation("summary: no numbers drawn", "W-SUMMARY-SAMPLING",
             set_leaf(SUMMARY, "sampling_config", "embed_index", value=False)),
    Mutation("summary: more usage than all requests", "W-SUMMARY-COUNT",
             set_leaf(SUMMARY, "stage1", "usage", "prompt_tokens", value=lambda n: n + 1)),
    Mutation("summary: a clip that took an answer", "W-SUMMARY-COUNT",
             set_leaf(SUMMARY, "stage2", "parts", "2", "attempts", value=1)),
    Mutation("summary: nothing of what a clip holds", "W-SUMMARY-PART",
             set_leaf(SUMMARY, "stage2", "parts", "2", "clip_end_sec", value=None)),
    Mutation("summary: updated before it was written", "W-SUMMARY-CLOCK",
             set_leaf(SUMMARY, "updated_at_utc", value="2020-01-01T00:00:00.000+00:00")),
    Mutation("segments: written after their stage", "W-SUMMARY-CLOCK",
             set_leaf(SEGMENTS, "generated_at_utc", value="2999-01-01T00:00:00.000+00:00")),
    Mutation("meta: written before the answer", "W-SUMMARY-CLOCK",
             set_leaf(META, "generated_at_utc", value="2020-01-01T00:00:00.000+00:00")),
    Mutation("calls: an answer under another key", "W-SUMMARY-MADE",
             answer_and_verdict(ask_key="0" * 64)),
    Mutation("calls: another model asked", "W-SUMMARY-MADE",
             answer_and_verdict(model_asked="other")),
    Mutation("calls: a verdict of another answer", "W-CALLS-VERDICT", change_call(1, call_id="x")),
    Mutation("calls: a verdict of another model", "W-CALLS-VERDICT",
             change_call(1, model_answered="other")),
    Mutation("calls: a verdict that sent something", "W-CALLS-VERDICT",
             change_call(1, request_bytes=5)),
    Mutation("calls: an answer without a verdict", "W-CALLS-VERDICT",
             edit(CALLS, without_line(1))),
    Mutation("calls: an answer twice", "W-CALLS-VERDICT",
             edit(CALLS, lambda d: d + d.splitlines(keepends=True)[0])),
    Mutation("calls: a latency longer than the call", "W-SUMMARY-CLOCK",
             change_call(0, latency_sec=1000.0)),
    Mutation("calls: line ends of Windows", "W-JSON-FORM",
             edit(CALLS, lambda d: d.replace(b"\n", b"\r\n"))),
    Mutation("calls: the answer in use was cut", "W-CALLS-ANSWER",
             answer_and_verdict(finish_reason="length")),
    Mutation("prompt: a word added", "W-PROMPT-DIFFERS",
             edit("02_*/stage3_user_prompt.txt", lambda d: d + b" Please.")),
    Mutation("pool: a byte of a picture that was sent", "W-PROMPT-DIFFERS",
             edit(SAMPLES, lambda d: d[:20] + b"\x07" + d[21:], 3)),
    Mutation("step manifest: another note", "W-MANIFEST-NOTE",
             set_leaf(STEP_MANIFEST, "note", value="9 of 21 displayed frames, "
                      "evenly spread from the first to the last.")),
)  # fmt: skip

ALL = (*JSON_TEXTS, *LEAVES, *DESCRIPTIONS, *RECORDS, *SENT, *PICTURES, *LAYOUT)
