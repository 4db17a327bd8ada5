"""Conversations over real HTTP: what reaches the model, what comes back, what is kept."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.chat.scene import Scene
from tests.support.chat_client import until
from tests.vlm.live_server import DONE, STOP, chunk

KEY = "sk-0123456789-XQZJK-9876543210"


@pytest.mark.parametrize(
    "question",
    [
        "  What?\n\n  Two lines\t",
        "刹车在第几秒？",
        "🚗 <b>{{num_frames}}</b> \\n `x`",
        "\u202eabc\u200b é",
    ],
)
def test_a_question_reaches_the_model_as_typed(scene: Scene, question: str) -> None:
    conversation = scene.begin()
    body = scene.asked(conversation, question)
    assert body["messages"][-1]["content"][-1] == {"type": "text", "text": question}
    assert scene.client.conversation(conversation)["messages"][0]["text"] == question


def test_pictures_come_first_each_with_its_number_and_time(scene: Scene) -> None:
    conversation = scene.begin()
    body = scene.asked(conversation, "What do you see?")
    strip = scene.client.conversation(conversation)["frames"]
    system, user = body["messages"]
    assert system["role"] == "system"
    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text", "image_url"] * 9 + ["text", "text"]
    labels = [part["text"] for part in user["content"][:18:2]]
    assert labels == [
        f"Frame {frame['index']:02d} at {frame['time_sec']:.2f} s" for frame in strip["frames"]
    ]
    assert "lasts 6.00 s" in user["content"][18]["text"]
    for frame in strip["frames"]:
        assert scene.client.http.get(frame["url"]).headers["content-type"] == "image/jpeg"


def test_a_later_question_begins_with_the_very_same_messages(scene: Scene) -> None:
    conversation = scene.begin()
    first = scene.asked(conversation, "What is red?", "A car.")["messages"]
    second = scene.asked(conversation, "And blue?", "A bus.")["messages"]
    third = scene.asked(conversation, "And green?")["messages"]
    assert json.dumps(second).startswith(json.dumps(first).removesuffix("]"))
    assert second[len(first) :] == [
        {"role": "assistant", "content": "A car."},
        {"role": "user", "content": "And blue?"},
    ]
    assert third[: len(second)] == second


def test_model_temperature_and_frames_are_those_of_the_conversation(scene: Scene) -> None:
    chosen = scene.begin(model="other/model", temperature=0.25, max_frames=3)
    body = scene.asked(chosen, "Which?")
    assert (body["model"], body["temperature"]) == ("other/model", 0.25)
    assert sum(part["type"] == "image_url" for part in body["messages"][1]["content"]) == 3
    changes = {"model": "third", "temperature": 0.0, "max_frames": 5}
    changed = scene.client.http.patch(f"/api/conversations/{chosen}", json=changes)
    assert changed.status_code == 200
    body = scene.asked(chosen, "And now?")
    assert (body["model"], body["temperature"]) == ("third", 0.0)
    assert sum(part["type"] == "image_url" for part in body["messages"][1]["content"]) == 5
    assert scene.asked(scene.begin(), "By default?")["model"] == "seeing-1"


@pytest.mark.parametrize("in_words", [True, False], ids=["in words", "as a field"])
def test_a_named_part_is_shown_more_closely_and_numbered_on(scene: Scene, in_words: bool) -> None:
    conversation = scene.begin()
    question = "What happens from 1 s to 2 s?" if in_words else "What happens?"
    span = {} if in_words else {"range": {"start_sec": 1.0, "end_sec": 2.0}}
    with scene.teller.answers(question) as told:
        asked = scene.client.ask(conversation, question, **span)
        told.says("See Frame 12.", ends=True)
        content = told.body()["messages"][1]["content"]
        answer = scene.client.answer(conversation)
    assert asked["question"]["range"] == {"start_sec": 1.0, "end_sec": 2.0}
    labels = [part["text"] for part in content if part["type"] == "text"]
    assert labels[10].startswith("Frame 10 at 1.00 s")
    close = [float(label.split()[3]) for label in labels[10:19]]
    assert all(1.0 <= time_sec < 2.0 for time_sec in close)
    assert "Frame 10 to Frame 18" in labels[19]
    assert labels[-1] == question
    assert answer["moments"][0]["frame_index"] == 12
    assert scene.client.http.get(answer["moments"][0]["url"]).status_code == 200
    # It is sent with that question only.
    later = scene.asked(conversation, "And then?")["messages"][1]["content"]
    assert sum(part["type"] == "image_url" for part in later) == 9


def test_a_part_beyond_the_video_is_refused(scene: Scene) -> None:
    path = f"/api/conversations/{scene.begin()}/messages"
    span = {"start_sec": 60.0, "end_sec": 70.0}
    refused = scene.client.http.post(path, json={"text": "What?", "range": span})
    assert refused.status_code == 400
    assert "60" in refused.json()["error"]["message"]


def test_stop_ends_the_request_within_a_second_and_keeps_the_text(scene: Scene) -> None:
    conversation = scene.begin()
    with scene.teller.answers("Tell much") as told:
        scene.client.ask(conversation, "Tell much")
        told.says("So far ")
        scene.client.answer(conversation, beyond="")
        began_sec = time.monotonic()
        stopped = scene.client.post(f"/conversations/{conversation}/stop")
        assert told.left.wait(2)
        assert time.monotonic() - began_sec < 1
    assert (stopped["state"], stopped["text"]) == ("stopped", "So far ")
    assert scene.client.answer(conversation)["state"] == "stopped"
    assert scene.client.post(f"/conversations/{conversation}/stop") is None
    later = scene.asked(conversation, "Go on")["messages"]
    assert later[-2] == {"role": "assistant", "content": "So far "}


def test_stopping_before_the_first_word_and_twice_at_once_is_the_same(scene: Scene) -> None:
    conversation = scene.begin()
    path = f"/conversations/{conversation}"
    with scene.teller.answers("Slow") as told:
        scene.client.ask(conversation, "Slow")
        told.body()
        threads = [
            threading.Thread(target=scene.client.http.post, args=(f"/api{path}/stop",))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert scene.client.answer(conversation)["state"] == "stopped"


def test_an_answer_that_was_stopped_can_be_asked_for_again_in_place(scene: Scene) -> None:
    conversation = scene.begin()
    with scene.teller.answers("Again?") as told:
        answer = scene.client.ask(conversation, "Again?")["answer"]
        told.says("Half")
        scene.client.answer(conversation, beyond="")
        scene.client.post(f"/conversations/{conversation}/stop")
    retry = f"/conversations/{conversation}/messages/{answer['id']}/retry"
    again = scene.client.post(retry, status=202)
    assert (again["answer"]["id"], again["answer"]["text"]) == (answer["id"], "")
    whole = scene.client.answer(conversation)
    assert (whole["id"], whole["state"], whole["text"]) == (answer["id"], "done", "Yes.")
    assert len(scene.client.conversation(conversation)["messages"]) == 2
    refused = scene.client.http.post(f"/api{retry}")
    assert refused.status_code == 400
    assert scene.client.http.post(f"/api{retry.replace(str(answer['id']), '999999')}").is_error


def test_while_an_answer_is_written_nothing_else_is_asked_there(scene: Scene) -> None:
    conversation, other = scene.begin(), scene.begin()
    with scene.teller.answers("Long") as told:
        answer = scene.client.ask(conversation, "Long")["answer"]
        path = f"/api/conversations/{conversation}/messages"
        for body, where in (({"text": "More"}, path), (None, f"{path}/{answer['id']}/retry")):
            refused = scene.client.http.post(where, json=body)
            assert refused.status_code == 409
            assert refused.json()["error"]["code"] == "busy"
        assert scene.client.conversation(conversation)["is_answering"]
        scene.asked(other, "Elsewhere?")
        told.says("x", ends=True)
        assert scene.client.answer(conversation)["state"] == "done"
    assert not scene.client.conversation(conversation)["is_answering"]


def test_of_questions_at_the_same_instant_one_wins(scene: Scene) -> None:
    conversation = scene.begin()
    statuses: list[int] = []
    path = f"/api/conversations/{conversation}/messages"

    def ask() -> None:
        statuses.append(scene.client.http.post(path, json={"text": "Now"}).status_code)

    with scene.teller.answers("Now") as told:
        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told.says("x", ends=True)
        scene.client.answer(conversation)
    assert sorted(statuses) == [202, 409, 409, 409, 409, 409]
    assert len(scene.client.conversation(conversation)["messages"]) == 2


def test_a_title_comes_from_the_first_question_and_can_be_changed(scene: Scene) -> None:
    conversation = scene.begin()
    assert scene.client.conversation(conversation)["title"] == "video.mp4"
    scene.asked(conversation, "  What\nis it? " + "x" * 200)
    title = scene.client.conversation(conversation)["title"]
    assert title.startswith("What is it? xxx")
    assert len(title) == 80
    named = {"title": "路测 <b>1</b>"}
    scene.client.http.patch(f"/api/conversations/{conversation}", json=named)
    scene.asked(conversation, "And?")
    heads = scene.client.get("/conversations")["conversations"]
    assert heads[0]["title"] == "路测 <b>1</b>"
    assert heads[0]["id"] == conversation
    assert scene.client.http.get(heads[0]["thumbnail_url"]).status_code == 200


def test_changes_of_different_fields_at_once_are_all_kept(scene: Scene) -> None:
    conversation = scene.begin()
    changes = [{"title": "T"}, {"model": "m2"}, {"temperature": 1.5}, {"max_frames": 4}]
    threads = [
        threading.Thread(
            target=scene.client.http.patch,
            args=(f"/api/conversations/{conversation}",),
            kwargs={"json": change},
        )
        for change in changes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = scene.client.conversation(conversation)
    assert {**now, "title": "T", "model": "m2", "temperature": 1.5, "max_frames": 4} == now


def test_deleting_a_conversation_ends_its_answer_and_the_last_one_takes_the_video(
    scene: Scene, small_video: Path
) -> None:
    video = scene.client.video(small_video, "second.mp4")
    first, last = scene.client.begin(video["id"]), scene.client.begin(video["id"])
    scene.client.strip(first)
    with scene.teller.answers("Deleted") as told:
        scene.client.ask(first, "Deleted")
        told.says("So")
        scene.client.answer(first, beyond="")
        assert scene.client.http.delete(f"/api/conversations/{first}").status_code == 204
        assert told.left.wait(2)
    assert scene.client.http.get(f"/api/conversations/{first}").status_code == 404
    assert scene.client.http.get(video["file_url"]).status_code == 200
    assert scene.client.http.delete(f"/api/conversations/{last}").status_code == 204
    assert scene.client.http.get(video["file_url"]).status_code == 404
    assert not (scene.data_dir / "videos" / video["id"]).exists()
    assert scene.client.http.delete(f"/api/conversations/{last}").status_code == 404


REFUSALS = {
    "key": (401, "Invalid API key " + KEY),
    "quota": (429, "insufficient_quota: you exceeded your current quota, check your billing"),
    "model": (404, "The model `seeing-1` does not exist"),
    "size": (413, "Request entity too large"),
    "refused": (400, "messages: something about them is wrong"),
    "upstream": (500, "internal error"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refused_question_says_what_to_do_and_never_the_key(scene: Scene, code: str) -> None:
    conversation = scene.begin()
    with scene.teller.answers(f"Refused: {code}") as told:
        told.refusal = REFUSALS[code]
        scene.client.ask(conversation, f"Refused: {code}")
        answer = scene.client.answer(conversation)
    assert (answer["state"], answer["error"]["code"]) == ("failed", code)
    assert answer["error"]["message"]
    if code != "refused":
        assert answer["error"]["hint"]
    assert KEY not in scene.client.http.get(f"/api/conversations/{conversation}").text
    later = scene.asked(conversation, "Once more")["messages"]
    assert [message["role"] for message in later] == ["system", "user"]


def test_an_answer_that_breaks_off_is_failed_with_its_text_and_can_be_retried(scene: Scene) -> None:
    conversation = scene.begin()
    with scene.teller.answers("Break") as told:
        scene.client.ask(conversation, "Break")
        told.says("The first half")
        scene.client.answer(conversation, beyond="")
        told.breaks_off()
        answer = scene.client.answer(conversation)
    assert (answer["state"], answer["error"]["code"]) == ("failed", "broken_off")
    assert answer["text"] == "The first half"
    assert "<p>The first half</p>" in answer["html"]
    retry = f"/conversations/{conversation}/messages/{answer['id']}/retry"
    scene.client.post(retry, status=202)
    assert scene.client.answer(conversation)["text"] == "Yes."


@pytest.mark.parametrize(
    ("code", "raw"),
    [("empty", STOP + DONE), ("blocked", chunk({"content": ""}, "content_filter") + DONE)],
)
def test_no_answer_is_told_as_such(scene: Scene, code: str, raw: bytes) -> None:
    conversation = scene.begin()
    with scene.teller.answers(code) as told:
        told.writes(raw)
        scene.client.ask(conversation, code)
        answer = scene.client.answer(conversation)
    assert (answer["state"], answer["error"]["code"]) == ("failed", code)
    assert answer["error"]["hint"]


def test_what_a_model_thinks_is_said_as_a_note_and_is_no_part_of_the_answer(scene: Scene) -> None:
    conversation = scene.begin()
    with scene.teller.answers("Think") as told:
        scene.client.ask(conversation, "Think")
        told.thinks("Hmm, a secret plan.")
        until(
            lambda: (
                scene.client.conversation(conversation)["messages"][1]["status_note"]
                == "the model is thinking"
            )
        )
        told.says("Done.", ends=True)
        answer = scene.client.answer(conversation)
    assert (answer["text"], answer["status_note"]) == ("Done.", "")
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 3}
    assert answer["finish_reason"] == "stop"


@pytest.mark.slow
def test_a_very_long_answer_is_kept_whole(scene: Scene) -> None:
    conversation = scene.begin()
    long = "".join(f"Line {number} at 1.5 s, 中文。\n\n" for number in range(4000))
    scene.asked(conversation, "Long one", long)
    kept = scene.client.conversation(conversation)["messages"][1]
    assert kept["text"] == long
    assert kept["html"].count("data-time") == 4000
    assert len(kept["moments"]) == 1


def test_a_conversation_leaves_as_markdown_and_as_json_with_frames_and_times(scene: Scene) -> None:
    conversation = scene.begin()
    scene.asked(conversation, "刹车在第几秒? <b>", "At **2.5 s**, Frame 4.")
    named = {"title": "路测: a/b\\c <x>"}
    scene.client.http.patch(f"/api/conversations/{conversation}", json=named)
    path = f"/api/conversations/{conversation}/export"
    markdown = scene.client.http.get(path, params={"format": "markdown"})
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "filename*=UTF-8''%E8%B7%AF%E6%B5%8B" in markdown.headers["content-disposition"]
    text = markdown.content.decode()
    for part in (
        "刹车在第几秒? <b>",
        "At **2.5 s**, Frame 4.",
        "| 4 |",
        "temperature 0.2",
        r"\<x\>",
    ):
        assert part in text
    exported = scene.client.http.get(path, params={"format": "json"})
    assert "attachment" in exported.headers["content-disposition"]
    told = exported.json()
    assert told["messages"][0]["text"] == "刹车在第几秒? <b>"
    assert len(told["frames"]["frames"]) == 9
    assert told["messages"][1]["moments"]
