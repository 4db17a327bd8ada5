"""The folder of one refined step: its files, its pool against its clip, its key frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.files import FrameManifest, Segment, StepMeta
from schemas.plan import CRITICAL_FRAMES, DraftStep, RefinedStep
from schemas.rules import refined_problems
from three_stage.media import MediaError
from three_stage.runs import StepPaths
from three_stage.validation.clip_file import ClipFile
from three_stage.validation.clips import (
    TIME_TOLERANCE_SEC,
    ClipCheck,
    check_against_pool,
    check_clip_file,
    check_described,
    check_range,
    coinciding,
)
from three_stage.validation.codes import Code
from three_stage.validation.layout_checks import key_frame_paths
from three_stage.validation.likeness import Comparison, check_alike
from three_stage.validation.pictures import read_picture
from three_stage.validation.pool import pool_pictures, read_manifest
from three_stage.validation.similarity import Image, Sketch, padded, sketch
from three_stage.validation.summary import is_real_time
from three_stage.validation.view import FolderView


@dataclass(frozen=True)
class StepFiles:
    """What the JSON files of a step's folder say; None for one that cannot be used."""

    paths: StepPaths
    step: RefinedStep | None
    manifest: FrameManifest | None
    meta: StepMeta | None


def read_step(view: FolderView, draft_step: DraftStep) -> StepFiles:
    """Read the JSON files of a step and check them against each other and the draft."""
    paths = view.layout.step(draft_step.step_id, draft_step.step_goal)
    step = view.read_model(paths.final, RefinedStep, "step_final")
    manifest = read_manifest(view, paths)
    meta = view.read_model(paths.meta, StepMeta, "step_meta")
    if step is not None:
        most = manifest.num_frames if manifest else max(f.frame_index for f in step.critical_frames)
        problems = refined_problems(step, draft_step, most)
        view.findings.add_all(Code.STEP_RULE, view.relpath(paths.final), problems)
    return StepFiles(paths, step, manifest, meta)


def check_meta(view: FolderView, files: StepFiles, segment: Segment) -> None:
    """Check step_meta.json against the segment, the clip's name and the step's manifest."""
    meta, relpath = files.meta, view.relpath(files.paths.meta)
    if meta is None:
        return
    wanted: dict[str, object] = {
        name: getattr(segment, name)
        for name in ("step_id", "step_goal", "clip_start_sec", "clip_end_sec")
    }
    if files.manifest is not None:
        wanted["num_frames"] = files.manifest.num_frames
    for name, value in wanted.items():
        if getattr(meta, name) != value:
            view.findings.add(
                Code.META_RULE, relpath, f"{name}: must be {value!r}; got {getattr(meta, name)!r}"
            )
    if not is_real_time(meta.generated_at_utc):
        view.findings.add(Code.META_RULE, relpath, f"generated_at_utc: {meta.generated_at_utc!r}")
    clip = view.layout.clip(segment.step_id, segment.step_goal)
    base = files.paths.folder
    view.check_path(files.paths.meta, "clip_path", meta.clip_path, base=base, wanted=clip)
    view.check_path(
        files.paths.meta, "manifest_path", meta.manifest_path, base=base,
        wanted=files.paths.manifest,
    )  # fmt: skip


def check_step_media(
    view: FolderView,
    files: StepFiles | None,
    check: ClipCheck | None,
    pool_sketches: Mapping[int, Sketch],
) -> None:
    """Decode a step's clip, pool and key frames and check what they show.

    ``pool_sketches`` are those of the video's pool by place in its manifest. Without ``files``
    (stage 3 is not done) only the clip is checked; without ``check`` (no usable segment) only pool
    and key frames.
    """
    shown: dict[int, Sketch] = {}
    manifest = files.manifest if files else None
    if check is not None:
        check_range(view, check)
        shown = _check_clip(view, files, check, pool_sketches)
    if files is not None and manifest is not None:
        chosen = _check_pool(view, files, manifest, shown)
        _check_key_frames(view, files, manifest, chosen, check)


def _check_clip(
    view: FolderView,
    files: StepFiles | None,
    check: ClipCheck,
    pool_sketches: Mapping[int, Sketch],
) -> dict[int, Sketch]:
    """Check a clip and return sketches of those of its frames that the step's pool shows."""
    if not view.require(check.path):
        return {}
    try:
        with ClipFile(check.path) as clip:
            check_clip_file(view, check, clip)
            manifest = files.manifest if files else None
            if files is not None and manifest is not None:
                check_described(view, view.relpath(files.paths.manifest), manifest, clip)
                _check_times(view, files, manifest, check, clip.times_sec)
            for_video, for_step = _sketches(clip, check, manifest)
            check_against_pool(view, check, clip, for_video, pool_sketches)
            return for_step
    except MediaError as error:
        message = str(error).replace(str(check.path), "it")
        view.findings.add(Code.CLIP_DECODE, view.relpath(check.path), message)
        return {}


def _sketches(
    clip: ClipFile, check: ClipCheck, manifest: FrameManifest | None
) -> tuple[dict[int, Sketch], dict[int, Sketch]]:
    """Return sketches of the clip's frames at the video's size and at the step's, decoded once.

    The two sizes differ where an odd side was padded.
    """
    video = check.pool.manifest.video
    indices = set(coinciding(check, clip.times_sec).values())
    if manifest is None:
        return clip.sketches(indices, width_px=video.width, height_px=video.height), {}
    of_step = {frame.original_frame_index for frame in manifest.frames}
    width, height = manifest.video.width, manifest.video.height
    if (width, height) == (video.width, video.height):
        both = clip.sketches(indices | of_step, width_px=width, height_px=height)
        return both, both
    return (
        clip.sketches(indices, width_px=video.width, height_px=video.height),
        clip.sketches(of_step, width_px=width, height_px=height),
    )


def _check_times(
    view: FolderView,
    files: StepFiles,
    manifest: FrameManifest,
    check: ClipCheck,
    times_sec: tuple[float, ...],
) -> None:
    relpath, start = view.relpath(files.paths.manifest), check.segment.clip_start_sec
    for position, frame in enumerate(manifest.frames):
        field = f"frames[{position}]"
        index = frame.original_frame_index
        if index >= len(times_sec):
            view.findings.add(
                Code.STEP_TIME,
                relpath,
                f"{field}.original_frame_index: {index}, the clip has {len(times_sec)} frames",
            )
        elif abs(start + times_sec[index] - frame.timestamp_sec) > TIME_TOLERANCE_SEC:
            view.findings.add(
                Code.STEP_TIME,
                relpath,
                f"{field}.timestamp_sec: {frame.timestamp_sec}, the clip shows frame {index} at "
                f"{start + times_sec[index]} s of the source",
            )


def _check_pool(
    view: FolderView,
    files: StepFiles,
    manifest: FrameManifest,
    shown: Mapping[int, Sketch],
) -> dict[int, Image]:
    """Check every picture against its frame of the clip; return those of the critical frames."""
    critical = {frame.frame_index for frame in files.step.critical_frames} if files.step else set()
    chosen: dict[int, Image] = {}
    for frame, image in pool_pictures(view, files.paths, manifest):
        if frame.frame_index_1based in critical:
            chosen[frame.frame_index_1based] = image
        of_clip = shown.get(frame.original_frame_index)
        if of_clip is not None:
            relpath = f"{view.relpath(files.paths.folder)}/{frame.image_relpath}"
            other = f"frame {frame.original_frame_index} (0-based) of the clip"
            what = Comparison(Code.POOL_PICTURE, relpath, other)
            size = (manifest.video.width, manifest.video.height)
            check_alike(view, what, of_clip, sketch(image, *size))
    return chosen


def _check_key_frames(
    view: FolderView,
    files: StepFiles,
    manifest: FrameManifest,
    chosen: Mapping[int, Image],
    check: ClipCheck | None,
) -> None:
    if files.step is None:
        return
    expected = key_frame_paths(files.paths, files.step, manifest)
    present = sum(view.has_file(path) for path in expected)
    if present != CRITICAL_FRAMES:
        view.findings.add(
            Code.KEYFRAME_COUNT,
            view.relpath(files.paths.folder),
            f"has {present} of its {CRITICAL_FRAMES} key frames "
            f"({', '.join(path.name for path in expected)})",
        )
    for path, critical in zip(expected, files.step.critical_frames, strict=False):
        image = read_picture(view, path)
        if image is None:
            continue
        relpath = view.relpath(path)
        if check is not None:
            _check_resolution(view, relpath, image, check)
        of_pool = chosen.get(critical.frame_index)
        if of_pool is not None:
            other = f"picture {critical.frame_index} of the step's pool"
            cut = check.cut if check else None
            what = Comparison(Code.KEYFRAME_PICTURE, relpath, other, cut)
            like_clip = padded(image, manifest.video.width, manifest.video.height)
            check_alike(view, what, *_at_size_of(like_clip, of_pool))


def _at_size_of(image: Image, of_pool: Image) -> tuple[Sketch, Sketch]:
    """Return the sketches of two pictures with all the detail that the second one has."""
    height, width = of_pool.shape[:2]
    longest = max(width, height)
    return sketch(image, width, height, longest), sketch(of_pool, width, height, longest)


def _check_resolution(view: FolderView, relpath: str, image: Image, check: ClipCheck) -> None:
    video = check.pool.manifest.video
    height, width = image.shape[:2]
    if (width, height) != (video.width, video.height):
        view.findings.add(
            Code.KEYFRAME_SIZE,
            relpath,
            f"is {width}x{height} px, the source {video.width}x{video.height}",
        )
