"""The event feed: nothing lost and nothing doubled, wherever a reader is cut off and comes back."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from tests.chat.scene import Scene
from tests.chat.teller import Teller
from tests.support.chat_client import FINAL, ChatClient, Shown
from three_stage.chat.places import Place

PIECES = ("The ", "car **brakes", "** at ", "2.5 s", ",\n\n", "刹车 🚗 ", "- one\n", "end. ")


def start_id(scene: Scene, conversation: str) -> str:
    return str(scene.client.conversation(conversation)["last_event_id"])


def tell_slowly(teller: Teller, question: str, text: list[str], over: threading.Event) -> None:
    """Write an answer in pieces until the test has asked for it."""
    with teller.answers(question) as told:
        over.set()
        for piece in text:
            told.says(piece)
            threading.Event().wait(0.004)
        told.says("", ends=True)
        told.body()


SEEDS = (0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reader_who_leaves_at_any_event_and_comes_back_has_exactly_the_text(
    scene: Scene, seed: int
) -> None:
    chosen = random.Random(seed)
    text = [chosen.choice(PIECES) for _ in range(120)]
    conversation, question = scene.begin(), f"Leaving {seed}"
    shown = Shown(last_id=start_id(scene, conversation))
    ready = threading.Event()
    thread = threading.Thread(
        target=tell_slowly, args=(scene.teller, question, text, ready), daemon=True
    )
    thread.start()
    ready.wait()
    answer_id = scene.client.ask(conversation, question)["answer"]["id"]
    rounds = deltas = 0
    while shown.states.get(answer_id) not in FINAL:
        rounds += 1
        with scene.client.events(conversation, shown.last_id) as events:
            for _ in range(chosen.randint(1, 12)):
                event = next(events)
                deltas += event.name == "delta"
                shown.take(event)
                if event.name == "delta":
                    assert "".join(text).startswith(shown.texts[answer_id])
                if shown.states.get(answer_id) in FINAL:
                    break
    assert shown.texts[answer_id] == "".join(text)
    assert shown.states == {answer_id - 1: "done", answer_id: "done"}
    assert rounds > 3
    assert deltas > 0
    thread.join()


def test_a_delta_brings_exactly_what_came_since_the_last_event(scene: Scene) -> None:
    conversation = scene.begin()
    with (
        scene.teller.answers("Deltas") as told,
        scene.client.events(conversation, start_id(scene, conversation)) as events,
    ):
        scene.client.ask(conversation, "Deltas")
        seen = []
        told.says("One ")
        for event in events:
            seen.append(event)
            if event.name == "message" and event.data["text"] == "One ":
                told.says("two ")
            if event.name == "delta":
                assert event.data["text"] == "two "
                break
        told.says("three", ends=True)
        rest = list(events_until_finished(events))
    names = [event.name for event in seen]
    assert names.count("message") >= 2
    assert rest[-1].data["text"] == "One two three"
    assert rest[-1].data["html"] == "<p>One two three</p>\n"


def events_until_finished(events: Iterator) -> Iterator:  # type: ignore[type-arg]
    for event in events:
        yield event
        if event.name == "finished":
            return


def test_the_last_piece_before_a_pause_is_rendered_too(scene: Scene) -> None:
    conversation = scene.begin()
    with (
        scene.teller.answers("Pause") as told,
        scene.client.events(conversation, start_id(scene, conversation)) as events,
    ):
        scene.client.ask(conversation, "Pause")
        told.says("One")
        for event in events:
            if event.name == "rendered":
                if "One, two" in event.data["html"]:
                    break
                told.says(", two")


@pytest.mark.slow
def test_a_slow_reader_gets_more_at_once_and_holds_nobody_up(scene: Scene) -> None:
    conversation = scene.begin()
    with (
        scene.teller.answers("Slow reader") as told,
        scene.client.events(conversation, start_id(scene, conversation)) as events,
        ChatClient(str(scene.client.http.base_url)) as other,
    ):
        other.ask(conversation, "Slow reader")
        big = "x" * 20_000
        for number in range(200):
            told.says(f"{number} {big} ")
        told.says("", ends=True)
        text = other.answer(conversation)["text"]
        shown = Shown()
        for event in events_until_finished(events):
            shown.take(event)
    assert shown.texts[max(shown.texts)] == text
    assert text.endswith(f"199 {big} ")


def test_an_answer_goes_on_when_its_reader_has_gone_and_is_there_when_he_is_back(
    scene: Scene,
) -> None:
    conversation = scene.begin()
    shown = Shown(last_id=start_id(scene, conversation))
    with scene.teller.answers("Gone") as told:
        answer = scene.client.ask(conversation, "Gone")["answer"]
        told.says("Before ")
        with scene.client.events(conversation, shown.last_id) as events:
            while shown.texts.get(answer["id"]) != "Before ":
                shown.take(next(events))
        told.says("after", ends=True)
        assert scene.client.answer(conversation)["text"] == "Before after"
    with scene.client.events(conversation, shown.last_id) as events:
        missing = list(events_until_finished(events))
    with_text = [event for event in missing if event.name in ("message", "delta", "finished")]
    assert [event.name for event in with_text] == ["finished"]


def test_two_readers_see_the_same(scene: Scene) -> None:
    conversation = scene.begin()
    begun = start_id(scene, conversation)
    with (
        scene.teller.answers("Two") as told,
        ChatClient(str(scene.client.http.base_url)) as other,
        scene.client.events(conversation, begun) as first,
        other.events(conversation, begun) as second,
    ):
        scene.client.ask(conversation, "Two")
        for piece in PIECES:
            told.says(piece)
        told.says("", ends=True)
        for events in (first, second):
            shown = Shown()
            for event in events_until_finished(events):
                shown.take(event)
            assert shown.texts[max(shown.texts)] == "".join(PIECES)


def test_who_begins_to_follow_is_told_how_the_conversation_and_its_pictures_stand(
    scene: Scene,
) -> None:
    conversation = scene.begin(max_frames=4)
    with scene.client.events(conversation) as events:
        names = {next(events).name, next(events).name}
        assert names == {"frames", "conversation"}
        scene.client.http.patch(f"/api/conversations/{conversation}", json={"title": "New"})
        told = next(event for event in events if event.data.get("title") == "New")
        assert told.name == "conversation"
        scene.client.http.patch(f"/api/conversations/{conversation}", json={"max_frames": 2})
        ready = next(
            event for event in events if event.name == "frames" and len(event.data["frames"]) == 2
        )
        assert ready.data["state"] == "ready"
        scene.client.http.delete(f"/api/conversations/{conversation}")
        assert list(events)[-1].name == "deleted"


def test_a_retried_answer_begins_anew_for_who_saw_the_first_try(scene: Scene) -> None:
    conversation = scene.begin()
    shown = Shown(last_id=start_id(scene, conversation))
    with scene.teller.answers("Retry") as told:
        answer = scene.client.ask(conversation, "Retry")["answer"]
        told.says("A long first try")
        scene.client.answer(conversation, beyond="")
        scene.client.post(f"/conversations/{conversation}/stop")
    with scene.client.events(conversation, shown.last_id) as events:
        for event in events_until_finished(events):
            shown.take(event)
    assert shown.texts[answer["id"]] == "A long first try"
    path = f"/conversations/{conversation}/messages/{answer['id']}/retry"
    scene.client.post(path, status=202)
    with scene.client.events(conversation, shown.last_id) as events:
        for event in events_until_finished(events):
            shown.take(event)
    assert shown.texts[answer["id"]] == "Yes."


@pytest.mark.parametrize("given", ["", "x", "1.2.3.4", "-1.0.0", "9" * 40, "99999.1.5", "0.0.0"])
def test_any_last_event_id_is_answered(scene: Scene, given: str) -> None:
    conversation = scene.begin()
    scene.client.ask(conversation, "Any id")
    scene.client.answer(conversation)
    with scene.client.events(conversation, given) as events:
        assert {next(events).name, next(events).name} == {"frames", "conversation"}


def test_an_id_is_read_as_it_was_written() -> None:
    for place in (Place(), Place(3, 1, 17), Place(3, 2, 0, is_whole=True)):
        assert Place.parse(str(place)) == place
