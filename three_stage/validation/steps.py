"""The folder of one refined step: its files, its pool against its clip, its key frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.files import FrameManifest, Segment, StepMeta
from schemas.plan import CRITICAL_FRAMES, DraftStep, RefinedStep
from schemas.rules import refined_problems
from three_stage.media import MediaError
from three_stage.runs import StepPaths
from three_stage.validation.clip_file import TIME_TOLERANCE_SEC, ClipFile
from three_stage.validation.clips import (
    ClipCheck,
    check_against_pool,
    check_clip_file,
    check_described,
    check_range,
    coinciding,
)
from three_stage.validation.codes import Code
from three_stage.validation.layout_checks import key_frame_paths
from three_stage.validation.likeness import Comparison, are_alike
from three_stage.validation.pictures import read_picture
from three_stage.validation.pool import SeenPool, check_note, look_at_pool, read_manifest
from three_stage.validation.similarity import Canvas, Image, Sketch, padded, sketch
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
    view: FolderView, files: StepFiles | None, check: ClipCheck | None, video_pool: SeenPool | None
) -> None:
    """Decode a step's clip, pool and key frames and check what they show.

    ``video_pool`` are the pictures of stage 1. Without ``files`` (stage 3 is not done) only the
    clip is checked; without ``check`` (no usable segment) only pool and key frames.
    """
    step_pool = None
    if files is not None and files.manifest is not None:
        keep = {frame.frame_index - 1 for frame in files.step.critical_frames} if files.step else ()
        step_pool = look_at_pool(view, files.paths, files.manifest, keep=keep)
    if check is not None:
        check_range(view, check)
        _check_clip(view, files, check, video_pool, step_pool)
    if files is not None and files.manifest is not None and step_pool is not None:
        _check_key_frames(view, files, files.manifest, step_pool, check)


def _check_clip(
    view: FolderView,
    files: StepFiles | None,
    check: ClipCheck,
    video_pool: SeenPool | None,
    step_pool: SeenPool | None,
) -> None:
    if not view.require(check.path):
        return
    try:
        with ClipFile(check.path) as clip:
            check_clip_file(view, check, clip)
            of_video = set(coinciding(check, clip.times_sec).values())
            of_step: set[int] = set()
            if files is not None and files.manifest is not None:
                check_described(view, view.relpath(files.paths.manifest), files.manifest, clip)
                check_note(view, files.paths, files.manifest, len(clip.times_sec))
                _check_times(view, files, files.manifest, check, clip.times_sec)
                of_step = {frame.original_frame_index for frame in files.manifest.frames}
            for_video, for_step = _sketches(clip, (of_video, video_pool), (of_step, step_pool))
            if video_pool is not None:
                check_against_pool(view, check, clip, for_video, video_pool)
            if files is not None and files.manifest is not None and step_pool is not None:
                _check_pool(view, files, files.manifest, step_pool, for_step)
    except MediaError as error:
        message = str(error).replace(str(check.path), "it")
        view.findings.add(Code.CLIP_DECODE, view.relpath(check.path), message)


def _sketches(
    clip: ClipFile, *wanted: tuple[set[int], SeenPool | None]
) -> tuple[dict[int, Sketch], ...]:
    """Return sketches of the clip's frames as each pool needs them; once, where they agree.

    They differ where an odd side was padded, or pools have pictures of other sizes.
    """
    looks = {(p.canvas, p.width_px, p.height_px) for _, p in wanted if p is not None}
    made = {
        (canvas, width, height): clip.sketches(
            set().union(*(indices for indices, p in wanted if p and p.canvas == canvas)),
            canvas, width_px=width, height_px=height,
        )
        for canvas, width, height in looks
    }  # fmt: skip
    return tuple(made[p.canvas, p.width_px, p.height_px] if p else {} for _, p in wanted)


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
    seen: SeenPool,
    shown: Mapping[int, Sketch],
) -> None:
    """Check every picture of a step's pool against its frame of the clip."""
    folder = view.relpath(files.paths.folder)
    for place, of_pool in seen.sketches.items():
        frame = manifest.frames[place]
        of_clip = shown.get(frame.original_frame_index)
        if of_clip is not None:
            other = f"frame {frame.original_frame_index} (0-based) of the clip"
            what = Comparison(Code.POOL_PICTURE, f"{folder}/{frame.image_relpath}", other)
            are_alike(view, what, of_clip, of_pool)


def _check_key_frames(
    view: FolderView,
    files: StepFiles,
    manifest: FrameManifest,
    pool: SeenPool,
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
        if check is not None:
            _check_resolution(view, view.relpath(path), image, check)
        of_pool = pool.kept.get(critical.frame_index - 1)
        if of_pool is not None:
            other = f"picture {critical.frame_index} of the step's pool"
            cut = check.cut if check else None
            what = Comparison(Code.KEYFRAME_PICTURE, view.relpath(path), other, cut)
            like_clip = padded(image, manifest.video.width, manifest.video.height)
            canvas = Canvas(width_px=of_pool.shape[1], height_px=of_pool.shape[0])
            are_alike(view, what, sketch(like_clip, canvas), sketch(of_pool, canvas))


def _check_resolution(view: FolderView, relpath: str, image: Image, check: ClipCheck) -> None:
    video = check.pool.manifest.video
    height, width = image.shape[:2]
    if (width, height) != (video.width, video.height):
        view.findings.add(
            Code.KEYFRAME_SIZE,
            relpath,
            f"is {width}x{height} px, the source {video.width}x{video.height}",
        )
