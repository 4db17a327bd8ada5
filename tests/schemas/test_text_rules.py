"""Which texts point at a frame or a time of the video, in English and Chinese, both ways."""

from __future__ import annotations

import time

import pytest

from schemas.text_rules import find_reference

CAUGHT = (
    # the examples of the specification
    "frame 12", "frames 3-5", "Frame #12", "frame_12", "12th frame", "keyframe 2", "image 4",
    "first frame", "at 00:12", "t=3.2s", "at the 3-second mark", "after 2 minutes of the video",
    "第12帧", "第3秒",
    # frames by number
    "In frames 7 and 8 the lid moves.", "The lid is closed in FRAME 3.", "see frame no. 4",
    "frame number 9 shows the cup", "frame index 14", "frame_index: 3", "frame-12", "Frame: 12",
    "(frame 6)", "key frame 2", "key-frame 2", "key_frame_2", "sampled_frame_3", "keyframes 1, 2",
    "in frame two the hand is empty", "frame  \n 12", "frame\u00a012", "Frame０３", "在frame 3里",
    # frames by order
    "the 3rd frame", "the second frame", "in the last frame", "the first few frames",
    "the next frame", "the first sampled frame", "the final key frame", "first_frame",
    "the opening frame",
    # pictures
    "picture 7", "photo #3", "screenshot 2", "images 2 and 3", "image_4", "image no. 4",
    "the third image", "in the last picture",
    # times
    "at 0:45 the pan is hot", "from 1:05 to 1:20", "between 00:10 and 00:15", "[00:12]",
    "01:02:03", "00:00:12.500", "t = 12.5", "t≈4 s", "ts_3.20", "timestamp 12.5", "time stamp 3",
    "timestamp: 00:12", "timestamp_3", "time=3", "at the 10 s mark", "the 2-minute mark",
    "at 12 seconds the water boils", "at about 3.5 s", "10 seconds into the clip",
    "30 seconds of the video", "5 min in the recording", "2 minutes after the start of the video",
    "3 s before the end of this clip", "the first 5 seconds of the video",
    "the last few seconds of the clip",
    # Chinese
    "第十二帧", "第 12 帧", "第三秒", "第 5 个画面", "第1张图片", "第2个关键帧", "关键帧2",
    "帧 #12", "图3", "图片 4", "画面2", "首帧", "最后一帧", "下一帧", "在3秒处", "在第3秒",
    "在大约10秒左右", "从10秒到20秒", "视频的前5秒", "视频30秒", "时间戳 3.2", "第２分钟",
    "在１０秒时", "00：12",
)  # fmt: skip

NOT_CAUGHT = (
    # the examples of the specification
    "stir for 30 seconds", "a 1990s radio", "1:10 ratio", "picture on the wall",
    "frame of the door", "window frame", "3 second-hand books",
    # durations that belong to the work
    "wait 2 minutes", "after 30 seconds of stirring", "every 5 seconds", "a 10-second rinse",
    "for the first 10 seconds of mixing", "within 3 seconds", "cooking time: 5 minutes",
    "a rest time of 20 minutes", "shorten the bake by 2 minutes", "press at 10 s intervals",
    "heat at 30 seconds per side", "10 seconds after the film is laid on",
    "3 seconds after the hair clip closes",
    # frames and pictures that are things
    "a frame 30 cm wide", "a door frame 2 m high", "a frame 30.5 cm wide", "a 2x4 frame",
    "the bed frame. 2 screws hold it", "the second frame of the window", "frame the photo",
    "within a timeframe 3 days long", "the framework", "the first framework", "picture frame",
    "a photo of 3 people", "a picture 40 x 60 cm", "a picture 40 × 60", "image 30 % darker",
    "hang the last picture on the wall", "There are still 3 eggs left.", "take photos 3 times",
    "the first image hung on the wall", "an image of two cats",
    # numbers that look like times
    "dilute to a 1:10 solution in a 1:10 ratio", "mix water and flour in a 2:1 ratio",
    "scale of 1:50", "a 16:9 screen", "in a 10:15 ratio", "heat to 180 degrees", "at 90 °C",
    "at 3 m/s", "the t-shirt", "12 o'clock", "first, second and third cup", "t 5",
    "2 seconds-long bursts", "a 3rd hand", "1.5 times", "the last 5 eggs",
    # Chinese
    "搅拌30秒", "煮2分钟", "每隔5秒翻面", "第二步", "第三个碗", "画框", "墙上的图片", "窗框",
    "按1:10的比例混合", "拼图100片", "帧率", "图案三种", "在30秒处理完", "第三方", "时间",
    "图片3厘米宽",
)  # fmt: skip


@pytest.mark.parametrize("text", CAUGHT)
def test_references_to_frames_and_times_are_caught(text: str) -> None:
    assert find_reference(text) is not None
    assert find_reference(text.upper()) is not None
    assert find_reference(f"The hand lifts the cup, {text}, and turns it.") is not None


@pytest.mark.parametrize("text", NOT_CAUGHT)
def test_innocent_texts_pass(text: str) -> None:
    assert find_reference(text) is None
    assert find_reference(text.capitalize()) is None
    assert find_reference(f"The hand lifts the cup ({text}) and turns it.") is None


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("Turn it in frame 12, slowly.", "numbered frame", "frame 12"),
        ("the third  image", "picture by order", "third image"),
        ("Boil at 00:12 again.", "time code", "at 00:12"),
        ("在第12帧里", "第 N 帧", "第12帧"),
        ("视频的前5秒", "视频 N 秒", "视频的前5秒"),
    ],
)
def test_the_rule_and_the_offending_words_are_named(text: str, name: str, words: str) -> None:
    assert find_reference(text) == (name, words)


def test_no_words_are_no_reference() -> None:
    assert find_reference("") is None
    assert find_reference(" \n") is None


HEADS = ("", "frame no", "image", "first", "at 3", "timestamp", "3 s of", "last 3 seconds of",
         "第3", "在3", "帧", "图", "视频")  # fmt: skip
UNITS = (" ", "-", "_", "1", "1.", "11:", "the ", "first ", "1s ", "frame-", "t=", "第", "一",
         "视频")  # fmt: skip


def processor_sec(text: str) -> float:
    # Not the clock's time: the machine may be busy with other things.
    start = time.process_time()
    find_reference(text)
    return time.process_time() - start


@pytest.mark.parametrize("head", HEADS)
def test_hostile_texts_cost_no_more_than_their_length(head: str) -> None:
    """Models loop: 8 times the text may cost 8 times the time (64 and 512 are the traps)."""
    for unit in UNITS:
        short, middle, long = (
            head + unit * (size // len(unit)) + "!" for size in (1_000, 2_000, 8_000)
        )
        allowed = 30 * max(min(processor_sec(short) for _ in range(2)), 0.001)
        assert processor_sec(middle) < allowed, ascii(unit)
        assert processor_sec(long) < allowed or processor_sec(long) < allowed, ascii(unit)
