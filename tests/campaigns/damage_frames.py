"""Damage that moves things by one frame, with everything beside it that a forger would think of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from random import Random
from typing import Any

from tests.campaigns.damage_folder import (
    Change,
    Document,
    GoodFolder,
    Keys,
    at,
    path_text,
    with_value,
)
from tests.campaigns.damage_kind import Kind, Spoilt, Spot
from three_stage.runs import key_frame_name, sample_name

Values = dict[Keys, Any]
"""New values by place."""

_STAGE1_MANIFEST = "stage1/frame_manifest.json"


def _spots(good: GoodFolder, _rng: Random) -> Iterator[Spot]:
    for document in good.documents:
        if document.relpath.endswith("frame_manifest.json"):
            yield from _manifest_spots(good, document)
        elif document.relpath.endswith("localization_raw.json"):
            yield from _index_spots(good, document, "steps")
        elif document.relpath.endswith("step_segments.json"):
            yield from _segment_spots(good, document)
        elif document.relpath.endswith("step_meta.json"):
            names = ("clip_start_sec", "clip_end_sec")
            yield from _time_spots(good, document, (), names)
        elif document.relpath.endswith("step_final.json"):
            yield from _step_spots(good, document)


def _set(value: Any, changes: Values) -> Any:
    for keys, new in changes.items():
        value = with_value(value, keys, new)
    return value


def _spot(good: GoodFolder, document: Document, what: str, values: Values, *more: Change) -> Spot:
    def make() -> Spoilt | None:
        text = document.text(_set(document.value, values))
        if text == document.own_text:
            return None
        return Spoilt(what, (*more, good.written(document, text)))

    where = path_text(next(iter(values)))
    return Spot(f"{document.kind} {what}", document.relpath, where, make)


def _frame_sec(good: GoodFolder) -> float:
    video = next(d.value["video"] for d in good.documents if d.relpath == _STAGE1_MANIFEST)
    return float(1 / video["average_fps"])


def _later(good: GoodFolder, time_sec: float) -> float:
    return round(time_sec + _frame_sec(good), 6)


def _manifest_spots(good: GoodFolder, document: Document) -> Iterator[Spot]:
    folder = PurePosixPath(document.relpath).parent
    for place, frame in enumerate(document.value["frames"]):
        here: Keys = ("frames", place)
        time_sec = _later(good, frame["timestamp_sec"])
        time: Values = {(*here, "timestamp_sec"): time_sec}
        index: Values = {(*here, "original_frame_index"): frame["original_frame_index"] + 1}
        name = f"sampled_frames/{sample_name(frame['frame_index_1based'], time_sec)}"
        renamed = Change("rename", f"{folder}/{frame['image_relpath']}", target=f"{folder}/{name}")
        path: Values = {(*here, "image_relpath"): name}
        yield _spot(good, document, "time", time)
        yield _spot(good, document, "index", index)
        yield _spot(good, document, "time and index", {**time, **index})
        yield _spot(good, document, "time, name and file", {**time, **path}, renamed)
        yield _spot(
            good, document, "time, index, name and file", {**time, **index, **path}, renamed
        )


def _index_spots(good: GoodFolder, document: Document, under: str) -> Iterator[Spot]:
    for place in range(len(document.value[under])):
        for name in ("start_frame_index", "end_frame_index"):
            keys: Keys = (under, place, name)
            yield _spot(good, document, name, {keys: at(document.value, keys) + 1})


def _segment_spots(good: GoodFolder, document: Document) -> Iterator[Spot]:
    frames = next(d.value["frames"] for d in good.documents if d.relpath == _STAGE1_MANIFEST)
    yield from _index_spots(good, document, "segments")
    for place, segment in enumerate(document.value["segments"]):
        here: Keys = ("segments", place)
        names = ("start_sec", "end_sec", "clip_start_sec", "clip_end_sec")
        yield from _time_spots(good, document, here, names)
        for end in ("start", "end"):
            index = segment[f"{end}_frame_index"]
            if index < len(frames):
                yield _spot(good, document, f"{end}: index, time and picture", {
                    (*here, f"{end}_frame_index"): index + 1,
                    (*here, f"{end}_sec"): frames[index]["timestamp_sec"],
                    (*here, f"clip_{end}_sec"): frames[index]["timestamp_sec"],
                    (*here, f"{end}_image_relpath"): frames[index]["image_relpath"],
                })  # fmt: skip


def _time_spots(
    good: GoodFolder, document: Document, here: Keys, names: tuple[str, ...]
) -> Iterator[Spot]:
    values: Values = {}
    for name in names:
        keys: Keys = (*here, name)
        values[keys] = _later(good, at(document.value, keys))
        yield _spot(good, document, name, {keys: values[keys]})
    yield _spot(good, document, "all times", values)


def _step_spots(good: GoodFolder, document: Document) -> Iterator[Spot]:
    folder = PurePosixPath(document.relpath).parent
    manifest = next(d.value for d in good.documents if d.relpath == f"{folder}/frame_manifest.json")
    for place, critical in enumerate(document.value["critical_frames"]):
        index = critical["frame_index"]
        keys: Keys = ("critical_frames", place, "frame_index")
        yield _spot(good, document, "frame_index", {keys: index + 1})
        if index < len(manifest["frames"]):
            names = [
                f"{folder}/{key_frame_name(i, manifest['frames'][i - 1]['timestamp_sec'])}"
                for i in (index, index + 1)
            ]
            renamed = Change("rename", names[0], target=names[1])
            yield _spot(good, document, "frame_index and file", {keys: index + 1}, renamed)


KINDS = (
    Kind("one frame later", "an index or a time moved by one frame, alone or with what follows "
         "from it: other fields, names, files", _spots),
)  # fmt: skip
