"""All that belongs to an output root, looked at: what ``status`` prints, ``retry`` picks from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stages.recall import LastAsked, Recalled, for_looking, last_asked
from stages.run import make_recipe
from stages.standing import Standing, known_videos, standing_of
from three_stage.runs.layout import SUMMARY_NAME
from three_stage.settings import UsageError


@dataclass(frozen=True)
class Lookback:
    """How each video stands, what is amiss with the inputs, and who was asked."""

    standings: tuple[Standing, ...]
    remarks: tuple[str, ...]
    last: LastAsked | None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do, and nothing is left unknown."""
        return not self.remarks and all(one.state == "done" for one in self.standings)


def look_around(found: Recalled) -> Lookback:
    """Look at an output root. Raises UsageError when it is none."""
    root = found.settings.run.output_root
    if (root / SUMMARY_NAME).exists():
        raise UsageError(f"{root} is the folder of one video: give the output root above it.")
    known = known_videos(root, found.inputs, found.records)
    if not (known.candidates or found.records):
        raise UsageError(f"{root}: no results in it, and no record of a run.")
    summaries = [c.summary for c in known.candidates if c.summary is not None]
    last = last_asked(found.records, [summary.api_config for summary in summaries])
    settings, remarks = for_looking(found.settings, last), list(known.remarks)
    prompts_dir = found.prompts_dir
    if prompts_dir is not None and prompts_dir.is_dir():
        settings = replace(settings, run=replace(settings.run, prompts_dir=prompts_dir))
    elif prompts_dir is not None:
        remarks.append(f"{prompts_dir}: the prompts of the last run, and not there any more")
    recipe = make_recipe(settings)
    standings = (
        standing_of(recipe, candidate, known.failed.get(candidate.video_id))
        for candidate in known.candidates
    )
    return Lookback(tuple(standings), tuple(remarks), last)
