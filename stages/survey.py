"""What a run would do: per video and stage, reuse or run, why, and what it would take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from schemas.files import CallRecord, FrameManifest
from schemas.localization import Localization
from schemas.plan import PREFERRED_STEPS, DraftPlan, most_steps_for
from schemas.problems import ModelT, SchemaError, parse_json
from stages import draft, localize, refine
from stages.job import VideoView
from stages.keys import Inputs, cut_record, draft_inputs
from stages.kit import StageName
from three_stage.runs import CallJournal, digest_of, read_model

PROMPT_TOKENS = 1500
"""Text of one request, roughly: our prompts and a draft."""

ANSWER_TOKENS = {"stage1": 3500, "stage2": 300, "stage3": 2000}
"""Answers of Qwen3-VL-235B-A22B-Instruct, roughly; an estimate, not a promise."""

STEPS_EXPECTED = sum(PREFERRED_STEPS) // 2


@dataclass(frozen=True)
class StageForecast:
    """What one stage of one video would do; ``why`` is None when all of it is reused."""

    stage: StageName
    why: str | None
    requests: int
    pictures: int
    input_tokens: int
    output_tokens: int


def forecast(
    job: VideoView, displayed_frames: int, tokens_a_picture: int
) -> Iterator[StageForecast]:
    """Yield what the chosen stages would do; reads the folder and changes nothing.

    Requests are at most those that a run makes without re-asks: an answer that is stored under its
    key is not counted, but what comes after a stage that is asked anew is not known before.
    """
    most = job.recipe.settings.sampling.max_frames
    for stage, why, requests in _outlooks(job, displayed_frames):
        # Pools are no larger than the video, and the clips of stage 3 together neither.
        pictures = min(requests * most, displayed_frames)
        yield StageForecast(
            stage=stage,
            why=why,
            requests=requests,
            pictures=pictures,
            input_tokens=pictures * tokens_a_picture + requests * PROMPT_TOKENS,
            output_tokens=requests * ANSWER_TOKENS[stage],
        )


@dataclass
class _Outlook:
    """What is known of one video, stage by stage; ``blocked`` says why nothing further is."""

    job: VideoView
    steps: int
    drafted: draft.Drafted | None = None
    localization: Localization | None = None
    clips_change: bool = False
    blocked: str = ""

    @cached_property
    def _journal(self) -> CallJournal:
        return CallJournal(self.job.layout.calls)

    def stored(self, inputs: Inputs) -> Sequence[CallRecord]:
        """Return the answers that a run would take instead of asking."""
        return self._journal.stored_answers(digest_of(inputs))

    def stage1(self) -> tuple[str | None, int]:
        """Look at the draft; afterwards it is there, or later stages are blocked."""
        job = self.job
        inputs = draft_inputs(job.recipe, job.source.fingerprint, job.generation("stage1"))
        why = draft.why_run(job, inputs)
        stored = self.stored(inputs) if why else ()
        requests = int(why is not None and not stored)
        if requests:
            self.blocked = "stage1 runs"
        else:
            self._take_draft(stored)
        return why, requests

    def _take_draft(self, stored: Sequence[CallRecord]) -> None:
        """Go on with the draft that a run would have then."""
        self.drafted = _replayed(self.job, stored)
        try:
            self.steps = len(self._drafted().plan.steps)
        except SchemaError:
            self.blocked = "stage1 runs"

    def stage2(self) -> tuple[str | None, int]:
        """Look at the localization, then at the clips."""
        drafted = self._drafted()
        inputs = localize.inputs_of(self.job, drafted)
        if why := localize.why_run(self.job, drafted, inputs):
            stored = self.stored(inputs)
            self.localization = _parsed(Localization, stored)
            self.clips_change = True
            self.blocked = "" if self.localization is not None else "stage2 runs"
            return why, int(not stored)
        why = localize.why_recut(self.job, drafted)
        self.clips_change = why is not None
        return why, 0

    def stage3(self) -> tuple[str | None, int]:
        """Look at every step, with its clip as it would be cut now."""
        drafted, whys, requests = self._drafted(), [], 0
        if self.localization is not None:
            clips = localize.clips_of(self.job, drafted, self.localization)
        else:
            clips = localize.load_clips(self.job, drafted)
        if "stage2" in self.job.recipe.stages:
            now = cut_record(self.job.recipe.settings.cut)
            clips = [replace(clip, cut=now) for clip in clips]
        for clip in clips:
            step = refine.step_of(drafted, clip)
            paths = self.job.layout.step(step.step_id, step.step_goal)
            inputs = refine.inputs_of(self.job, drafted, clip)
            if why := refine.why_run(self.job, step, paths, inputs):
                whys.append(f"step {step.step_id}: {why}")
                requests += not self.stored(inputs)
        if not whys and self.localization is not None:
            return "stage2 runs", 0  # a clip that has lost its record is cut anew
        return (whys[0] if whys else None), requests

    def _drafted(self) -> draft.Drafted:
        return self.drafted or draft.load(self.job.layout)


def _outlooks(job: VideoView, displayed_frames: int) -> Iterator[tuple[StageName, str | None, int]]:
    """Yield stage, why it runs (None: it does not) and how many requests that takes at most."""
    outlook = _Outlook(job, min(STEPS_EXPECTED, most_steps_for(displayed_frames)))
    for stage in job.recipe.stages:
        at_most = outlook.steps if stage == "stage3" else 1
        if outlook.blocked:
            yield stage, outlook.blocked, at_most
            continue
        try:
            yield stage, *getattr(outlook, stage)()
        except SchemaError as error:
            why = "stage2 runs" if outlook.clips_change else error.problems[0]
            outlook.blocked = f"{stage} runs"
            yield stage, why, at_most


def _replayed(job: VideoView, stored: Sequence[CallRecord]) -> draft.Drafted | None:
    """Return the draft that a run would take from its stored answer, where that is plain JSON."""
    plan = _parsed(DraftPlan, stored)
    try:
        manifest = read_model(FrameManifest, job.layout.stage1.manifest)
    except SchemaError:
        return None
    return draft.Drafted(plan, manifest, pool=None) if plan is not None else None


def _parsed(model: type[ModelT], stored: Sequence[CallRecord]) -> ModelT | None:
    """Return what the first stored answer says, where it is plain JSON."""
    try:
        return parse_json(model, (stored[0].raw_answer or "").encode()) if stored else None
    except SchemaError:
        return None
