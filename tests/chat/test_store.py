"""The database of conversations: refused when it is not ours, whole after every end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from three_stage.chat.errors import DiskError
from three_stage.chat.folders import Folders
from three_stage.chat.store import Store
from three_stage.chat.values import (
    Conversation,
    Message,
    MessageState,
    Role,
    TimeRange,
    Tokens,
    Trouble,
    Video,
)
from three_stage.settings import UsageError

Result = TypeVar("Result")
NOW = "2026-01-01T00:00:00Z"
VIDEO = Video(
    id="a" * 16,
    name="视频 <b>.mp4",
    size_bytes=5,
    duration_sec=6.0,
    width=160,
    height=120,
    codec="h264",
    media_type="video/mp4",
    has_audio=True,
    displayed_frames=60,
    warnings=("警告",),
    created_at=NOW,
)
CONVERSATION = Conversation(
    id="b" * 16,
    video_id=VIDEO.id,
    title="标题",
    model="m",
    temperature=0.5,
    max_frames=9,
    created_at=NOW,
    updated_at=NOW,
)
QUESTION = Message(
    id=0,
    conversation_id=CONVERSATION.id,
    role=Role.USER,
    text="  a\n🚗 ",
    created_at=NOW,
    state=MessageState.DONE,
    range=TimeRange(0.0, 2.5),
)
ANSWER = Message(
    id=0,
    conversation_id=CONVERSATION.id,
    role=Role.ASSISTANT,
    text="Yes",
    created_at=NOW,
    state=MessageState.FAILED,
    trouble=Trouble(code="key", message="密钥", hint="h"),
    model="m",
    finish_reason="stop",
    tokens=Tokens(prompt_tokens=1, completion_tokens=2),
    notes=("n",),
    pool_key="c" * 16,
    part_key="d" * 16,
)


def with_store(path: Path, use: Callable[[Store], Coroutine[Any, Any, Result]]) -> Result:
    async def run() -> Result:
        store = Store(path)
        await store.open()
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def fill(store: Store, answer: Message = ANSWER) -> tuple[Message, Message]:
    await store.add_video(VIDEO)
    await store.add_conversation(CONVERSATION)
    return await store.add_exchange(QUESTION, answer)


def test_everything_is_there_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    kept = with_store(path, fill)

    async def read(store: Store) -> None:
        assert await store.videos() == (VIDEO,)
        (conversation,) = await store.conversations(VIDEO.id)
        assert conversation == CONVERSATION
        assert await store.messages(conversation.id) == kept

    with_store(path, read)


@pytest.mark.parametrize("state", [MessageState.WAITING, MessageState.WRITING])
def test_an_answer_that_a_kill_left_open_is_interrupted_with_its_text(
    tmp_path: Path, state: MessageState
) -> None:
    path = tmp_path / "chat.sqlite3"
    open_one = Message(
        id=0,
        conversation_id=CONVERSATION.id,
        role=Role.ASSISTANT,
        text="so far",
        state=state,
        created_at=NOW,
    )
    with_store(path, lambda store: fill(store, open_one))
    messages = with_store(path, lambda store: store.messages(CONVERSATION.id))
    assert (messages[1].state, messages[1].text) == (MessageState.INTERRUPTED, "so far")


def test_a_video_takes_its_conversations_and_their_messages_along(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        _, answer = await fill(store)
        await store.delete_video(VIDEO.id)
        assert await store.conversations() == ()
        assert await store.messages(CONVERSATION.id) == ()
        await store.save_messages([answer])
        assert await store.messages(CONVERSATION.id) == ()
        with pytest.raises(sqlite3.IntegrityError):
            await store.add_exchange(QUESTION, ANSWER)

    with_store(tmp_path / "chat.sqlite3", use)


def test_a_database_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="later version"):
        with_store(path, Store.videos)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"x" * 900])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "chat.sqlite3"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be used as the database"):
        with_store(path, Store.videos)
    assert path.read_bytes() == content


def test_what_the_disk_refuses_is_said_as_such(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"

    async def use(store: Store) -> None:
        await fill(store)
        other = sqlite3.connect(path)
        other.execute("DROP TABLE messages")
        other.close()
        with pytest.raises(DiskError, match="database of conversations"):
            await store.messages(CONVERSATION.id)

    with_store(path, use)


def test_one_server_a_data_folder(tmp_path: Path) -> None:
    lock = Folders(tmp_path / "data").lock()
    with pytest.raises(UsageError, match="another chat server"):
        Folders(tmp_path / "data").lock()
    lock.release()
    Folders(tmp_path / "data").lock().release()


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be used"):
        Folders(tmp_path / "data").lock()


def test_the_sweep_takes_what_nobody_knows_and_leaves_the_rest(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.lock().release()
    for video_id in ("a" * 16, "b" * 16):
        folders.video(video_id).mkdir()
        folders.source(video_id).write_bytes(b"x")
        folders.part(video_id).write_bytes(b"x")
    folders.sweep({"a" * 16})
    assert [path.name for path in folders.videos.iterdir()] == ["a" * 16]
    assert list(folders.incoming.iterdir()) == []
