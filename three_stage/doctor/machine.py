"""This machine: Python, packages, decoders, ffmpeg, cores and memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import av

from three_stage.doctor.findings import Finding
from three_stage.settings import PipelineSettings
from three_stage.validation import check_dependencies

DECODERS = (
    "h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mjpeg", "wmv2", "vc1",
    "flv", "prores", "theora",
)  # fmt: skip
"""Of the videos that people bring; either name of AV1 will do."""

WORKER_TAKES_BYTES = 1_000_000_000
"""A decoding worker on 4K video stays below this."""


def machine_findings(settings: PipelineSettings) -> Iterator[Finding]:
    """Look at what is installed; makes and decodes a picture and a clip in a temporary folder."""
    for one in check_dependencies(settings.tools.ffmpeg_bin):
        if one.problem is None:
            yield Finding(one.name, "ok", one.found)
        else:
            advice = f"{one.problem}. Install the project again: README.md says how."
            yield Finding(one.name, "FAIL", one.found, advice)
    yield _decoders()
    yield _memory(settings.run.num_workers)


def _decoders() -> Finding:
    missing = {name for name in DECODERS if name not in av.codecs_available}
    if missing & {"av1", "libdav1d"} != {"av1", "libdav1d"}:
        missing -= {"av1", "libdav1d"}
    if missing:
        return Finding(
            "codecs", "warn", f"no decoder for {', '.join(sorted(missing))}.",
            "Videos of these kinds will fail: install the av wheel from the package index.",
        )  # fmt: skip
    return Finding("codecs", "ok", f"{len(DECODERS) - 1} kinds of video can be decoded")


def _memory(num_workers: int) -> Finding:
    found = f"{os.cpu_count() or 1} cores, --num-workers {num_workers}"
    total = _memory_bytes()
    if total is None:
        return Finding("cores, memory", "ok", found)
    found += f", {total / 1e9:.0f} GB of memory"
    if total < num_workers * WORKER_TAKES_BYTES:
        advice = "That many decoders may need more: lower --num-workers."
        return Finding("cores, memory", "warn", found + ".", advice)
    return Finding("cores, memory", "ok", found)


def _memory_bytes() -> int | None:
    """Return the machine's memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
