"""A decoder that crashes or hangs costs its own video; the batch goes on with a new worker."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.stages.conftest import Run
from tests.support.small_video import write_small_video
from three_stage.media import MediaWorkers
from three_stage.validation import validate_folder

SPOILED_DECODER = """
import os, signal, time
import av

whole = av.open

def spoiled(file, *arguments, **options):
    if file.endswith("a crash.mp4"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if file.endswith("b hang.mp4"):
        time.sleep(600)
    return whole(file, *arguments, **options)

av.open = spoiled
"""
"""Python runs it at the start of every process, hence in the workers, before they decode."""


@pytest.mark.waits
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_worker_that_crashes_or_hangs_costs_one_video_and_is_replaced(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spoiled").mkdir()
    (tmp_path / "spoiled" / "sitecustomize.py").write_text(SPOILED_DECODER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "spoiled"))
    defaults = MediaWorkers.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "timeout_sec", 10.0)
    videos = tmp_path / "videos"
    videos.mkdir()
    good = write_small_video(videos / "good 1.mp4", activities=3, seconds_each=1.0)
    for name in ("a crash.mp4", "b hang.mp4", "good 2.mp4"):
        shutil.copy(good, videos / name)
    assert run("--input-video-dir", videos, "--continue-on-error", "--max-frames", 12) == 1
    told = capsys.readouterr().err
    assert "FAILED a crash: " in told
    assert "a crash.mp4: the process that worked on it died (signal SIGSEGV)." in told
    assert "FAILED b hang: " in told
    assert "b hang.mp4: not done after 10 s; given up." in told
    assert "2 done, 2 failed" in told
    for name in ("good 1", "good 2"):
        assert validate_folder(tmp_path / "out" / name).errors == ()
