"""How every stage asks: its two prompts, its schema, its texts on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from schemas.problems import ModelT, SchemaError, parse
from schemas.publish import sent_schema
from stages.job import VideoJob
from stages.keys import SENT_SCHEMAS, Inputs
from stages.kit import StageName
from three_stage.runs import StagePaths, digest_of
from three_stage.vlm import Answer, AnswerRejected, AskKey, Picture, Question

T = TypeVar("T")


def question(
    job: VideoJob,
    stage: StageName,
    step_id: int | None,
    inputs: Inputs,
    blanks: dict[str, object],
    pictures: tuple[Picture, ...],
    check: Callable[[object], T],
) -> Question[T]:
    """Put a stage's question together; ``blanks`` fill its user prompt."""
    prompts, answers = job.recipe.prompts, job.recipe.settings.answers
    return Question(
        key=AskKey(job.video_id, stage, step_id),
        ask_key=digest_of(inputs),
        system=prompts[f"{stage}_system"].fill(),
        user=prompts[f"{stage}_user"].fill(**blanks),
        pictures=pictures,
        schema_name=SENT_SCHEMAS[stage],
        sent_schema=sent_schema(SENT_SCHEMAS[stage]),
        check=check,
        max_attempts=getattr(answers, f"{stage}_retries"),
    )


async def ask(job: VideoJob, asked: Question[T]) -> Answer[T]:
    """Ask, or take the answer that the journal holds already."""
    return await job.kit.asker.ask(asked, job.journal)


def checked(
    model: type[ModelT], value: object, problems_of: Callable[[ModelT], Iterable[str]]
) -> ModelT:
    """Turn a parsed answer into a model. Raises AnswerRejected with every error found."""
    try:
        parsed = parse(model, value)
    except SchemaError as error:
        raise AnswerRejected(error.problems) from None
    if problems := tuple(problems_of(parsed)):
        raise AnswerRejected(problems)
    return parsed


def save_texts(
    job: VideoJob, paths: StagePaths, asked: Question[Any], answer: Answer[Any]
) -> list[str]:
    """Write the prompts and the accepted raw answer; return their paths for the record."""
    folder = job.folder
    return [
        folder.write(paths.system_prompt, asked.system),
        folder.write(paths.user_prompt, asked.user),
        folder.write(paths.raw_response, answer.raw),
    ]
