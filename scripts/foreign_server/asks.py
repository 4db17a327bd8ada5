"""Questions through our client: our three schemas, a cut answer, a second attempt, token counts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from foreign_server.pictures import pictures
from foreign_server.refusals import settings_of
from foreign_server.servers import Running
from schemas.files import CallRecord
from schemas.publish import sent_schema
from three_stage.doctor.question import Notebook
from three_stage.settings import ThreeStageError
from three_stage.vlm import (
    AnswerRejected,
    Asker,
    AskKey,
    Budget,
    Dialect,
    Picture,
    Question,
    estimate_tokens,
    resolve_endpoint,
)

SCHEMAS = ("draft_plan", "localization", "refined_step")
SIZES_PX = (
    (64, 48), (160, 96), (320, 180), (512, 288), (640, 360), (1024, 576), (1000, 562), (1024, 768),
    (1920, 1080),
)  # fmt: skip
POOLS = (2, 9, 12, 33, 50)
_ASKS_A_SCHEMA = 3
_PICTURES = 12
_MOST_TOKENS = 6000
_Check = Callable[[object], object]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question through the client: its journal, and the error that ended it, if one did."""

    name: str
    records: tuple[CallRecord, ...]
    error: str

    @property
    def answers(self) -> list[CallRecord]:
        """The answers that came."""
        return [record for record in self.records if record.event == "answer"]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """One picture's tokens: told by the server, and estimated by us."""

    width_px: int
    height_px: int
    told: int
    estimated: int


def ask_schemas(
    server: Running, *, num_pictures: int = _PICTURES, most_tokens: int = _MOST_TOKENS
) -> list[Asked]:
    """Ask each schema a few times; an answer is valid when it is of the sent schema."""
    shown = pictures(num_pictures)
    return [
        _ask(server, name, follows(name), number=number, shown=shown, max_tokens=most_tokens)
        for name in SCHEMAS
        for number in range(_ASKS_A_SCHEMA)
    ]


def ask_cut(server: Running) -> Asked:
    """Ask with room for five tokens, twice."""
    return _ask(server, "draft_plan", follows("draft_plan"), attempts=2, max_tokens=5)


def ask_again(server: Running) -> Asked:
    """Reject the first answer, so that the question goes out once more with what was wrong."""
    seen: list[object] = []

    def check(value: object) -> object:
        seen.append(value)
        if len(seen) == 1:
            raise AnswerRejected(("steps: the steps must not overlap",))
        return value

    return _ask(server, "localization", check, attempts=2)


def count_pictures(server: Running) -> list[Counted]:
    """Compare the tokens that one picture adds to a prompt with our estimate."""
    empty = _prompt_tokens(server, ())
    counted = []
    for width_px, height_px in SIZES_PX:
        (picture,) = pictures(1, width_px, height_px)
        told = _prompt_tokens(server, (picture,)) - empty
        estimated = estimate_tokens("", [(width_px, height_px)], model=server.server.model)
        counted.append(
            Counted(width_px=width_px, height_px=height_px, told=told, estimated=estimated)
        )
    return counted


def count_videos(server: Running) -> list[tuple[int, int, int]]:
    """Return how many tokens some pools of pictures add: (pictures, as images, as a video)."""
    empty = _prompt_tokens(server, ())
    counted = []
    for num_pictures in POOLS:
        pool = pictures(num_pictures)
        as_images = _prompt_tokens(server, pool) - empty
        counted.append((num_pictures, as_images, _prompt_tokens(server, pool, "video_url") - empty))
    return counted


def follows(schema_name: str) -> _Check:
    """Return a check that an answer is of a sent schema, and nothing more."""
    validator = Draft202012Validator(sent_schema(schema_name))

    def check(value: object) -> object:
        errors = [error.message for error in validator.iter_errors(value)]
        if errors:
            raise AnswerRejected(tuple(errors))
        return value

    return check


def _prompt_tokens(server: Running, shown: tuple[Picture, ...], dialect: Dialect = "images") -> int:
    unlabelled = tuple(
        Picture(picture.jpeg, picture.width_px, picture.height_px) for picture in shown
    )
    asked = _ask(
        server,
        "localization",
        lambda value: value,
        shown=unlabelled,
        max_tokens=1,
        dialect=dialect,
    )
    if not asked.answers:
        raise SystemExit(f"{server.server.name}: {asked.error}")
    return asked.answers[0].usage.prompt_tokens


def _ask(
    server: Running,
    schema_name: str,
    check: _Check,
    *,
    number: int = 0,
    attempts: int = 1,
    max_tokens: int = _MOST_TOKENS,
    shown: tuple[Picture, ...] | None = None,
    dialect: Dialect = "images",
) -> Asked:
    question: Question[Any] = Question(
        key=AskKey("talk", "stage1"),
        ask_key=hashlib.sha256(f"{schema_name} {number}".encode()).hexdigest(),
        system="You look at pictures and answer in JSON.",
        user="What is done here?",
        pictures=pictures(_PICTURES) if shown is None else shown,
        schema_name=schema_name,
        sent_schema=sent_schema(schema_name),
        check=check,
        max_attempts=attempts,
    )
    settings = settings_of(
        server, max_tokens=max_tokens, structured_mode="json_schema", media_dialect=dialect
    )
    notebook = Notebook()

    async def ask() -> str:
        async with Asker(resolve_endpoint(settings), settings, Budget()) as asker:
            try:
                await asker.ask(question, notebook)
            except ThreeStageError as error:
                return str(error)
        return ""

    error = asyncio.run(ask())
    return Asked(name=schema_name, records=tuple(notebook.records), error=error)
