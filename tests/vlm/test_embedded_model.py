"""The embedded model is reached as every endpoint is, in the process itself."""

from __future__ import annotations

import subprocess
import sys

from schemas.publish import sent_schema
from tests.vlm.helpers import MemoryJournal, Watcher, ask_all, jpeg, question, run
from three_stage.settings import EndpointSettings
from three_stage.vlm import Picture, RequestFinished


def test_nothing_set_asks_the_embedded_model_over_the_same_path() -> None:
    shown = tuple(
        Picture(jpeg(160, 120, level=40 if index < 6 else 200), 160, 120) for index in range(12)
    )
    journal, watcher = MemoryJournal(), Watcher()
    asked = question(
        pictures=shown,
        schema_name="draft_plan",
        sent_schema=sent_schema("draft_plan"),
        check=lambda value: value,
    )
    (answer,) = run(ask_all(EndpointSettings(), [asked], journal, observer=watcher))
    assert not isinstance(answer, BaseException), answer
    assert answer.model_answered == "offline"
    assert set(answer.value) == {"high_level_goal", "steps"}
    assert answer.usage.prompt_tokens > 0
    assert journal.events == ["answer", "verdict"]
    assert len(watcher.of(RequestFinished)) == 1


def test_importing_the_room_imports_neither_the_client_nor_the_embedded_model() -> None:
    code = (
        "import sys, three_stage.vlm; "
        "print([m for m in ('openai', 'httpx2', 'av', 'cv2', 'json_repair', 'starlette', "
        "'three_stage.vlm.offline') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
