"""No request is larger than --max-body-mb, whatever the options, on a video that is all noise."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from prompts import load_prompts
from schemas.publish import sent_schema
from stages.command import main
from tests.schemas import samples
from tests.support.scripted_server import Received, Say, ScriptedServer
from tests.vlm.helpers import ask_one, pictures, question, settings_for
from tests.vlm.test_dialects import embedded_answer, stage_asked
from three_stage.media.pool import TEXT_RESERVE_BYTES, TEXT_RESERVE_BYTES_A_PICTURE
from three_stage.settings import EndpointSettings
from three_stage.vlm import Words, resolve_endpoint
from three_stage.vlm.bodies import encode_body, first_turn
from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.dialects import build_media

LIMIT_MB = 0.7
FRAMES = 18


def write_noise(path: Path, *, frames: int, size_px: tuple[int, int]) -> Path:
    """Write a video that neither JPEG nor H.264 can make small: stretches of four tints."""
    width, height = size_px
    chance = np.random.default_rng(5)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 60_000_000
        for index in range(frames):
            image = chance.integers(0, 160, (height, width, 3), np.uint8)
            image[..., index * 4 // frames % 3] += 80
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "noise.mkv"
    return write_noise(path, frames=FRAMES, size_px=(480, 270))


def run(
    video: Path, root: Path, options: Sequence[str], answer: Callable[[Received], Say]
) -> tuple[int, list[Received]]:
    """Run against an endpoint; return the exit code and what was received."""
    with ScriptedServer(answer) as server:
        code = main(
            ["--input-video", str(video), "--output-root", str(root), "--num-workers", "1",
             "--max-body-mb", str(LIMIT_MB), "--api-base", server.base_url, *options]
        )  # fmt: skip
    return code, server.requests


def hold_limit(requests: Sequence[Received], *, least_share: float = 0.0) -> None:
    sizes = [len(got.raw) for got in requests]
    assert [int(got.headers["content-length"]) for got in requests] == sizes
    assert max(sizes) <= LIMIT_MB * 1e6
    assert max(sizes) >= least_share * LIMIT_MB * 1e6


def sound(received: Received) -> Say:
    return Say(embedded_answer(received))


def never_sound(_received: Received) -> Say:
    """Answer with far more than any sound answer has, of characters that need an escape."""
    return Say(never_sound_text())


def never_sound_text() -> str:
    return json.dumps({"steps": ['"\\\n' * 100] * 300})


@pytest.mark.parametrize("dialect", ["images", "video_url", "dashscope_video"])
def test_what_stands_around_a_picture_has_room_in_its_reserve(dialect: str) -> None:
    few, many = 20, 120
    sizes = []
    for count in (few, many):
        (shown,) = pictures(1)
        asked = question(
            pictures=tuple(replace(shown, label=f"Frame {i:02d}") for i in range(1, count + 1))
        )
        endpoint = resolve_endpoint(EndpointSettings(provider="vllm", media_dialect=dialect))
        media = build_media(asked.pictures, endpoint, Words.ours())
        without_pictures = replace(media, urls=dict.fromkeys(media.urls, b""))
        turn = first_turn(asked, max_tokens=100)
        options = WireOptions(
            mode="json_schema", shows_schema=False, tokens_field="max_tokens",
            sends_temperature=True,
        )  # fmt: skip
        body = encode_body(
            turn, without_pictures, options, model="m", temperature=0.2, words=Words.ours()
        )
        prefix = len("data:image/jpeg;base64,") * len(media.urls)
        sizes.append(len(body) + prefix)
    assert (sizes[1] - sizes[0]) / (many - few) < TEXT_RESERVE_BYTES_A_PICTURE


@pytest.mark.parametrize("mode", ["json_schema", "prompt"])
@pytest.mark.parametrize("text", ["a sharp knife ", "锋利的刀"])
def test_the_longest_draft_of_the_default_tokens_leaves_room_for_an_endless_reask(
    mode: str, text: str
) -> None:
    """16384 tokens are some 65 kB of English and some 75 kB of Chinese."""
    plan = samples.draft_plan(8)
    for step in plan["steps"]:
        step["rationale"] = text * (8_500 // len(text.encode()))
    draft = json.dumps(plan, indent=2, ensure_ascii=False)
    assert 70_000 < len(draft.encode()) < 110_000
    prompts = load_prompts()
    asked = question(
        system=prompts["stage2_system"].fill(),
        user=prompts["stage2_user"].fill(num_frames=50, end_of_video=51, draft_plan=draft),
        schema_name="localization",
        sent_schema=sent_schema("localization"),
    )
    with ScriptedServer([Say(never_sound_text()), Say('{"a": 1}')]) as server:
        ask_one(settings_for(server.base_url, structured_mode=mode), asked)
    assert 115_000 < len(server.requests[1].raw) <= TEXT_RESERVE_BYTES


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--max-frames", "200", "--jpeg-quality", "100", "--frame-max-side", "0"),
        ("--media-dialect", "video_url", "--jpeg-quality", "100"),
        ("--media-dialect", "video_url", "--frame-max-side", "64", "--structured-mode", "prompt"),
        ("--media-dialect", "dashscope_video", "--no-embed-index"),
    ],
)
def test_no_body_of_stage_1_passes_the_limit(
    options: tuple[str, ...], noise: Path, tmp_path: Path
) -> None:
    code, requests = run(noise, tmp_path, ("--stages", "1", *options), never_sound)
    assert code == 1, "no answer was valid"
    assert len(requests) == 3, "asked, and asked again twice"
    hold_limit(requests)


@pytest.mark.slow
def test_no_body_of_a_whole_run_passes_the_limit_and_most_of_it_is_used(
    noise: Path, tmp_path: Path
) -> None:
    """Every first answer is an endless one."""

    def wrong_first(received: Received) -> Say:
        return (never_sound if len(received.body["messages"]) == 2 else sound)(received)

    code, requests = run(noise, tmp_path, (), wrong_first)
    assert code == 0
    assert {stage_asked(got) for got in requests} == {"stage1", "stage2", "stage3"}
    hold_limit(requests, least_share=0.7)


@pytest.mark.slow
def test_prompts_that_leave_no_room_are_refused_before_the_request_and_the_option_is_named(
    noise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    ours = load_prompts()["stage1_user"].template
    (prompts / "stage1_user.txt").write_text(ours + "Look well. " * 40_000, encoding="utf-8")
    options = ("--stages", "1", "--prompts-dir", str(prompts))
    code, requests = run(noise, tmp_path / "out", options, sound)
    assert (code, requests) == (1, [])
    said = capsys.readouterr().err
    assert "0.70 MB are allowed" in said
    assert "--max-body-mb" in said


@pytest.mark.slow
def test_pictures_that_do_not_fit_however_small_are_refused_before_any_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_noise(tmp_path / "noise.mkv", frames=250, size_px=(128, 96))
    options = ("--max-frames", "250", "--max-body-mb", "0.5")
    code, requests = run(video, tmp_path / "out", options, sound)
    assert (code, requests) == (2, [])
    said = capsys.readouterr().err
    assert "250 pictures do not fit into a request of 0.5 MB" in said
    assert "--max-body-mb" in said
    assert "--max-frames" in said
