"""Answers while they are written: each in a task of its own, whoever watches or has left.

Text is kept in memory as it arrives and written to the database twice a second, so that a killed
server loses half a second of it; the end of an answer is written before anybody is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from loguru import logger

from prompts import Prompt
from schemas.files import Usage
from three_stage.chat.asking import CloseUp, Turn, remarks_for
from three_stage.chat.errors import ChatError
from three_stage.chat.folders import Folders
from three_stage.chat.markdown import answer_html
from three_stage.chat.pools import Pools
from three_stage.chat.signals import Signals
from three_stage.chat.store import Store
from three_stage.chat.troubles import trouble_of
from three_stage.chat.values import (
    Conversation,
    Message,
    MessageState,
    Pool,
    TimeRange,
    Tokens,
    Trouble,
    Video,
)
from three_stage.settings import ThreeStageError
from three_stage.vlm import Delay, End, Piece, Talk, Talker, TalkEvent, Thought

SAVE_EVERY_SEC = 0.5
RENDER_EVERY_SEC = 0.25
_RENDER_SHARE = 10
"""A rendering that took long is followed by so many times its own length of rest."""

_LOOKING = "looking at the video"
_WAITING = "waiting for a free place"
_ASKING = "waiting for the model"
_THINKING = "the model is thinking"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One question on its way to an answer."""

    conversation: Conversation
    video: Video
    model: str
    turns: tuple[Turn, ...]
    question: str
    span: TimeRange | None


@dataclass
class LiveAnswer:
    """An answer that is being written; ``message`` has all of it but the newest text."""

    message: Message
    end_sec: float
    on_rendered: Callable[[], None]
    text: str = ""
    note: str = ""
    frame_times: Mapping[int, float] = field(default_factory=dict)
    is_stopped: bool = False
    is_cancelled: bool = False
    saved_text: str = ""
    _html: str = ""
    _html_length: int = 0
    _next_rendering_sec: float = 0.0
    _rendering: asyncio.Task[None] | None = None

    def now(self) -> Message:
        """Return the message with the text as it is now."""
        return dataclasses.replace(self.message, text=self.text)

    def until_rendering_sec(self) -> float:
        """Return in how many seconds a rendering of the newest text may be had."""
        return max(0.0, min(self._next_rendering_sec - time.monotonic(), RENDER_EVERY_SEC))

    def rendered(self) -> tuple[str, int]:
        """Return the text as HTML, and how much of the text that is.

        A newer one is begun now and then; ``on_rendered`` tells when it is there.
        """
        is_due = self._rendering is None and time.monotonic() >= self._next_rendering_sec
        if is_due and self._html_length != len(self.text):
            # A task of its own: who asked for it may leave, and others wait for it too.
            self._rendering = asyncio.create_task(self._render())
        return self._html, self._html_length

    async def _render(self) -> None:
        """Render in a thread: what a model writes may take long."""
        began_sec, text = time.monotonic(), self.text
        try:
            html = await asyncio.to_thread(answer_html, text, self.end_sec, self.frame_times)
            self._html, self._html_length = html, len(text)
        finally:
            took_sec = time.monotonic() - began_sec
            rest_sec = max(RENDER_EVERY_SEC, _RENDER_SHARE * took_sec)
            self._next_rendering_sec = time.monotonic() + rest_sec
            self._rendering = None
        self.on_rendered()


class Answers:
    """All answers that are being written, ``most_at_once`` of them at a time; others wait."""

    def __init__(
        self,
        *,
        folders: Folders,
        store: Store,
        pools: Pools,
        talker: Talker,
        prompts: Mapping[str, Prompt],
        signals: Signals,
        most_at_once: int,
    ) -> None:
        self._folders = folders
        self._store = store
        self._pools = pools
        self._talker = talker
        self._prompts = prompts
        self._signals = signals
        self._live: dict[str, LiveAnswer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._saver: asyncio.Task[None] | None = None
        self._places = asyncio.Semaphore(most_at_once)

    def live(self, conversation_id: str) -> LiveAnswer | None:
        """Return the answer that a conversation is waiting for, if there is one."""
        return self._live.get(conversation_id)

    def start(self, job: Job, answer: Message) -> None:
        """Write an answer; returns at once."""
        live = LiveAnswer(
            answer,
            end_sec=job.video.duration_sec,
            on_rendered=lambda: self._signals.of(answer.conversation_id).wake(),
        )
        self._live[answer.conversation_id] = live
        task = asyncio.create_task(self._write(live, job))
        self._tasks[answer.conversation_id] = task
        if self._saver is None:
            self._saver = asyncio.create_task(self._save_now_and_then())
        self._signals.of(answer.conversation_id).changed()

    async def stop(self, conversation_id: str) -> None:
        """Stop a conversation's answer; it ends upstream too. Returns when it is written down."""
        live, task = self._live.get(conversation_id), self._tasks.get(conversation_id)
        if live is None or task is None:
            return
        live.is_stopped = True
        _cancel(live, task)
        await asyncio.wait({task})

    async def close(self) -> None:
        """End everything; what is there of each answer is kept as interrupted."""
        tasks = list(self._tasks.values())
        for conversation_id, task in self._tasks.items():
            _cancel(self._live[conversation_id], task)
        if self._saver is not None:
            self._saver.cancel()
            tasks.append(self._saver)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, live: LiveAnswer, job: Job) -> None:
        """Write one answer to its end, whatever that is, and then say that it ended."""
        try:
            await self._ask(live, job)
            self._end(live, MessageState.DONE)
        except asyncio.CancelledError:
            was_wanted = live.is_stopped
            self._end(live, MessageState.STOPPED if was_wanted else MessageState.INTERRUPTED)
        except (ThreeStageError, OSError) as error:
            logger.warning("{}: {}", _subject(job), error)
            self._end(live, MessageState.FAILED, self._trouble(error, job))
        except Exception:  # whatever it is, the person must not wait for ever
            logger.exception("{}: the answer failed", _subject(job))
            trouble = self._trouble(ChatError("The server made a mistake."), job)
            self._end(live, MessageState.FAILED, trouble)
        try:
            await self._store.save_messages([live.now()])
        except ChatError as error:
            logger.error("conversation {}: the answer's end is not kept: {}",
                         live.message.conversation_id, error)  # fmt: skip
        finally:
            del self._live[live.message.conversation_id]
            del self._tasks[live.message.conversation_id]
            self._signals.of(live.message.conversation_id).changed()

    def _trouble(self, error: Exception, job: Job) -> Trouble:
        """Return what the person is told; which conversation it is, he knows."""
        trouble = trouble_of(error, job.video, self._folders)
        message = trouble.message.removeprefix(f"{_subject(job)}: ")
        return dataclasses.replace(trouble, message=message)

    async def _ask(self, live: LiveAnswer, job: Job) -> None:
        if self._places.locked():
            self._note(live, _WAITING)
        async with self._places:
            # No name for the talk: its pictures are let go of once they are sent.
            talking = self._talker.talk(await self._talk(live, job))
            async with contextlib.aclosing(talking) as events:
                self._note(live, _ASKING)
                async for event in events:
                    self._take(live, event)

    def _take(self, live: LiveAnswer, event: TalkEvent) -> None:
        match event:
            case Piece(text):
                self._grow(live, text)
            case Thought() if not live.text:
                self._note(live, _THINKING)
            case Delay(reason, wait_sec):
                self._note(live, f"{reason}, asking again in {wait_sec:.0f} s")
            case End():
                self._finish(live, event)

    async def _talk(self, live: LiveAnswer, job: Job) -> Talk:
        """Get the pictures and put the question together."""
        self._note(live, _LOOKING)
        conversation = job.conversation
        pool = await self._pools.get(job.video, conversation.max_frames)
        pictures = await self._pools.pictures(pool)
        live.end_sec, live.frame_times = pool.end_sec, frame_times_of(pool, None)
        live.message = dataclasses.replace(live.message, pool_key=pool.key, part_key=None)
        close_up = None
        if job.span is not None:
            part = await self._pools.get(job.video, conversation.max_frames, job.span)
            first = len(pool.frames) + 1
            shown = await self._pools.pictures(part, first_number=first)
            close_up = CloseUp(span=job.span, pictures=shown, first_number=first)
            live.frame_times = frame_times_of(pool, part)
            live.message = dataclasses.replace(live.message, part_key=part.key)
        return Talk(
            subject=_subject(job),
            remarks=remarks_for(self._prompts, pool, pictures, job.turns, job.question, close_up),
            model=job.model,
            temperature=conversation.temperature,
            max_tokens=None,
        )

    def _grow(self, live: LiveAnswer, text: str) -> None:
        live.text += text
        if live.message.state is not MessageState.WRITING:
            live.note = ""
            live.message = dataclasses.replace(live.message, state=MessageState.WRITING)
        self._signals.of(live.message.conversation_id).wake()

    def _note(self, live: LiveAnswer, note: str) -> None:
        if live.note != note:
            live.note = note
            self._signals.of(live.message.conversation_id).wake()

    def _finish(self, live: LiveAnswer, end: End) -> None:
        live.message = dataclasses.replace(
            live.message,
            finish_reason=end.finish_reason,
            tokens=_tokens(end.usage),
            model=end.model_answered or live.message.model,
            notes=(*live.message.notes, *end.notes),
        )

    def _end(self, live: LiveAnswer, state: MessageState, trouble: Trouble | None = None) -> None:
        live.note = ""
        live.message = dataclasses.replace(live.message, state=state, trouble=trouble)

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_SEC)
            grown = [live for live in self._live.values() if live.text != live.saved_text]
            await self._save(grown)

    async def _save(self, grown: Sequence[LiveAnswer]) -> None:
        """Write down what is there of these answers; what the disk refuses is tried again."""
        messages = [live.now() for live in grown]
        if not messages:
            return
        try:
            await self._store.save_messages(messages)
        except ChatError as error:
            logger.error("answers under way cannot be kept: {}", error)
            return
        for live, message in zip(grown, messages, strict=True):
            live.saved_text = message.text


def _cancel(live: LiveAnswer, task: asyncio.Task[None]) -> None:
    """Cancel once, and not one that is over: a later one would hit the writing down of its end."""
    if not live.is_cancelled and not live.message.state.is_final:
        live.is_cancelled = True
        task.cancel()


def _subject(job: Job) -> str:
    return f"conversation {job.conversation.id}"


def frame_times_of(pool: Pool, part: Pool | None) -> dict[int, float]:
    """Return the time of every numbered picture: the pool's, and on from there the part's."""
    frames = [*pool.frames, *(() if part is None else part.frames)]
    return {number: frame.time_sec for number, frame in enumerate(frames, start=1)}


def _tokens(usage: Usage | None) -> Tokens | None:
    if usage is None:
        return None
    return Tokens(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
