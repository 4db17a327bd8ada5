"""Conversations in SQLite: written before anybody is told, and there after a restart.

The database is in WAL mode: a killed process loses nothing that was committed. ``user_version`` is
the version of the tables; a later one appends its own step to ``_MIGRATIONS``. All of it runs in
one thread, so that no two changes meet.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from three_stage.chat.errors import DiskError
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

_MIGRATIONS = (
    """
    CREATE TABLE videos (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL,
        duration_sec REAL NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        codec TEXT NOT NULL, media_type TEXT NOT NULL, has_audio INTEGER NOT NULL,
        displayed_frames INTEGER NOT NULL, warnings TEXT NOT NULL, created_at TEXT NOT NULL
    );
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY,
        video_id TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
        title TEXT NOT NULL, model TEXT, temperature REAL NOT NULL,
        max_frames INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
    );
    CREATE INDEX conversations_of_video ON conversations (video_id);
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        role TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL,
        trouble TEXT, start_sec REAL, end_sec REAL, model TEXT, finish_reason TEXT, tokens TEXT,
        notes TEXT NOT NULL, pool_key TEXT, part_key TEXT, created_at TEXT NOT NULL
    );
    CREATE INDEX messages_of_conversation ON messages (conversation_id, id);
    """,
)


class Store:
    """One database file; open it, use it from one event loop, close it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chat-store")
        self._database: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the database, bring its tables up to date and close what a kill left open.

        Raises UsageError when the file is no database of ours, or of a later version.
        """
        try:
            await self._run(self._open)
        except (sqlite3.Error, DiskError) as error:
            why = error.__cause__ if isinstance(error, DiskError) else error
            raise UsageError(
                f"{self._path}: cannot be used as the database of conversations: {why}.",
                hint="Give another --data-dir, or move the file away.",
            ) from error

    async def close(self) -> None:
        """Write everything into the one file and close it."""
        await self._run(self._db.close)
        self._thread.shutdown()

    async def add_video(self, video: Video) -> None:
        """Keep a video."""
        values = asdict(video) | {"warnings": json.dumps(video.warnings, ensure_ascii=False)}
        await self._change(_insert("videos", values), values)

    async def video(self, video_id: str) -> Video | None:
        """Return a video, or None."""
        rows = await self._rows("SELECT * FROM videos WHERE id = ?", (video_id,))
        return _video(rows[0]) if rows else None

    async def videos(self) -> tuple[Video, ...]:
        """Return every video, the newest first."""
        rows = await self._rows("SELECT * FROM videos ORDER BY created_at DESC, id")
        return tuple(_video(row) for row in rows)

    async def delete_video(self, video_id: str) -> None:
        """Forget a video and every conversation about it."""
        await self._change("DELETE FROM videos WHERE id = ?", (video_id,))

    async def add_conversation(self, conversation: Conversation) -> None:
        """Keep a new conversation. Raises sqlite3.IntegrityError when its video is gone."""
        values = asdict(conversation)
        await self._change(_insert("conversations", values), values)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return a conversation, or None."""
        rows = await self._rows("SELECT * FROM conversations WHERE id = ?", (conversation_id,))
        return Conversation(**rows[0]) if rows else None

    async def conversations(self, video_id: str | None = None) -> tuple[Conversation, ...]:
        """Return every conversation, or those about one video; last spoken in first."""
        where = "" if video_id is None else " WHERE video_id = ?"
        values = () if video_id is None else (video_id,)
        rows = await self._rows(
            f"SELECT * FROM conversations{where} ORDER BY updated_at DESC, id",  # noqa: S608
            values,
        )
        return tuple(Conversation(**row) for row in rows)

    async def change_conversation(self, conversation_id: str, changes: Mapping[str, Any]) -> None:
        """Keep new values of some of a conversation's fields; the others stay as they are."""
        fields = ", ".join(f"{name} = :{name}" for name in changes)
        if fields:
            await self._change(
                f"UPDATE conversations SET {fields} WHERE id = :the_id",  # noqa: S608
                {**changes, "the_id": conversation_id},
            )

    async def delete_conversation(self, conversation_id: str) -> None:
        """Forget a conversation and its messages."""
        await self._change("DELETE FROM conversations WHERE id = ?", (conversation_id,))

    async def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """Return the messages of a conversation, in order."""
        rows = await self._rows(
            "SELECT * FROM messages WHERE conversation_id = ? ORDER BY id", (conversation_id,)
        )
        return tuple(_message(row) for row in rows)

    async def pool_keys(self, video_id: str) -> set[str]:
        """Return the keys of all pictures that answers about a video were given on."""
        rows = await self._rows(
            "SELECT DISTINCT pool_key, part_key FROM messages JOIN conversations ON"
            " conversations.id = conversation_id WHERE video_id = ?",
            (video_id,),
        )
        return {key for row in rows for key in row.values() if key is not None}

    async def add_exchange(self, question: Message, answer: Message) -> tuple[Message, Message]:
        """Keep a question and its answer to be, both or none; return them with their numbers.

        The ids of what is given are not looked at. Raises sqlite3.IntegrityError when the
        conversation is gone.
        """

        def add() -> tuple[int, int]:
            with self._db:
                return self._insert_message(question), self._insert_message(answer)

        first, second = await self._run(add)
        return replace(question, id=first), replace(answer, id=second)

    async def save_messages(self, messages: Iterable[Message]) -> None:
        """Keep messages as they are now, in one transaction; ones that are gone stay gone."""
        rows = [_row(message) for message in messages]

        def save() -> None:
            with self._db:
                self._db.executemany(
                    "UPDATE messages SET text = :text, state = :state, version = :version,"
                    " trouble = :trouble, model = :model, finish_reason = :finish_reason,"
                    " tokens = :tokens, notes = :notes, pool_key = :pool_key, part_key = :part_key"
                    " WHERE id = :id",
                    rows,
                )

        await self._run(save)

    @property
    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise RuntimeError("the store is not open")
        return self._database

    def _open(self) -> None:
        database = sqlite3.connect(self._path, check_same_thread=False)
        try:
            database.row_factory = sqlite3.Row
            version = self._version(database)
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
                database.execute(f"PRAGMA {pragma}")
            self._migrate(database, version)
            with database:
                database.execute(
                    "UPDATE messages SET state = ? WHERE state IN (?, ?)",
                    (MessageState.INTERRUPTED, MessageState.WAITING, MessageState.WRITING),
                )
        except BaseException:
            database.close()
            raise
        self._database = database

    def _version(self, database: sqlite3.Connection) -> int:
        """Return the version of the tables. Raises UsageError for a later one than ours."""
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        if version > len(_MIGRATIONS):
            raise UsageError(
                f"{self._path} was written by a later version of three-stage.",
                hint="Update three-stage, or give another --data-dir.",
            )
        return version

    def _migrate(self, database: sqlite3.Connection, version: int) -> None:
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            # A script and its number in one transaction: a kill leaves the step before.
            database.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    def _insert_message(self, message: Message) -> int:
        row = _row(message)
        del row["id"]
        cursor = self._db.execute(_insert("messages", row), row)
        self._db.execute(
            "UPDATE conversations SET updated_at = ? WHERE id = ?",
            (message.created_at, message.conversation_id),
        )
        return int(cursor.lastrowid or 0)

    async def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        return await self._run(lambda: [dict(row) for row in self._db.execute(sql, values)])

    async def _change(self, sql: str, values: Mapping[str, Any] | tuple[Any, ...]) -> None:
        def change() -> None:
            with self._db:
                self._db.execute(sql, values)

        await self._run(change)

    async def _run(self, work: Callable[[], Result]) -> Result:
        """Run in the store's thread.

        Raises DiskError for what the disk refuses, sqlite3.IntegrityError for what would not fit
        together.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            is_locked = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            raise DiskError(
                f"The database of conversations cannot be used: {error}.",
                hint="Another program holds it; try again when it is done."
                if is_locked
                else "Delete conversations, or ask who runs the server: is the disk full?",
            ) from error


def _insert(table: str, values: Mapping[str, Any]) -> str:
    """Return the statement; names of tables and columns are ours."""
    names, blanks = ", ".join(values), ", ".join(f":{name}" for name in values)
    return f"INSERT INTO {table} ({names}) VALUES ({blanks})"  # noqa: S608


def _video(row: Mapping[str, Any]) -> Video:
    known = dict(row)
    known["has_audio"] = bool(known["has_audio"])
    known["warnings"] = tuple(json.loads(known["warnings"]))
    return Video(**known)


def _row(message: Message) -> dict[str, Any]:
    row = {name: getattr(message, name) for name in message.__dataclass_fields__}
    span = row.pop("range")
    row["start_sec"] = None if span is None else span.start_sec
    row["end_sec"] = None if span is None else span.end_sec
    for name in ("trouble", "tokens"):
        row[name] = None if row[name] is None else json.dumps(asdict(row[name]))
    row["notes"] = json.dumps(message.notes, ensure_ascii=False)
    return row


def _message(row: Mapping[str, Any]) -> Message:
    known = dict(row)
    start_sec, end_sec = known.pop("start_sec"), known.pop("end_sec")
    known["range"] = None if start_sec is None else TimeRange(start_sec, end_sec)
    known["trouble"] = known["trouble"] and Trouble(**json.loads(known["trouble"]))
    known["tokens"] = known["tokens"] and Tokens(**json.loads(known["tokens"]))
    known["notes"] = tuple(json.loads(known["notes"]))
    known["role"], known["state"] = Role(known["role"]), MessageState(known["state"])
    return Message(**known)
