"""One video's folder → its page and its line of the index. Runs in a worker process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from three_stage.report.contents import (
    FolderReader,
    Problem,
    VideoContents,
    read_video,
)
from three_stage.report.destination import PAGES
from three_stage.report.formats import share
from three_stage.report.links import (
    file_address,
    page_stem,
    printable,
    relative_address,
)
from three_stage.report.pictures import SmallPicture
from three_stage.report.rendering import render, web_file
from three_stage.report.source import SourceOffer, offer_source
from three_stage.report.standing import (
    Call,
    calls_of,
    judge,
    spending_of,
    verdict_of,
    worked_sec,
)
from three_stage.report.values import MadePage, PageJob, Verdict, VideoRow
from three_stage.report.views import (
    Mark,
    PageMedia,
    Shot,
    StepView,
    duration_of,
    pool_shots,
    poster_of,
    step_views,
    still_of,
)
from three_stage.runs import write_bytes

OFFLINE = "offline"


@dataclass(frozen=True)
class _Seen:
    """Everything that one page shows."""

    contents: VideoContents
    problems: tuple[Problem, ...]
    calls: tuple[Call, ...]
    pool: tuple[Shot, ...]
    steps: tuple[StepView, ...]
    source: SourceOffer
    poster: SmallPicture | None
    still: SmallPicture | None


def make_page(job: PageJob) -> MadePage:
    """Write the page of one video and put its media beside it.

    Never raises for what lies in the folder. Raises OutputError when the report cannot be written.
    """
    stem = page_stem(job.folder.name)
    media = PageMedia(job.destination, stem)
    seen = _look(job, media)
    row = _row(job, seen, f"{PAGES}/{stem}.html")
    page = job.destination / PAGES / f"{stem}.html"
    write_bytes(page, _page(job, seen, row))
    return MadePage(row, (page, *media.files))


def _look(job: PageJob, media: PageMedia) -> _Seen:
    contents, reader = read_video(job.folder), FolderReader(job.folder)
    calls = calls_of(contents.journal)
    source = offer_source(contents, job.destination / PAGES)
    if job.with_source and source.path is not None:
        source = source.placed(media.put(source.path, f"source{source.path.suffix.lower()}"))
    pool = tuple(pool_shots(reader, contents.layout.stage1.samples, contents.manifest))
    steps = tuple(step_views(reader, contents, calls, media))
    poster, still = poster_of(reader, contents), still_of(reader, contents)
    problems = (*contents.problems, *reader.problems)
    return _Seen(contents, problems, calls, pool, steps, source, poster, still)


def _row(job: PageJob, seen: _Seen, page: str) -> VideoRow:
    contents, summary, findings = seen.contents, seen.contents.summary, job.findings
    return VideoRow(
        name=contents.name,
        page=page,
        poster=seen.poster.address if seen.poster else None,
        goal=contents.goal,
        standing=judge(contents),
        steps=len(seen.steps) or None,
        duration_sec=contents.manifest.video.duration_sec if contents.manifest else None,
        verdict=verdict_of(findings),
        errors=len(findings.errors) if findings else 0,
        warnings=len(findings.warnings) if findings else 0,
        spending=spending_of(seen.calls),
        worked_sec=worked_sec(summary),
        is_offline=summary is not None and summary.api_config.provider == OFFLINE,
        problems=tuple(f"{problem.relpath} {problem.message}" for problem in seen.problems),
    )


def _page(job: PageJob, seen: _Seen, row: VideoRow) -> bytes:
    contents, duration_sec = seen.contents, duration_of(seen.contents)
    marks = _marks(seen.steps, duration_sec)
    values = {
        "row": row,
        "contents": contents,
        "problems": seen.problems,
        "summary": contents.summary,
        "manifest": contents.manifest,
        "steps": seen.steps,
        "pool": seen.pool,
        "still": seen.still,
        "calls": seen.calls,
        "findings": job.findings,
        "is_checked": row.verdict is not Verdict.NOT_ASKED,
        "source": seen.source,
        "duration_sec": duration_sec,
        "ticks": [share(shot.time_sec, duration_sec) for shot in seen.pool],
        "marks": marks,
        "files": _files(contents, job.destination / PAGES),
        "folder_address": file_address(job.folder.absolute()),
        "folder_path": printable(str(job.folder.absolute())),
        "player": _player(seen.source, seen.steps, duration_sec),
    }
    return render(
        "video.html.j2",
        job.languages,
        values,
        styles=(web_file("report.css"), _places(seen.steps, marks)),
        scripts=(web_file("common.js"), web_file("video.js")),
    )


def _marks(steps: Sequence[StepView], duration_sec: float) -> list[Mark]:
    return [
        Mark(
            share(key.shot.time_sec, duration_sec),
            key.shot.time_sec,
            step.contents.step_id,
            step.color,
        )
        for step in steps
        for key in step.key_frames
        if key.shot is not None
    ]


def _places(steps: Sequence[StepView], marks: Sequence[Mark]) -> str:
    """Return the rules that put bars and marks on the timeline: numbers, nothing of anybody."""
    bars = [
        f"#bar-{step.contents.step_id}{{left:{step.bar.left}%;width:{step.bar.width}%}}"
        for step in steps
        if step.bar is not None
    ]
    return "\n".join(
        [*bars, *(f"#mark-{i}{{left:{mark.left}%}}" for i, mark in enumerate(marks, start=1))]
    )


def _files(contents: VideoContents, pages: Path) -> list[tuple[str, str | None]]:
    """Return the folder's own files that people open, with their addresses."""
    layout = contents.layout
    wanted = (layout.plan, layout.summary, layout.calls, layout.draft, layout.segments)
    there = [path for path in wanted if path.is_file()]
    return [
        (layout.relpath(path), file_address(path.absolute()) or relative_address(path, pages))
        for path in there
    ]


def _player(source: SourceOffer, steps: Sequence[StepView], duration_sec: float) -> dict[str, Any]:
    """Return what the page's script needs to know; times in seconds of the source."""
    return {
        "duration": duration_sec,
        "sources": list(source.addresses),
        "offset": source.first_frame_offset_sec,
        "steps": [
            {
                "id": step.contents.step_id,
                "start": step.contents.segment.start_sec,
                "end": step.contents.segment.end_sec,
                "clip": {
                    "src": step.clip.address,
                    "start": step.clip.start_sec,
                    "end": step.clip.end_sec,
                    "offset": step.clip.first_frame_offset_sec,
                }
                if step.clip
                else None,
            }
            for step in steps
            if step.contents.segment is not None
        ],
    }
