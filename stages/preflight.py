"""``--preflight-only``: what would run, why, and what it would take; calls and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from schemas.files import Usage
from stages.kit import Recipe
from stages.survey import StageForecast, forecast
from stages.video import look, view
from three_stage.batch import RefusedError, VideoInput
from three_stage.media import MediaError, MediaWorkers, pool_picture_size
from three_stage.runs import RunsError
from three_stage.vlm import Budget, estimate_tokens, family_of


async def print_forecast(recipe: Recipe, videos: Sequence[VideoInput], budget: Budget) -> None:
    """Print a line a video and stage, and the sums. Raises RefusedError for unusable videos."""
    rows: list[StageForecast] = []
    reasons: list[str] = []
    async with MediaWorkers(recipe.settings.run.num_workers) as workers:
        looks = [_one(recipe, video, workers) for video in videos]
        for video, found in zip(
            videos, await asyncio.gather(*looks, return_exceptions=True), strict=True
        ):
            if isinstance(found, MediaError | RunsError):
                reasons.append(str(found))
            elif isinstance(found, BaseException):
                raise found
            else:
                rows += found
                for row in found:
                    click.echo(f"{video.video_id}: {_row_text(row)}")
    click.echo(_sums_text(rows, budget, recipe.endpoint.model))
    if reasons:
        raise RefusedError(reasons)


async def _one(recipe: Recipe, video: VideoInput, workers: MediaWorkers) -> list[StageForecast]:
    state = await asyncio.to_thread(look, video, recipe)
    probe = await workers.probe(video.path)
    size_px = pool_picture_size(probe.info, recipe.settings.sampling)
    tokens = estimate_tokens("", [size_px], model=recipe.endpoint.model)
    return list(forecast(view(video, state, recipe), probe.displayed_frames, tokens))


def _row_text(row: StageForecast) -> str:
    if row.why is None:
        return f"{row.stage}: reuse"
    asks = f"{row.requests} requests" if row.requests != 1 else "1 request"
    if not row.requests:
        return f"{row.stage}: run ({row.why}), {asks}"
    tokens = row.input_tokens + row.output_tokens
    return f"{row.stage}: run ({row.why}), {asks}, {row.pictures} pictures, {tokens:,} tokens"


def _sums_text(rows: Sequence[StageForecast], budget: Budget, model: str) -> str:
    requests = sum(row.requests for row in rows)
    tokens_in = sum(row.input_tokens for row in rows)
    tokens_out = sum(row.output_tokens for row in rows)
    cost = budget.cost_of(Usage(prompt_tokens=tokens_in, completion_tokens=tokens_out))
    money = "cost unknown (give --prices)" if cost is None else f"cost {cost:.4f} {budget.currency}"
    return (
        f"Estimate: {requests} requests, {sum(row.pictures for row in rows)} pictures, about "
        f"{tokens_in:,} tokens in and {tokens_out:,} out (pictures counted as by "
        f"{family_of(model).name}), {money}. Re-asks come on top."
    )
