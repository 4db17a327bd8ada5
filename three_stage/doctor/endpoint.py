"""The endpoint: is it there, does it know the model, and how can it be asked?"""

from __future__ import annotations

import contextlib
import difflib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from prompts import Prompt
from three_stage.doctor.findings import Finding
from three_stage.doctor.question import (
    Notebook,
    follows_schema,
    prose_question,
    small_question,
)
from three_stage.settings import PipelineSettings, ThreeStageError
from three_stage.vlm import (
    LADDER,
    AnswerBlockedError,
    Asker,
    Budget,
    Endpoint,
    EndpointDownError,
    Fault,
    FaultKind,
    NoValidAnswerError,
    Question,
    RunEndingError,
    Words,
    list_models,
)

LISTING_TAKES_SEC, ANSWER_TAKES_SEC = 20.0, 60.0
"""How long we wait at most; a shorter --api-timeout-sec counts instead."""

FEW_PICTURES = 12
PROSE_TOKENS = 400
"""Of an answer that has no end: a model that wants prose and may not may write blanks for ever."""

_NAMES_SHOWN = 5
_WAITED_SHARE = 0.98
"""A timer may fire a little early."""

_COLD = "The first answer of a cold server may take longer: ask again."
_IMPATIENT = "Raise --api-timeout-sec if answers take that long."
_LATER = (
    "Ask again in a while, and look at the server's log if it is yours. A run would try again for "
    "up to --endpoint-patience-sec."
)


class EndpointExam:
    """Asks an endpoint a few small questions, each once; afterwards ``taken`` says what that took.

    Raises UsageError for a price that a cap of the run needs and that is not there.
    """

    def __init__(
        self, settings: PipelineSettings, endpoint: Endpoint, prompts: Mapping[str, Prompt]
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._prompts = prompts
        limit_sec = settings.endpoint.api_timeout_sec
        self.answer_takes_sec = min(limit_sec, ANSWER_TAKES_SEC)
        self._listing_takes_sec = min(limit_sec, LISTING_TAKES_SEC)
        Budget.from_settings(settings.budget, model=endpoint.model)  # refuses what a run refuses
        uncapped = replace(settings.budget, max_cost=None, max_total_tokens=None)
        self._budget = Budget.from_settings(uncapped, model=endpoint.model)
        self._notebook = Notebook()
        self.is_usable = False

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
        is_held = await self._is_held() if best == "json_schema" else None
        yield _conclusion(best, is_held=is_held)
        if best is not None:
            many = self._settings.sampling.max_frames
            found, _ = await self._asked(best, many, f"{many} pictures")
            self.is_usable = found.level == "ok"
            yield found if self.is_usable else replace(found, level="FAIL")

    def taken(self) -> str:
        """Say how much was asked and what the answers took; empty when nothing was asked."""
        requests, answers = self._notebook.requests, len(self._notebook.answers)
        if not requests:
            return ""
        asked = "asked 1 request" if requests == 1 else f"asked {requests} requests"
        if not answers:
            return f"{asked}; none was answered"
        usage = self._notebook.usage()
        cost = self._budget.cost_of(usage)
        took = f"{usage.total_tokens:,} tokens"
        if cost is not None:
            took += f", {cost:.4f} {self._budget.currency}".rstrip()
        return f"{asked}, {took}" if answers == requests else f"{asked}; {answers} answered, {took}"

    def _modes(self) -> tuple[str, ...]:
        asked = self._settings.endpoint.structured_mode
        return LADDER if asked == "auto" else (asked,)

    def _address(self) -> Finding:
        endpoint = self._endpoint
        if endpoint.is_offline and self._settings.endpoint.provider:
            found = "--provider offline: the embedded model answers; it understands nothing"
            return Finding("endpoint", "ok", found)
        if endpoint.is_offline:
            advice = "Set --provider or --api-base for a real model."
            return Finding(
                "endpoint", "warn", "none is set: the embedded offline model answers.", advice
            )
        tail = endpoint.key_tail
        key = f"key ...{tail}" if tail else "a short key, or none"
        where = f"{endpoint.api_base} ({endpoint.provider})"
        return Finding("endpoint", "ok", f"{endpoint.model} at {where}, {key}")

    async def _listed(self) -> Finding:
        """Ask for the list of models: the cheapest way to see that somebody is there."""
        names = await list_models(self._endpoint, timeout_sec=self._listing_takes_sec)
        if isinstance(names, Fault):
            return _no_list(names)
        model = self._endpoint.model
        if not names:
            return Finding("model", "ok", "it answers, and lists no models")
        if model in names:
            return Finding("model", "ok", f"it answers, and has {model}")
        near = difflib.get_close_matches(model, names, _NAMES_SHOWN, cutoff=0.3)
        shown = near or names[:_NAMES_SHOWN]
        more = "" if len(names) <= len(shown) else f" ({len(names)} in all)"
        found = f"it answers, and does not list {model}, but {', '.join(shown)}{more}."
        return Finding("model", "warn", found, "Check --model.")

    async def _asked(self, mode: str, num_pictures: int, name: str) -> tuple[Finding, bool]:
        """Ask in one way; tell also whether the endpoint ended everything."""
        question = small_question(self._prompts, num_pictures)
        started = time.monotonic()
        try:
            async with self._asker(mode) as asker:
                answer = await asker.ask(question, self._notebook)
        except EndpointDownError:
            return self._unanswered(name), True
        except RunEndingError as error:
            return Finding(name, "FAIL", str(error)), True
        except NoValidAnswerError as error:
            return Finding(name, "warn", f"answered, but not as asked: {error.errors[0]}"), False
        except AnswerBlockedError as error:
            advice = "It refuses pictures of coloured squares: try another --model."
            return Finding(name, "warn", _without_key(error, question), advice), False
        except ThreeStageError as error:
            advice = "" if self._does_already(error.hint) else error.hint
            return Finding(name, "warn", _without_key(error, question), advice), False
        seconds = time.monotonic() - started
        repaired = f"; {answer.notes[0]}" if answer.notes else ""
        tokens = f"{answer.usage.prompt_tokens} + {answer.usage.completion_tokens} tokens"
        return Finding(name, "ok", f"a valid answer in {seconds:.1f} s, {tokens}{repaired}"), False

    def _does_already(self, hint: str) -> bool:
        """Tell whether a hint asks for what we do: trying one way after the other."""
        return len(self._modes()) > 1 and hint.endswith("use --structured-mode auto.")

    async def _is_held(self) -> bool | None:
        """Beg for prose under our schema; None when what comes tells nothing."""
        if self._endpoint.is_offline:
            return None
        answers_before = len(self._notebook.answers)
        with contextlib.suppress(ThreeStageError):  # what counts is the answer, if one came
            async with self._asker("json_schema", most_tokens=PROSE_TOKENS) as asker:
                await asker.ask(prose_question(self._prompts, FEW_PICTURES), self._notebook)
        came = self._notebook.answers[answers_before:]
        return follows_schema(came[-1]) if came else None

    def _unanswered(self, name: str) -> Finding:
        """Say in our own words why nothing came: the error speaks to somebody who runs."""
        waited_sec = self._notebook.records[-1].latency_sec
        if waited_sec < _WAITED_SHARE * self.answer_takes_sec:
            return Finding(name, "FAIL", self._last_error(), _LATER)
        is_impatient = self._settings.endpoint.api_timeout_sec < ANSWER_TAKES_SEC
        return Finding(name, "FAIL", self._last_error(), _IMPATIENT if is_impatient else _COLD)

    def _last_error(self) -> str:
        return self._notebook.records[-1].errors[0]

    def _asker(self, mode: str, *, most_tokens: int | None = None) -> Asker:
        """Return an asker that sends each request once; ``most_tokens`` None: as in a run."""
        given = self._settings.endpoint
        return Asker(
            self._endpoint,
            replace(
                given,
                structured_mode=mode,
                max_tokens=min(given.max_tokens, most_tokens or given.max_tokens),
                api_call_retries=0,
                api_timeout_sec=self.answer_takes_sec,
                endpoint_patience_sec=0.0,
            ),
            self._budget,
            max_body_bytes=int(self._settings.sampling.max_body_mb * 1_000_000),
            words=Words.from_prompts(self._prompts),
        )


def _without_key(error: ThreeStageError, question: Question[Any]) -> str:
    """Return what happened, without the name of the video that it would have in a run."""
    return str(error.args[0]).removeprefix(f"{question.key}: ")


def _no_list(fault: Fault) -> Finding:
    """A server may know no list of models; one that refuses the key, or is not there, is no use."""
    if fault.status in (400, 404, 405, 501):
        return Finding("model", "ok", f"it cannot be asked for its models (status {fault.status})")
    if fault.is_web_page:
        return Finding("model", "warn", fault.message, fault.hint)
    if fault.kind is FaultKind.RATE_LIMITED:
        wish = fault.retry_after_sec
        when = "in a while" if wish is None else f"in {wish:.0f} s"
        return Finding("model", "warn", fault.message, f"Ask again {when}.")
    did_connect = fault.was_read or fault.status is not None
    if fault.kind is FaultKind.TRANSIENT and did_connect:
        return Finding("model", "FAIL", fault.message, _LATER)
    return Finding("model", "FAIL", str(fault))


def _conclusion(best: str | None, *, is_held: bool | None) -> Finding:
    """Judge the ways of asking; ``is_held``: the server holds the model to our schema, if known."""
    name, again = "structured output", "Expect more answers that have to be asked again."
    if best is None:
        return Finding(
            name, "FAIL", "no way of asking got a valid answer.",
            "Is it a vision-language model? The lines above say what came back.",
        )  # fmt: skip
    if best != "json_schema":
        return Finding(name, "warn", f"the best that works is {best}.", again)
    if is_held is None:
        return Finding(name, "ok", "the server takes our schema, and a valid answer came")
    if is_held:
        found = "the server holds the model to our schema: begged for prose, it kept to it"
        return Finding(name, "ok", found)
    found = "the server takes our schema but does not hold the model to it: begged for prose, it "
    return Finding(name, "warn", f"{found}did not keep to it.", again)
