"""What a person can do with videos and conversations; the routes call this and nothing below it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache

from loguru import logger

from three_stage.chat.answering import Answers, Job, LiveAnswer, frame_times_of
from three_stage.chat.asking import earlier_turns
from three_stage.chat.errors import (
    BadRequestError,
    BusyError,
    ChatError,
    GoneError,
    NotFoundError,
)
from three_stage.chat.folders import Folders, new_id
from three_stage.chat.markdown import MOST_RENDERED_CHARACTERS, answer_html
from three_stage.chat.places import Place
from three_stage.chat.pools import Pools, nearest_frame
from three_stage.chat.signals import Signals
from three_stage.chat.store import Store
from three_stage.chat.times import mentions, range_in
from three_stage.chat.troubles import trouble_of
from three_stage.chat.uploads import Uploads
from three_stage.chat.values import (
    Conversation,
    Message,
    MessageState,
    Pool,
    Role,
    TimeRange,
    Trouble,
    Video,
)
from three_stage.chat.views import (
    ConversationChange,
    ConversationHead,
    ConversationView,
    Exchange,
    FrameStrip,
    MessageView,
    MomentView,
    RangeView,
    TokensView,
    head_view,
    picture_url,
    strip_view,
    trouble_view,
    video_view,
)
from three_stage.runs import utc_now
from three_stage.settings import ThreeStageError
from three_stage.vlm import Picture

MOST_MOMENTS = 8
_TITLE_LENGTH = 80
_CAN_BE_RETRIED = (MessageState.FAILED, MessageState.STOPPED, MessageState.INTERRUPTED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defaults:
    """How a conversation is asked when nothing else is chosen."""

    model: str
    temperature: float
    max_frames: int


class ChatService:
    """Videos, conversations, questions. Raises ChatError for what a person is told."""

    def __init__(
        self,
        *,
        folders: Folders,
        store: Store,
        uploads: Uploads,
        pools: Pools,
        answers: Answers,
        signals: Signals,
        defaults: Defaults,
    ) -> None:
        self._folders = folders
        self._store = store
        self._uploads = uploads
        self._pools = pools
        self._answers = answers
        self._signals = signals
        self._defaults = defaults
        self._pool_troubles: dict[tuple[str, int], Trouble] = {}
        self._preparing: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._asking: set[str] = set()

    async def tidy(self) -> None:
        """Remove pictures that nothing names any more: of other settings, or unanswered."""
        for video in await self._store.videos():
            conversations = await self._store.conversations(video.id)
            counts = {self._defaults.max_frames, *(each.max_frames for each in conversations)}
            wanted = await self._store.pool_keys(video.id)
            wanted |= {self._pools.key_of(count) for count in counts}
            await asyncio.to_thread(self._pools.sweep, video.id, wanted)

    async def close(self) -> None:
        """Stop what prepares pictures."""
        tasks = list(self._preparing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def upload(
        self, chunks: AsyncIterator[bytes], *, name: str, announced_bytes: int | None
    ) -> Video:
        """Take a video in, and begin to look at it."""
        video = await self._uploads.take(chunks, name=name, announced_bytes=announced_bytes)
        try:
            await self._store.add_video(video)
        except BaseException:
            await self._remove_files(video.id)
            raise
        logger.info("video {}: {:.1f} MB, {:.1f} s", video.id, video.size_bytes / 1e6,
                    video.duration_sec)  # fmt: skip
        self._prepare(video, self._defaults.max_frames)
        return video

    async def video(self, video_id: str) -> Video:
        """Return a video."""
        video = await self._store.video(video_id)
        if video is None:
            raise NotFoundError("There is no such video.", hint="It may have been deleted.")
        return video

    async def videos(self) -> tuple[Video, ...]:
        """Return every video, the newest first."""
        return await self._store.videos()

    async def delete_video(self, video_id: str) -> None:
        """Delete a video, its pictures and every conversation about it."""
        await self.video(video_id)
        conversations = await self._store.conversations(video_id)
        await self._store.delete_video(video_id)
        for conversation in conversations:
            await self._forget(conversation.id)
        await self._pools.forget(video_id)
        await self._remove_files(video_id)
        for place in [place for place in self._pool_troubles if place[0] == video_id]:
            del self._pool_troubles[place]

    async def pool(self, video_id: str, max_frames: int | None = None) -> Pool:
        """Return the pictures of a video, for a program. Raises MediaError, GoneError."""
        video = await self.video(video_id)
        self._refuse_lost(video)
        return await self._pools.get(video, max_frames or self._defaults.max_frames)

    async def pictures(self, pool: Pool) -> tuple[Picture, ...]:
        """Read a pool's pictures as a model is shown them. Raises OSError."""
        return await self._pools.pictures(pool)

    async def begin(
        self,
        video_id: str,
        *,
        model: str | None,
        temperature: float | None,
        max_frames: int | None,
    ) -> Conversation:
        """Begin a conversation about a video."""
        video = await self.video(video_id)
        now = utc_now()
        conversation = Conversation(
            id=new_id(),
            video_id=video.id,
            title=video.name,
            model=model,
            temperature=self._defaults.temperature if temperature is None else temperature,
            max_frames=max_frames or self._defaults.max_frames,
            created_at=now,
            updated_at=now,
        )
        try:
            await self._store.add_conversation(conversation)
        except sqlite3.IntegrityError:
            raise NotFoundError("The video was just deleted.") from None
        return conversation

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation."""
        conversation = await self._store.conversation(conversation_id)
        if conversation is None:
            raise NotFoundError("There is no such conversation.", hint="It may have been deleted.")
        return conversation

    async def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """Return a conversation's messages, the one being written as it is now."""
        # One may end, and the next one begin, while the database is read.
        lives = [self._answers.live(conversation_id)]
        is_being_put = conversation_id in self._asking
        stored = await self._store.messages(conversation_id)
        lives.append(self._answers.live(conversation_id))
        is_being_put = is_being_put or conversation_id in self._asking
        now = {live.message.id: live.now() for live in lives if live is not None}
        return tuple(
            now.get(message.id) or (message if is_being_put else _ended(message))
            for message in stored
        )

    async def change(self, conversation_id: str, change: ConversationChange) -> None:
        """Change a conversation's title or settings."""
        conversation = await self.conversation(conversation_id)
        given = {name: value for name, value in change.model_dump().items() if value is not None}
        if given.get("model") == "":
            given["model"] = None
        await self._store.change_conversation(conversation.id, given)
        self._signals.of(conversation_id).changed()
        if "max_frames" in given:
            self._signals.of(conversation_id).frames_changed()

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation, and its video when no other conversation is about it."""
        conversation = await self.conversation(conversation_id)
        await self._forget(conversation_id)
        if not await self._store.conversations(conversation.video_id):
            await self.delete_video(conversation.video_id)

    async def ask(self, conversation_id: str, text: str, span: TimeRange | None) -> Exchange:
        """Put a question; its answer is written whoever stays to watch. Raises BusyError."""
        with self._alone(conversation_id):
            conversation, video = await self._ready_to_ask(conversation_id)
            earlier = await self.messages(conversation_id)
            span = self._within(video, span) or await self._named_part(conversation, video, text)
            question, answer = _new_exchange(conversation, text, span, self._model(conversation))
            try:
                question, answer = await self._store.add_exchange(question, answer)
            except sqlite3.IntegrityError:
                raise NotFoundError("The conversation was just deleted.") from None
            if not earlier and conversation.title == video.name:
                await self._store.change_conversation(conversation.id, {"title": _title(text)})
            self._answer(conversation, video, earlier, question, answer)
        await self._stop_if_deleted(conversation_id)
        return await self._exchange(conversation, video, question, answer)

    async def retry(self, conversation_id: str, message_id: int) -> Exchange:
        """Ask the last question again, when its answer failed, was stopped or interrupted."""
        with self._alone(conversation_id):
            conversation, video = await self._ready_to_ask(conversation_id)
            messages = await self.messages(conversation_id)
            place = next((n for n, m in enumerate(messages) if m.id == message_id), None)
            if place is None or messages[place].role is not Role.ASSISTANT:
                raise NotFoundError("There is no such answer.")
            if place != len(messages) - 1 or messages[place].state not in _CAN_BE_RETRIED:
                raise BadRequestError(
                    "Only the last answer can be asked for again, and only when it is not whole.",
                    hint="Ask the question anew.",
                )
            answer = _asked_anew(messages[place], self._model(conversation))
            await self._store.save_messages([answer])
            question = messages[place - 1]
            self._answer(conversation, video, messages[: place - 1], question, answer)
        await self._stop_if_deleted(conversation_id)
        return await self._exchange(conversation, video, question, answer)

    async def stop(self, conversation_id: str) -> MessageView | None:
        """Stop the answer that is being written; return it as it was kept."""
        conversation = await self.conversation(conversation_id)
        live = self._answers.live(conversation_id)
        if live is None:
            return None
        await self._answers.stop(conversation_id)
        video = await self.video(conversation.video_id)
        return await self.message_view(conversation, video, live.now())

    def live(self, conversation_id: str) -> LiveAnswer | None:
        """Return the answer that is being written, if there is one."""
        return self._answers.live(conversation_id)

    async def strip(self, conversation: Conversation, video: Video) -> FrameStrip:
        """Return the pictures of a conversation; making them begins when they are not there."""
        pool = await self._pools.ready(video.id, conversation.max_frames)
        if pool is not None:
            return strip_view(pool)
        trouble = self._pool_troubles.get((video.id, conversation.max_frames))
        if trouble is not None:
            return FrameStrip(state="failed", error=trouble_view(trouble))
        self._prepare(video, conversation.max_frames)
        return FrameStrip(state="sampling")

    async def head(self, conversation: Conversation) -> ConversationHead:
        """Return a conversation as it stands in the list."""
        video = await self.video(conversation.video_id)
        pool = await self._pools.ready(video.id, conversation.max_frames)
        is_answering = self._answers.live(conversation.id) is not None
        return head_view(
            conversation,
            video,
            pool,
            default_model=self._defaults.model,
            is_answering=is_answering,
        )

    async def heads(self) -> list[ConversationHead]:
        """Return all conversations as they stand in the list, last spoken in first."""
        heads = []
        for conversation in await self._store.conversations():
            try:
                heads.append(await self.head(conversation))
            except NotFoundError:  # deleted just now
                continue
        return heads

    async def view(self, conversation: Conversation) -> ConversationView:
        """Return a whole conversation."""
        video = await self.video(conversation.video_id)
        messages = await self.messages(conversation.id)
        return ConversationView(
            **(await self.head(conversation)).model_dump(),
            video=video_view(video),
            frames=await self.strip(conversation, video),
            messages=[await self.message_view(conversation, video, m) for m in messages],
            last_event_id=str(Place.after(messages)),
        )

    async def message_view(
        self, conversation: Conversation, video: Video, message: Message
    ) -> MessageView:
        """Return a message as it is shown."""
        html: str = ""
        moments: list[MomentView] = []
        if message.role is Role.ASSISTANT and message.text:
            html, moments = await self._shown_answer(video, message)
        live = self._answers.live(conversation.id)
        is_live = live is not None and live.message.id == message.id
        return MessageView(
            id=message.id,
            role=message.role.value,
            text=message.text,
            html=html,
            state=message.state.value,
            status_note=live.note if live is not None and is_live else "",
            error=trouble_view(message.trouble),
            range=message.range
            and RangeView(start_sec=message.range.start_sec, end_sec=message.range.end_sec),
            moments=moments,
            model=message.model,
            finish_reason=message.finish_reason,
            usage=message.tokens
            and TokensView(
                prompt_tokens=message.tokens.prompt_tokens,
                completion_tokens=message.tokens.completion_tokens,
            ),
            notes=list(message.notes),
            created_at=message.created_at,
        )

    async def seen(self, conversation_id: str) -> dict[int, dict[int, float]]:
        """Return, for each answer by its id, which pictures it was given on, with their times."""
        conversation = await self.conversation(conversation_id)
        found = {}
        for message in await self.messages(conversation_id):
            whole, part = await self._pools_of(conversation.video_id, message)
            if whole is not None:
                found[message.id] = frame_times_of(whole, part)
        return found

    async def _pools_of(self, video_id: str, message: Message) -> tuple[Pool | None, Pool | None]:
        """Return the pictures that an answer was given on: of the whole, and of the named part."""
        whole = await self._pools.named(video_id, message.pool_key)
        return whole, await self._pools.named(video_id, message.part_key)

    async def _shown_answer(self, video: Video, message: Message) -> tuple[str, list[MomentView]]:
        whole, part = await self._pools_of(video.id, message)
        times = {} if whole is None else frame_times_of(whole, part)
        end_sec = video.duration_sec
        html = await asyncio.to_thread(_shown, message.text, end_sec, tuple(times.items()))
        if whole is None:
            return html, []
        moments = []
        for mention in mentions(message.text[:MOST_RENDERED_CHARACTERS], end_sec, times):
            pool = whole if part is None else _nearer(whole, part, mention.time_sec)
            frame = nearest_frame(pool, mention.time_sec)
            moments.append(
                MomentView(
                    time_sec=mention.time_sec,
                    frame_index=frame.index + (0 if pool is whole else len(whole.frames)),
                    url=picture_url(pool, frame.index),
                )
            )
        # One picture is shown once, however often its time is named.
        different: dict[int, MomentView] = {}
        for moment in moments:
            different.setdefault(moment.frame_index, moment)
        return html, list(different.values())[:MOST_MOMENTS]

    @contextlib.contextmanager
    def _alone(self, conversation_id: str) -> Iterator[None]:
        """Let one question at a time be put in a conversation. Raises BusyError."""
        is_busy = self._answers.live(conversation_id) is not None
        if is_busy or conversation_id in self._asking:
            raise BusyError(
                "An answer is being written.", hint="Wait for its end, or stop it first."
            )
        self._asking.add(conversation_id)
        try:
            yield
        finally:
            self._asking.discard(conversation_id)

    async def _ready_to_ask(self, conversation_id: str) -> tuple[Conversation, Video]:
        conversation = await self.conversation(conversation_id)
        video = await self.video(conversation.video_id)
        self._refuse_lost(video)
        return conversation, video

    async def _named_part(
        self, conversation: Conversation, video: Video, text: str
    ) -> TimeRange | None:
        """Return the part of the video that a question names in words."""
        pool = await self._pools.ready(video.id, conversation.max_frames)
        times = {} if pool is None else frame_times_of(pool, None)
        return range_in(text, video.duration_sec, times)

    def _answer(
        self,
        conversation: Conversation,
        video: Video,
        earlier: Sequence[Message],
        question: Message,
        answer: Message,
    ) -> None:
        """Let an answer be written; pictures that failed before are tried again."""
        self._pool_troubles.pop((video.id, conversation.max_frames), None)
        self._prepare(video, conversation.max_frames)
        turns, left_out = earlier_turns(earlier)
        if left_out:
            note = f"the oldest {left_out} questions and their answers were left out"
            answer = dataclasses.replace(answer, notes=(note,))
        job = Job(
            conversation=conversation,
            video=video,
            model=self._model(conversation),
            turns=turns,
            question=question.text,
            span=question.range,
        )
        self._answers.start(job, answer)

    def _model(self, conversation: Conversation) -> str:
        """Return the model that a conversation's next question goes to."""
        return conversation.model or self._defaults.model

    def _refuse_lost(self, video: Video) -> None:
        if not self._folders.source(video.id).is_file():
            raise GoneError(
                f"The file of {video.name} is not in the data folder any more.",
                hint="Upload the video again.",
            )

    def _within(self, video: Video, span: TimeRange | None) -> TimeRange | None:
        """Cut a range to the video. Raises BadRequestError when nothing is left."""
        if span is None:
            return None
        if span.start_sec >= video.duration_sec:
            raise BadRequestError(
                f"The range begins at {span.start_sec:g} s, and the video ends at "
                f"{video.duration_sec:.2f} s."
            )
        return TimeRange(span.start_sec, min(span.end_sec, video.duration_sec))

    async def _exchange(
        self, conversation: Conversation, video: Video, question: Message, answer: Message
    ) -> Exchange:
        return Exchange(
            question=await self.message_view(conversation, video, question),
            answer=await self.message_view(conversation, video, answer),
        )

    async def _stop_if_deleted(self, conversation_id: str) -> None:
        """End an answer that began while its conversation was deleted. Raises NotFoundError."""
        try:
            await self.conversation(conversation_id)
        except NotFoundError:
            await self._answers.stop(conversation_id)
            raise

    async def _remove_files(self, video_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folders.video(video_id), ignore_errors=True)

    async def _forget(self, conversation_id: str) -> None:
        await self._store.delete_conversation(conversation_id)
        await self._answers.stop(conversation_id)
        self._signals.of(conversation_id).gone()

    def _prepare(self, video: Video, max_frames: int) -> None:
        """Begin to make a video's pictures; who watches its conversations is told of the end."""
        place = (video.id, max_frames)
        if place in self._preparing:
            return
        task = asyncio.create_task(self._make_pool(video, max_frames))
        self._preparing[place] = task
        task.add_done_callback(lambda _done: self._preparing.pop(place))

    async def _make_pool(self, video: Video, max_frames: int) -> None:
        try:
            await self._pools.get(video, max_frames)
        except (ThreeStageError, OSError) as error:
            self._pool_troubles[video.id, max_frames] = trouble_of(error, video, self._folders)
        except Exception:  # whatever it is, nobody must wait for these pictures for ever
            logger.exception("video {}: its pictures could not be made", video.id)
            mistake = ChatError("The server made a mistake.", hint="Its log says more.")
            self._pool_troubles[video.id, max_frames] = trouble_of(mistake, video, self._folders)
        for conversation in await self._store.conversations(video.id):
            self._signals.of(conversation.id).frames_changed()


@lru_cache(maxsize=128)
def _shown(text: str, end_sec: float, frame_times: tuple[tuple[int, float], ...]) -> str:
    """Return an answer as HTML; pages ask for the same ones again and again."""
    return answer_html(text, end_sec, dict(frame_times))


def _ended(message: Message) -> Message:
    """Return a message that nobody writes: one whose end the disk refused was interrupted."""
    if message.state.is_final:
        return message
    return dataclasses.replace(message, state=MessageState.INTERRUPTED)


def _new_exchange(
    conversation: Conversation, text: str, span: TimeRange | None, model: str
) -> tuple[Message, Message]:
    """Return a question and its answer to be, both without a number yet."""
    now = utc_now()
    question = Message(
        id=0,
        conversation_id=conversation.id,
        role=Role.USER,
        text=text,
        state=MessageState.DONE,
        range=span,
        created_at=now,
    )
    answer = Message(
        id=0,
        conversation_id=conversation.id,
        role=Role.ASSISTANT,
        text="",
        state=MessageState.WAITING,
        range=span,
        model=model,
        created_at=now,
    )
    return question, answer


def _asked_anew(answer: Message, model: str) -> Message:
    return dataclasses.replace(
        answer,
        text="",
        state=MessageState.WAITING,
        version=answer.version + 1,
        trouble=None,
        model=model,
        pool_key=None,
        part_key=None,
        finish_reason=None,
        tokens=None,
        notes=(),
    )


def _nearer(whole: Pool, part: Pool, time_sec: float) -> Pool:
    """Return the pool that has a picture nearer to a time."""

    def distance(pool: Pool) -> float:
        return abs(nearest_frame(pool, time_sec).time_sec - time_sec)

    return part if distance(part) < distance(whole) else whole


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"
