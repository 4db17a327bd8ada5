"""All that is looked at, in the order in which a run would fail on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator

from loguru import logger

from prompts import PromptError, load_prompts
from three_stage.doctor.disk import disk_findings
from three_stage.doctor.endpoint import EndpointExam
from three_stage.doctor.findings import Finding
from three_stage.doctor.machine import machine_findings
from three_stage.settings import PipelineSettings, UsageError
from three_stage.settings.cli import DOTENV_FILE
from three_stage.settings.console import EXIT_DONE, EXIT_ENDPOINT, EXIT_FAILED
from three_stage.vlm import resolve_endpoint

_VARIABLES = ("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME")


async def examine(settings: PipelineSettings, show: Callable[[str], None]) -> int:
    """Look at everything, ``show`` a line each, and return the exit code.

    0: a run can start; 1: something here must be mended; 3: the endpoint is of no use. Raises
    UsageError for options that cannot work anywhere.
    """
    try:
        prompts = load_prompts(settings.run.prompts_dir)
    except PromptError as error:
        raise UsageError(str(error)) from None
    exam = EndpointExam(settings, resolve_endpoint(settings.endpoint), prompts)
    here = await _shown("this machine", _here(settings), show)
    with _no_messages_of_a_run():
        patience = f"at most {exam.answer_takes_sec:g} s for an answer"
        there = await _shown(f"the endpoint ({patience})", exam.findings(), show)
    if taken := exam.taken():
        show(taken)
    if any(one.level == "FAIL" for one in here):
        show("A run cannot start here before that is mended.")
        return EXIT_FAILED
    if not exam.is_usable:
        show("A run cannot use this endpoint as it is.")
        return EXIT_ENDPOINT
    warned = any(one.level == "warn" for one in (*here, *there))
    show("A run can start." + (" Look at the warnings first." if warned else ""))
    return EXIT_DONE


@contextlib.contextmanager
def _no_messages_of_a_run() -> Iterator[None]:
    """Keep back what asking logs: it is said to somebody who waits for a run."""
    logger.disable("three_stage.vlm")
    try:
        yield
    finally:
        logger.enable("three_stage.vlm")


async def _shown(
    title: str, findings: AsyncIterator[Finding], show: Callable[[str], None]
) -> list[Finding]:
    show(title)
    kept = []
    async for finding in findings:
        show(finding.line())
        kept.append(finding)
    return kept


async def _here(settings: PipelineSettings) -> AsyncIterator[Finding]:
    yield _settings_from()
    for finding in await asyncio.to_thread(lambda: list(machine_findings(settings))):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(disk_findings(settings.run.output_root))):
        yield finding


def _settings_from() -> Finding:
    """Say where settings come from, by name: no value is shown."""
    named = [name for name in _VARIABLES if os.environ.get(name)]
    ours = sorted(name for name in os.environ if name.startswith("THREE_STAGE_"))
    parts = [", ".join(named + ours)] if named + ours else []
    if DOTENV_FILE.is_file():
        parts.append(str(DOTENV_FILE.absolute()))
    return Finding("settings from", "ok", "; ".join((*parts, "the command line")))
