"""Any split of a stream's bytes says the same, and so does any split of a text into pieces."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.vlm.helpers import KEY, run
from tests.vlm.live_server import DONE, STOP, TOLD, chunk
from three_stage.vlm import Endpoint, Piece, Thought
from three_stage.vlm.live_stream import Delta, LiveStream
from three_stage.vlm.sieve import Sieve
from three_stage.vlm.talk_body import OneWayBody
from three_stage.vlm.thinking import Said, ThinkFilter

ENDPOINT = Endpoint(
    provider="custom", api_base="http://x/v1", api_key=SecretStr(KEY), model="m", dialect="images"
)
EVENTS = [
    chunk({"content": "帧 7 \ud83d\ude00 \u2028 at 12.5 s"})
    .decode("unicode_escape")
    .encode("utf-16", "surrogatepass")
    .decode("utf-16")
    .encode(),
    chunk({"content": "two"}),
    b": comment\n\n",
    b"event: ping\nid: 3\nretry: 5\ndata:\n\n",
    b'data: {"choices":\ndata: [{"delta":\ndata: {"content": "many lines"}}]}\n\n',
    b'data: {"object": "ping"}\n\n',
    b'data: {"choices": [{"delta": {"reasoning": "h"}}]}\n',
    b"data: {broken\n\n",
    b'error: {"code": 503, "message": "full"}\n\n',
    b'event: error\ndata: {"message": "full"}\n\n',
    STOP,
    TOLD,
    DONE,
]
ENDINGS = [b"\n", b"\r\n", b"\r"]


def deltas_of(pieces: list[bytes]) -> list[Delta]:
    stream = LiveStream()
    told = [delta for piece in pieces for delta in stream.feed(piece)]
    return [*told, *stream.close()]


def cut(data: str | bytes, places: list[int]) -> list[slice]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [slice(start, end) for start, end in pairwise(edges)]


PLACES = st.lists(st.integers(0, 10_000), max_size=30)


@given(
    st.lists(st.sampled_from(EVENTS), min_size=1, max_size=6),
    st.sampled_from(ENDINGS),
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\r\n \n"]),
    PLACES,
)
def test_any_split_of_the_bytes_gives_the_same_deltas(
    events: list[bytes], ending: bytes, begin: bytes, places: list[int]
) -> None:
    data = begin + b"".join(events).replace(b"\n", ending)
    whole = deltas_of([data])
    assert deltas_of([data[part] for part in cut(data, places)]) == whole
    assert deltas_of([data[i : i + 1] for i in range(len(data))]) == whole
    assert whole == deltas_of([b"".join(events)])


def test_what_the_events_say() -> None:
    told = deltas_of([b"".join(EVENTS)])
    assert [delta.text for delta in told if delta.text][1:] == ["two", "many lines"]
    assert [delta.thought for delta in told if delta.thought] == ["h"]
    errors = [delta.error for delta in told if delta.error]
    assert errors == [{"code": 503, "message": "full"}, {"message": "full"}]
    assert sum(delta.is_garbled for delta in told) == 1
    assert told[-1].is_end
    assert told[-2].usage is not None
    assert told[-3].finish_reason == "stop"


@given(st.sampled_from(['{"a": 1}', " [1]", "<html>", "data", "nothing: here", "x", ""]), PLACES)
def test_what_is_no_stream_is_kept_whole(text: str, places: list[int]) -> None:
    stream = LiveStream()
    for part in cut(text, places):
        assert stream.feed(text[part].encode()) == []
    assert stream.close() == []
    assert stream.whole == text.encode()


def filtered(pieces: list[str], *, begins_inside: bool = False) -> tuple[str, str]:
    thinking = ThinkFilter(begins_inside=begins_inside)
    said: list[Said] = [one for piece in pieces for one in thinking.feed(piece)]
    said += thinking.close()
    text = "".join(one.text for one in said if isinstance(one, Piece))
    return "".join(one.text for one in said if isinstance(one, Thought)), text


THOUGHTS = [
    ("Yes.", "", "Yes."),
    ("<think>a<b</think>Yes.", "a<b", "Yes."),
    (" <THINKING>a</thinking>\n Yes. <think>x</think>", "a", "Yes. <think>x</think>"),
    ("<think>a</think><think>b</think>Yes.", "ab", "Yes."),
    ("<think>a", "a", ""),
    ("</think>Yes.", "", "Yes."),
    ("a\n</think>\nYes.", "", "a\n\nYes."),
    ("The mark `</think>` ends it.", "", "The mark `</think>` ends it."),
    ("  <thin", "", "  <thin"),
    ("<thin ice", "", "<thin ice"),
]


@pytest.mark.parametrize(("text", "thought", "answer"), THOUGHTS)
def test_thinking_is_told_apart(text: str, thought: str, answer: str) -> None:
    assert filtered([text]) == filtered(list(text)) == (thought, answer)


@given(st.sampled_from(THOUGHTS), PLACES)
def test_any_split_of_a_text_tells_thinking_apart_the_same_way(
    case: tuple[str, str, str], places: list[int]
) -> None:
    text, thought, answer = case
    assert filtered([text[part] for part in cut(text, places)]) == (thought, answer)


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("a\n</think>\n\nYes.", "a\n", "Yes."),
        ("<think>a</think>Yes.", "a", "Yes."),
        ("Yes. No.", "Yes. No.", "Yes. No."),
    ],
)
def test_thinking_that_begins_unannounced(text: str, thought: str, answer: str) -> None:
    for pieces in ([text], list(text)):
        assert filtered(pieces, begins_inside=True) == (thought, answer)


@given(
    st.lists(st.sampled_from([KEY[i:j] for i in range(0, 23, 5) for j in range(i + 1, 24, 3)]
                             + ["a", " ", "sk-", "key"]), max_size=12).map("".join),
    PLACES,
)  # fmt: skip
def test_a_key_is_taken_out_of_a_stream_as_out_of_a_text(text: str, places: list[int]) -> None:
    sieve = Sieve(ENDPOINT)
    streamed = "".join(sieve.feed(text[part]) for part in cut(text, places)) + sieve.close()
    assert streamed == ENDPOINT.without_secret(text)


def test_a_text_that_is_no_key_is_not_held_back() -> None:
    sieve = Sieve(ENDPOINT)
    assert sieve.feed("A red door!") == "A red door!"


def test_a_body_is_let_go_of_while_it_is_sent() -> None:
    async def work() -> None:
        tracemalloc.start()
        try:
            pieces = [bytes(1_000_000) for _ in range(4)]
            body = OneWayBody(pieces)
            del pieces
            told: list[str] = []
            body.when_gone(lambda: told.append("gone"))
            assert body.size_bytes == 4_000_000
            sent = 0
            async for piece in body:
                sent += len(piece)
                left, _most = tracemalloc.get_traced_memory()
                assert left < 4_000_000 - sent + 1_600_000
            assert sent == 4_000_000
            assert told == ["gone"]
        finally:
            tracemalloc.stop()

    run(work())


def test_a_stream_of_tiny_pieces_is_read_in_time() -> None:
    data = json.dumps({"choices": [{"delta": {"content": "x" * 50_000}}]}).encode()
    stream = LiveStream()
    told = stream.feed(b"data: ")
    for byte in data:
        told += stream.feed(bytes([byte]))
    told += stream.feed(b"\n\n")
    assert len(told[0].text) == 50_000
