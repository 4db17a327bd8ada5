"""A wall clock that is set back: nothing is done again, and no time is negative.

The clock is turned in the process of the run, where the product reads it (``CLOCKS``); the rest of
the system keeps its time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from schemas.files import CallRecord
from tests.stages.processes import UNDER, options, run, run_here
from tests.support.served_offline import served_offline
from tests.support.small_video import write_small_video
from three_stage.validation import validate_folder

A_DAY_SEC = 86400.0


@pytest.mark.slow
def test_a_clock_set_back_between_runs_and_within_one_makes_nothing_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_small_video(tmp_path / "clip.mp4", activities=3, seconds_each=1.0)
    folder = tmp_path / "out" / "clip"
    back = (*UNDER, "--clock-off-sec", str(-A_DAY_SEC))
    with served_offline() as endpoint:
        given = options(video, endpoint.url, tmp_path / "out")
        assert run_here([*given, "--stages", "1"], tmp_path) == 0
        code, said = run(given, tmp_path, (*back, "--after-looks", "9", "--"))
        assert code == 0, said
        asked = endpoint.requests
        assert asked == 5
        in_the_future = time.time() + A_DAY_SEC
        for path in folder.rglob("*"):
            os.utime(path, (in_the_future, in_the_future))
        code, said = run(given, tmp_path, (*back, "--"))
        assert code == 0, said
        assert "(1 reused as they were)" in said
        capsys.readouterr()
        assert run_here(given, tmp_path) == 0
        assert "(1 reused as they were)" in capsys.readouterr().err
        assert endpoint.requests == asked
    report = validate_folder(folder)
    assert report.errors == ()
    assert any(line.startswith("W-SUMMARY-CLOCK") for line in report.warnings)
    lines = (folder / "calls.jsonl").read_bytes().splitlines()
    records = [CallRecord.model_validate_json(line) for line in lines]
    assert len({record.started_at_utc[:10] for record in records}) > 1
    assert all(record.latency_sec >= 0 for record in records)
