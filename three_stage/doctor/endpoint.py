"""The endpoint: is it there, does it know the model, and how can it be asked?"""

from __future__ import annotations

import difflib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

from prompts import Prompt
from schemas.files import Usage
from three_stage.doctor.findings import Finding
from three_stage.doctor.question import Notebook, small_question
from three_stage.settings import EndpointSettings, PipelineSettings, ThreeStageError
from three_stage.vlm import (
    LADDER,
    Asker,
    Budget,
    Endpoint,
    Fault,
    FaultKind,
    NoValidAnswerError,
    RunEndingError,
    Words,
    list_models,
)

LISTING_TAKES_SEC, ANSWER_TAKES_SEC, PATIENCE_SEC = 20.0, 120.0, 10.0
FEW_PICTURES = 12
_NAMES_SHOWN = 5


@dataclass
class EndpointExam:
    """Asks an endpoint a few small questions; afterwards ``usage`` says what that took."""

    settings: PipelineSettings
    endpoint: Endpoint
    prompts: Mapping[str, Prompt]
    usage: Usage = field(default_factory=Usage)
    is_usable: bool = False

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield what is found, one after the other; stops where nothing further can succeed."""
        yield self._address()
        listed = await self._listed()
        yield listed
        if listed.level == "FAIL":
            return
        best: str | None = None
        for mode in self._modes():
            found, has_ended = await self._asked(mode, FEW_PICTURES, f"asked by {mode}")
            yield found
            if has_ended:
                return
            best = best or (mode if found.level == "ok" else None)
        yield _conclusion(best)
        if best is not None:
            many = self.settings.sampling.max_frames
            found, _ = await self._asked(best, many, f"{many} pictures")
            self.is_usable = found.level == "ok"
            yield found if self.is_usable else replace(found, level="FAIL")

    def _modes(self) -> tuple[str, ...]:
        asked = self.settings.endpoint.structured_mode
        return LADDER if asked == "auto" else (asked,)

    def _address(self) -> Finding:
        if self.endpoint.is_offline:
            advice = "Set --provider or --api-base for a real model."
            return Finding(
                "endpoint", "warn", "none is set: the embedded offline model answers.", advice
            )
        tail = self.endpoint.key_tail
        key = f"key ...{tail}" if tail else "a short key, or none"
        where = f"{self.endpoint.api_base} ({self.endpoint.provider})"
        return Finding("endpoint", "ok", f"{self.endpoint.model} at {where}, {key}")

    async def _listed(self) -> Finding:
        """Ask for the list of models: the cheapest way to see that somebody is there."""
        started = time.monotonic()
        names = await list_models(self.endpoint, timeout_sec=LISTING_TAKES_SEC)
        took = f"answered in {(time.monotonic() - started) * 1000:.0f} ms"
        if isinstance(names, Fault):
            return _no_list(names)
        if not names:
            return Finding("model", "ok", f"{took}; it lists no models")
        if self.endpoint.model in names:
            return Finding("model", "ok", f"{took}; it has {self.endpoint.model}")
        near = difflib.get_close_matches(self.endpoint.model, names, _NAMES_SHOWN, cutoff=0.3)
        shown = ", ".join(near or names[:_NAMES_SHOWN])
        more = "" if len(names) <= len(near or names[:_NAMES_SHOWN]) else f" ({len(names)} in all)"
        found = f"{took}; it does not list {self.endpoint.model}, but {shown}{more}."
        return Finding("model", "warn", found, "Check --model.")

    async def _asked(self, mode: str, num_pictures: int, name: str) -> tuple[Finding, bool]:
        """Ask in one way; tell also whether the endpoint ended everything."""
        notebook, question = Notebook(), small_question(self.prompts, num_pictures)
        started = time.monotonic()
        try:
            async with self._asker(mode) as asker:
                answer = await asker.ask(question, notebook)
        except RunEndingError as error:
            return Finding(name, "FAIL", str(error)), True
        except NoValidAnswerError as error:
            return Finding(name, "warn", f"answered, but not as asked: {error.errors[0]}"), False
        except ThreeStageError as error:
            return Finding(name, "warn", str(error)), False
        finally:
            self.usage = self.usage.plus(notebook.usage())
        seconds = time.monotonic() - started
        repaired = f"; {answer.notes[0]}" if answer.notes else ""
        tokens = f"{answer.usage.prompt_tokens} + {answer.usage.completion_tokens} tokens"
        return Finding(name, "ok", f"a valid answer in {seconds:.1f} s, {tokens}{repaired}"), False

    def _asker(self, mode: str) -> Asker:
        given: EndpointSettings = self.settings.endpoint
        return Asker(
            self.endpoint,
            replace(
                given,
                structured_mode=mode,
                api_call_retries=min(given.api_call_retries, 1),
                api_timeout_sec=min(given.api_timeout_sec, ANSWER_TAKES_SEC),
                endpoint_patience_sec=min(given.endpoint_patience_sec, PATIENCE_SEC),
            ),
            Budget.from_settings(self.settings.budget, model=self.endpoint.model),
            max_body_bytes=int(self.settings.sampling.max_body_mb * 1_000_000),
            words=Words.from_prompts(self.prompts),
        )


def _no_list(fault: Fault) -> Finding:
    """A server may know no list of models; one that refuses the key, or is not there, is no use."""
    knows_no_list = fault.status in (400, 404, 405, 501)
    if knows_no_list or fault.kind is FaultKind.RATE_LIMITED:
        return Finding("model", "ok", f"it cannot be asked for its models (status {fault.status})")
    return Finding("model", "FAIL", str(fault))


def _conclusion(best: str | None) -> Finding:
    if best is None:
        return Finding(
            "structured output", "FAIL", "no way of asking got a valid answer.",
            "Is it a vision-language model? The lines above say what came back.",
        )  # fmt: skip
    if best == "json_schema":
        return Finding("structured output", "ok", "the server holds the model to our schema")
    return Finding(
        "structured output", "warn", f"the best that works is {best}.",
        "Expect more answers that have to be asked again.",
    )  # fmt: skip
