"""The journal's lines of one ask: every answer before it is read, every failure, every verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from schemas.files import CallRecord, Usage
from three_stage.vlm.capabilities import Mode
from three_stage.vlm.faults import Fault
from three_stage.vlm.journal import Journal
from three_stage.vlm.question import Question
from three_stage.vlm.replies import Reply


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request as it went out; times are aware UTC."""

    call_id: str
    attempt: int
    prompt_digest: str
    mode: Mode
    request_bytes: int
    started_at: datetime


def new_call_id() -> str:
    """Return an id that no other call has."""
    return uuid4().hex


class CallLog:
    """Writes the calls of one question and keeps what it wrote."""

    def __init__(self, question: Question[Any], journal: Journal, *, model: str) -> None:
        self._question = question
        self._journal = journal
        self._model = model
        self._records: list[CallRecord] = []

    @property
    def records(self) -> tuple[CallRecord, ...]:
        """What was written, in order."""
        return tuple(self._records)

    @property
    def usage(self) -> Usage:
        """Of every request of this ask."""
        total = Usage()
        for record in self._records:
            total = total.plus(record.usage)
        return total

    async def stored_answers(self) -> Sequence[CallRecord]:
        """Return the answers to this question that earlier runs left."""
        return await asyncio.to_thread(self._journal.stored_answers, self._question.ask_key)

    async def answer(
        self, sent: Sent, reply: Reply, *, usage: Usage, cost: float | None, latency_sec: float
    ) -> CallRecord:
        """Write an answer; it is on disk when this returns. Without a text it is a failure."""
        errors = () if reply.text is not None else ("The answer holds no text.",)
        return await self._append(
            self._record(
                "answer" if reply.text is not None else "failure",
                sent,
                model_answered=reply.model,
                request_id=reply.request_id,
                raw_answer=reply.text,
                finish_reason=reply.finish_reason,
                errors=errors,
                notes=reply.notes,
                usage=usage,
                cost=cost,
                latency_sec=latency_sec,
            )
        )

    async def failure(
        self, sent: Sent, fault: Fault, *, usage: Usage, cost: float | None, latency_sec: float
    ) -> None:
        """Write that a request got no answer, and why."""
        notes = ("usage unknown: the prompt was estimated",) if usage.prompt_tokens else ()
        await self._append(
            self._record(
                "failure",
                sent,
                request_id=fault.request_id,
                errors=(fault.message,),
                notes=notes,
                usage=usage,
                cost=cost,
                latency_sec=latency_sec,
            )
        )

    async def verdict(
        self, answer: CallRecord, *, errors: tuple[str, ...], notes: tuple[str, ...]
    ) -> None:
        """Write what reading and checking said of an answer."""
        now = _utc(datetime.now(UTC))
        await self._append(
            answer.model_copy(
                update={
                    "event": "verdict",
                    "raw_answer": None,
                    "errors": errors,
                    "notes": notes,
                    "usage": Usage(),
                    "cost": None,
                    "request_bytes": 0,
                    "latency_sec": 0.0,
                    "started_at_utc": now,
                    "ended_at_utc": now,
                }
            )
        )

    def _record(self, event: Literal["answer", "failure"], sent: Sent, **fields: Any) -> CallRecord:
        key = self._question.key
        return CallRecord(
            event=event,
            call_id=sent.call_id,
            video_id=key.video_id,
            stage=key.stage,
            step_id=key.step_id,
            attempt=sent.attempt,
            ask_key=self._question.ask_key,
            prompt_digest=sent.prompt_digest,
            model_asked=self._model,
            structured_mode=sent.mode,
            request_bytes=sent.request_bytes,
            started_at_utc=_utc(sent.started_at),
            ended_at_utc=_utc(datetime.now(UTC)),
            **fields,
        )

    async def _append(self, record: CallRecord) -> CallRecord:
        """Append in a thread; a cancelled ask first waits until its line is on disk."""
        self._records.append(record)
        writing = asyncio.ensure_future(asyncio.to_thread(self._journal.append, record))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise
        return record


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
