"""Which texts point at a frame or a time of the video, in English and Chinese, both ways."""

from __future__ import annotations

import itertools
import time
import unicodedata
from pathlib import Path

import pytest

from schemas.text_rules import INNOCENT, REFERENCES, Rule, find_reference, search_rules

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
    # numbers in words, other brackets and joins
    "after two minutes of the video", "at the three-second mark", "twelve seconds into the video",
    "at twelve seconds", "frame twelve", "frame one", "keyframe two", "image four", "frame (12)",
    "frame[12]", "frame №12", "frames three to five", "the middle frame", "start frame",
    "end frame", "the third photo", "twentieth frame", "between 3s and 5s", "from 3s to 5s",
    "@3.2s", "(0:05)", "1:02:03", "at second 12", "the 3rd second of the video", "12 seconds in",
    "第3-5帧", "第3至5帧", "第3、4帧", "12帧", "第12张", "3秒处", "3秒时", "3秒到5秒之间", "前3秒",
    "3分12秒处", "中间帧",
    "前几帧",
    # in whole sentences
    "in frame two a hand waits", "at 1:12 the lid opens", "第2个视频帧", "在3分钟处",
    "The lid is open in frame twelve", "Frame one shows the cup", "from frame two to frame six",
    "The twentieth frame shows it", "between frames three and five",
    "In image four the cup is full", "picture two shows the bowl", "the third photo shows a bolt",
    "the start frame", "in the end frame", "at the middle frame", "at twenty-five seconds",
    "at the forty-second mark", "at the half-minute mark", "after one minute of the video",
    "a few seconds into the clip", "half a minute into the recording",
    "during the first three seconds of the video", "the third second of the video",
    "at the third second", "at second twelve", "between 1:05 and 1:20", "The lid opens (0:05)",
    "[1:12] the pan is hot", "@ 3.2 s the hand moves", "About 12 seconds in, the lid moves",
    "frames (3, 5)", "frame no12", "Frame №12", "frame [7]", "image (2)",
    "The oven opens at 00:12", "The clock falls at 00:12", "01:02:03.5",
    "第3帧到第5帧", "第3~5秒", "第十二张", "第12张里", "第3张图中", "前几秒", "前3秒手拿起杯子",
    "在3分12秒处", "视频第3秒", "视频中的前5秒",
    "当前帧", "这一帧里", "如图3", "截图2", "照片2里", "3秒时手抬起", "关键帧（2）", "前两帧",
    "末帧", "在第3到第5秒", "3秒至5秒期间",
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
    # times that the work sets or reads; things that are called frame, image or 图
    "set the timer to 05:00", "the timer reads 00:30", "clock shows 10:10",
    "set the alarm for 06:30", "next picture frame", "last picture frame", "the second image file",
    "image 3D printed", "hive frame 3",
    "试图2次", "企图3次", "构图3要素", "插图2本", "第2个图钉", "第3张图纸", "第一图书馆",
    "到3分钟左右关火", "从3分钟开始",
    # cooking, repair and sport, in whole sentences
    "数到3秒时松手", "前一秒还在转", "the end frame of the bookshelf", "open the fence frame 2",
    "enter 00:30 on the timer", "烤箱定时00:30", "微波炉调到01:30",
    "Simmer the sauce for 2 minutes, then stir for 30 seconds",
    "Whisk the eggs for one to two minutes until pale",
    "Wait between 3 and 5 minutes before slicing", "Microwave at 30 seconds per side",
    "Cut the dough into 12 sheets and lay 3 of them in the tray",
    "Set the oven to 180 degrees and the timer to 10:00", "The stopwatch stops at 00:42",
    "The microwave display shows 01:30", "Start the countdown at 05:00",
    "The countdown goes from 05:00 to 00:00", "Train arrives at 10:15 a.m.",
    "She sets the clock hands to 12:00", "Dilute the vinegar to 1:10 before spraying",
    "Mix cement and sand 1:03", "The home team leads 21:19", "The score is 10:08 after the serve",
    "The runner finishes the marathon in 2:05:30", "Rest 0:30 between sets", "Bake for 00:45",
    "Hold the plank for twelve seconds", "Hold the plank between 30s and 60s",
    "The rest is cut from 30s to 20s", "Turn the dial to the 10-minute mark",
    "Shake it at two minute intervals", "The second frame rail is bolted to the first",
    "Tighten frame bolt 3 with the wrench", "Lift bee frame 4 out of the box",
    "He slides the third frame of honey back",
    "Mount the window frame two centimetres from the wall",
    "Attach the frame (4 screws) to the wall", "Frame two pictures and hang them",
    "Lower the frame one notch", "Lift the frames one by one", "Turn the frame 90 degrees",
    "Leave the frame 10 minutes under the press", "She hangs the third photo above the sofa",
    "He takes the second photo of the gearbox", "The third photo album lies on the shelf",
    "Open the second picture book", "Slide the last photo frame onto the shelf",
    "Print the image 2 times", "Record 30 seconds of video with the phone",
    "The image 3 cm wide is cut out", "At the second hand-off the runner slows",
    "Use the second-hand drill and 3 second-hand bits", "On the third attempt the bolt turns",
    "Put in second gear and drive 12 metres", "Squeeze for 3 seconds in the pan",
    "Press the button for three seconds in a row", "A one-minute rest in the shade",
    "A two-second pause before the jump", "The last five seconds of the sprint decide",
    "The ball crosses the line in the 90th minute",
    "In the third minute of kneading the dough gets smooth",
    "Fold the paper along the middle and start framing it",
    "The bike frame 2 is heavier than frame of steel", "The roof frames are set 40 cm apart",
    "The front end frame is welded", "A 3:2 ratio and a 16:9 screen", "Serve at 7 o'clock",
    "Mark the time on the sheet of paper", "Add 2 cups of water, 1/2 cup sugar",
    "The doctor checks the pulse within 15 s", "Each of the twelve frames is sanded",
    "Insert the two frames and glue them", "Turn the key one quarter turn",
    "The picture one sees on the box",
    "煮3分钟后关火", "切成12张薄片", "把第3张饼放进锅里", "第二张面皮擀得更薄", "第3张纸对折",
    "煮到30秒左右捞出", "加热30秒时翻面",
    "静置30秒到60秒之间", "保持在3秒到5秒之间", "提前3秒松手", "前3分钟用大火", "烤箱定时20分钟",
    "计时器显示00:30", "把闹钟定在06:30",
    "比分21:19", "水和面粉的比例为2:1", "按10:15混合", "每秒30帧", "帧率为60", "试图2次才拧开",
    "草图2张", "地图3幅", "按图纸3张施工",
    "如图所示的零件", "在墙上钉第2个图钉", "第三个图案", "第3步放盐", "第一图书馆门口",
    "从3分钟开始转小火", "坚持30秒时不要塌腰", "平板支撑3分钟",
    "3秒时间内完成", "第3次翻面", "每3秒按压一次", "跑完用时3分12秒", "等待5秒到10秒",
    "拍摄视频30秒", "第3秒表", "照片3张", "画面3处有划痕",
    "冷藏第2天", "用10秒的时间", "倒入前3勺油", "取前3片叶子", "第三张桌子", "第12张卡片",
    "烤至第10分钟",
)  # fmt: skip


SENTENCES = tuple(
    (text, label == "1")
    for label, _language, text in (
        line.split("\t")
        for line in (Path(__file__).parent / "data" / "labelled_references.tsv")
        .read_text(encoding="utf-8")
        .splitlines()
    )
)
"""Whole sentences as models write them, and whether each refers to a frame or a time."""

LABELLED = (
    *((text, True) for text in CAUGHT),
    *((text, False) for text in NOT_CAUGHT),
    *SENTENCES,
)


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


def test_sentences_are_judged_as_they_are_labelled() -> None:
    assert len({text for text, _ in SENTENCES}) == len(SENTENCES)
    wrong = [text for text, label in SENTENCES if (find_reference(text) is not None) != label]
    assert wrong == []


@pytest.mark.parametrize("chinese", [False, True])
def test_precision_and_recall_on_all_labelled_texts(chinese: bool) -> None:
    verdicts = [
        (label, find_reference(text) is not None)
        for text, label in LABELLED
        if any("\u4e00" <= character <= "\u9fff" for character in text) == chinese
    ]
    found = verdicts.count((True, True))
    assert found / (found + verdicts.count((False, True))) >= 0.97
    assert found / (found + verdicts.count((True, False))) >= 0.97


@pytest.mark.parametrize(("rules", "label"), [(REFERENCES, True), (INNOCENT, False)])
def test_every_rule_has_a_reason_and_a_text_that_shows_it(
    rules: tuple[Rule, ...], label: bool
) -> None:
    texts = [unicodedata.normalize("NFKC", text) for text, given in LABELLED if given == label]
    for rule in rules:
        assert rule.reason
        assert any(rule.pattern.search(text) for text in texts), rule


def test_a_text_without_what_a_rule_needs_holds_nothing_that_it_finds() -> None:
    texts = [unicodedata.normalize("NFKC", text) for text, _ in LABELLED]
    texts += made_texts()[::11]
    for rule in REFERENCES + INNOCENT:
        for text in texts:
            if not any(word in text.lower() for word in rule.needs):
                assert not rule.pattern.search(text), (rule.name, text)


def test_innocent_words_do_not_hide_a_reference_beside_them() -> None:
    text = "Set the timer to 05:00, wait 30 seconds, see hive frame 3 in  frame 12."
    assert find_reference(text) == ("numbered frame", "frame 12")


AMOUNTS = ("two", "half a", "several", "12", "last", "penultimate", "三", "第三", "最后一", "中间")
COUNTED = (
    "s", "ms", "sec", "secs", "second", "seconds", "min", "mins", "minutes", "milliseconds",
    "frame", "image", "picture", "photo", "snapshot", "screenshot", "still", "thumbnail", "shot",
    "half of the video", "part of the clip", "帧", "秒", "分钟", "张", "个画面", "张照片", "张图",
    "张截图", "号快照", "段视频结尾",
)  # fmt: skip
TAILS = ("", " mark", " into the video", " later", " in", " from the start of the clip",
         "处", "到三秒之间", "的画面")  # fmt: skip


def made_texts() -> list[str]:
    """Amounts before and after everything that is counted, with many ends."""
    made = itertools.product(AMOUNTS, COUNTED, TAILS, ("", "at the "))
    return [
        text
        for amount, unit, tail, before in made
        for text in (f"{before}{amount} {unit}{tail}", f"{before}{unit} {amount}{tail}")
    ]


def test_the_quick_look_passes_over_no_text_that_a_rule_would_catch() -> None:
    caught = 0
    for text in (*made_texts(), *(text for text, _ in LABELLED)):
        found = search_rules(" ".join(unicodedata.normalize("NFKC", text).split()))
        assert find_reference(text) == found, text
        caught += found is not None
    assert caught > 1500


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


@pytest.mark.parametrize(
    "unit",
    ["timer to ", "1:11 to ", "1, ", "第1、", "煮1秒到", "twenty-", "frames three ", "hive frame ",
     "mix a ", "a few ", "(1", "每秒", "the video ", "halfway through the ", "f1 to ", "snooker ",
     "lift the first ", "first frame of ", "视频一", "第一张", "1号"],
)  # fmt: skip
def test_a_long_text_is_judged_in_less_than_a_second(unit: str) -> None:
    long = unit * (20_000 // len(unit)) + "!"
    assert min(processor_sec(long) for _ in range(2)) < 1.0
