"""What we say about a video is what the embedded model reads: the two must not drift apart."""

from __future__ import annotations

from prompts import load_prompts
from three_stage.chat.pools import frame_label
from three_stage.vlm.offline.labels import Label, read_label, read_told, without_told

ABOUT = load_prompts()["chat_video"].fill(num_frames=50, duration_sec="61.20")
PART = load_prompts()["chat_range"].fill(
    first_frame=51, last_frame=60, start_sec="12.00", end_sec="18.50"
)


def test_a_pictures_label_is_read_as_its_number_and_time() -> None:
    assert read_label(frame_label(7, 12.344)) == Label(7, 12.34)


def test_the_length_and_the_part_are_read_from_our_sentences() -> None:
    told = read_told([ABOUT, PART], [PART])
    assert told.duration_sec == 61.2
    assert told.part_sec == (12.0, 18.5)


def test_our_sentences_are_not_taken_for_the_question() -> None:
    assert without_told(f"{ABOUT}\n{PART}\nHow bright is it?") == "How bright is it?"
