"""Whole runs against a recording endpoint: every field of every body, in each dialect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from prompts import load_prompts
from schemas.portable import fragile_problems
from schemas.publish import SENT, sent_schema
from schemas.strict_mode import strict_mode_problems
from stages.command import main
from tests.support.scripted_server import Received, Say, ScriptedServer
from tests.support.small_video import HEIGHT_PX, WIDTH_PX, write_small_video
from tests.vlm.strict_bodies import (
    Asked,
    FrameListPart,
    Put,
    VideoPart,
    VideoPartWithRate,
    WithObject,
    WithSchema,
    WithSchemaAndRate,
    WithSchemaForOpenAi,
    accounted_for,
    pictures_in,
)
from three_stage.vlm.offline.answers import answer
from three_stage.vlm.offline.request import read_request

KEY = "sk-0123456789abcdefWXYZ"
PICTURES = 12
ENDPOINTS: dict[str, tuple[tuple[str, ...], Put]] = {
    "a gateway": (("--provider", "Acme-1"), Put(body=WithSchema)),
    "openai": (("--provider", "openai"), Put(body=WithSchemaForOpenAi)),
    "vllm, video": (
        ("--provider", "vllm", "--media-dialect", "video_url"),
        Put(body=WithSchemaAndRate, video=VideoPart),
    ),
    "dashscope, video": (
        ("--provider", "dashscope", "--media-dialect", "video_url",
         "--structured-mode", "json_object"),
        Put(body=WithObject, video=VideoPartWithRate),
    ),
    "dashscope, frames": (
        ("--provider", "dashscope", "--media-dialect", "dashscope_video", "--no-embed-index",
         "--structured-mode", "json_object"),
        Put(body=WithObject, video=FrameListPart),
    ),
}  # fmt: skip
IN_ALL_STAGES = ("a gateway", "vllm, video", "dashscope, frames")


@dataclass(frozen=True)
class Question:
    """A stage's question to the endpoint: its first body, the re-ask, and the folder it led to."""

    stage: str
    first: Received
    again: Received
    folder: Path

    @property
    def manifest(self) -> Any:
        return json.loads((self.folder / "frame_manifest.json").read_text(encoding="utf-8"))


def embedded_answer(received: Received) -> str:
    """Return what the embedded model answers to a body."""
    return answer(read_request(received.raw)).text


def stage_asked(received: Received) -> str:
    """Tell a body's stage by its system prompt."""
    prompts = load_prompts()
    system = received.body["messages"][0]["content"]
    return next(f"stage{i}" for i in (1, 2, 3) if prompts[f"stage{i}_system"].fill() == system)


def wrong_first(received: Received) -> Say:
    """Answer each question with a key too many, and its re-ask as the embedded model does."""
    text = embedded_answer(received)
    if len(received.body["messages"]) == 2:
        return Say("<think>What now?</think>" + json.dumps({**json.loads(text), "mood": "good"}))
    return Say(text)


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_video(
        tmp_path_factory.mktemp("videos") / "little.mp4", activities=3, seconds_each=1.5
    )


def asked_in_a_run(video: Path, root: Path, options: tuple[str, ...]) -> list[Question]:
    """Run all stages; return each question that was put, in order of its stage and step."""
    with ScriptedServer(wrong_first) as server:
        code = main(
            ["--input-video", str(video), "--output-root", str(root), "--num-workers", "1",
             "--max-frames", str(PICTURES), "--api-base", server.base_url, "--api-key", KEY,
             "--model", "the-model", "--temperature", "0.3", "--max-tokens", "4321", *options]
        )  # fmt: skip
    assert code == 0
    first = [got for got in server.requests if len(got.body["messages"]) == 2]
    again = [got for got in server.requests if len(got.body["messages"]) == 4]
    assert len(first) == len(again) == len(server.requests) / 2
    return list(_paired(root / "little", first, again))


def _paired(folder: Path, first: list[Received], again: list[Received]) -> Iterator[Question]:
    for one in first:
        stage = stage_asked(one)
        (its,) = (two for two in again if two.body["messages"][:2] == one.body["messages"])
        yield Question(
            stage, one, its, folder / "stage1" if stage != "stage3" else _step(one, folder)
        )


def _step(received: Received, folder: Path) -> Path:
    text = received.body["messages"][1]["content"][-1]["text"]
    draft = json.loads(text.partition("<draft_step>")[2].partition("</draft_step>")[0])
    (found,) = folder.glob(f"{draft['step_id']:02d}_*")
    return found


def hold_headers(received: Received, name: str) -> None:
    headers = received.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(received.raw)
    assert headers.get("x-model-provider-id") == ("Acme-1" if name == "a gateway" else None)


def hold_schema(asked: Asked, stage: str) -> None:
    """What is really sent is what was met with the engines, or stands in the text."""
    name = dict(zip(("stage1", "stage2", "stage3"), SENT, strict=True))[stage]
    if asked.schema is None:
        assert "JSON" in asked.instructions
        assert json.dumps(sent_schema(name)) in asked.instructions
        return
    assert (asked.schema_name, asked.schema) == (name, sent_schema(name))
    assert list(fragile_problems(asked.schema)) == []
    assert strict_mode_problems(name, asked.schema) == []


def hold_pictures(asked: Asked, question: Question, *, is_drawn: bool) -> None:
    """As many pictures as the manifest says, in their order, at their size, with their labels.

    ``is_drawn``: whether stages 2 and 3 have the number in the picture too.
    """
    shown = pictures_in(asked)
    count = question.manifest["num_frames"]
    assert len(shown) == count
    assert {image.shape for image in shown} == {(HEIGHT_PX, WIDTH_PX, 3)}
    labels = tuple(f"Frame {number:02d}" for number in range(1, count + 1))
    if asked.said is None:
        assert asked.labels == (() if question.stage == "stage1" else labels)
    else:
        assert f"The {count} pictures" in asked.said
        found = tuple(re.findall(r"Frame \d+", asked.said))
        assert found == (() if question.stage == "stage1" else labels)
    for image, entry in zip(shown, question.manifest["frames"], strict=True):
        saved = cv2.imread(str(question.folder / entry["image_relpath"]))
        assert saved is not None
        # The upper left corner holds the number that is drawn for stages 2 and 3.
        difference = np.abs(image[40:].astype(int) - saved[40:]).mean()
        assert difference < 4, "another picture"
        if asked.jpegs:
            clean = (question.folder / entry["image_relpath"]).read_bytes()
            assert (clean in asked.jpegs) == (question.stage == "stage1" or not is_drawn)


def hold_reask(question: Question, asked: Asked) -> None:
    """The same bytes up to the question's end, then the last answer alone and what is wrong."""
    end = question.first.raw.index(b'],"max_')
    assert question.again.raw.startswith(question.first.raw[:end])
    assert asked.previous is not None
    assert asked.correction is not None
    assert "mood" in asked.previous
    assert "<think>" not in asked.previous
    assert "- mood: this key is not allowed here" in asked.correction


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_field_of_every_body_of_a_run_is_accounted_for(
    name: str, little: Path, tmp_path: Path
) -> None:
    options, put = ENDPOINTS[name]
    stages = ("1", "2", "3") if name in IN_ALL_STAGES else ("1",)
    questions = asked_in_a_run(little, tmp_path, (*options, "--stages", ",".join(stages)))
    assert {question.stage for question in questions} == {f"stage{stage}" for stage in stages}
    for question in questions:
        for received in (question.first, question.again):
            hold_headers(received, name)
            asked = accounted_for(received.body, put)
            hold_schema(asked, question.stage)
        hold_reask(question, asked)
        hold_pictures(asked, question, is_drawn="--no-embed-index" not in options)


@pytest.mark.slow
def test_a_clip_too_short_for_a_frame_list_costs_no_video(tmp_path: Path) -> None:
    """Nine frames are three steps of three: DashScope wants four frames in a list."""
    video = write_small_video(tmp_path / "little.mp4", activities=3, seconds_each=0.3)
    with ScriptedServer(lambda received: Say(embedded_answer(received))) as server:
        given = ["--input-video", str(video), "--output-root", str(tmp_path / "out"),
                 "--num-workers", "1", "--api-base", server.base_url]  # fmt: skip
        assert main([*given, "--media-dialect", "dashscope_video"]) == 0
    kinds = {
        stage_asked(got): {part["type"] for part in got.body["messages"][1]["content"]}
        for got in server.requests
    }
    assert kinds["stage1"] == kinds["stage2"] == {"video", "text"}
    assert kinds["stage3"] == {"image_url", "text"}
