"""Which texts point at a frame or a time of the video.

Such a reference is worthless outside the one request that it was made in, so no text may hold one.
The rules are data: a pattern each, and the marks of innocent use that follow a number.
"""

from __future__ import annotations

import re
import unicodedata

# A digit before it would make every part of a long number a number, at quadratic cost.
_NUMBER = r"(?<!\d)\d+(?:[.,]\d+)?"
_ORDINAL = (
    r"(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|"
    r"eleventh|twelfth|last|final|next|previous|preceding|following|opening|closing|initial)"
)
_WORD_NUMBER = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PICTURE = r"(?:image|picture|photo|photograph|screenshot|snapshot)"
_VIDEO = r"(?:video|clip|footage|recording|movie)"
_UNIT_SEC = r"(?:s|secs?|seconds?|mins?|minutes?|ms|milliseconds?)"
_CHINESE_NUMBER = r"(?:\d+(?:\.\d+)?|[〇零一二两三四五六七八九十百千几]+)"
# A number with such a unit after it measures a thing ("picture frame 30 cm wide").
_NOT_A_SIZE = (
    r"(?!\d|\s*(?:x|×|by)\s*\d|[.,]?\d*\s*(?:cm|mm|m|km|inch|inches|in\.|ft|feet|kg|g|px|times)\b"
    r"|[.,]?\d*\s*%)"
)
_NOT_A_RATIO = r"(?!\s*(?:ratio|scale|dilution|mix|mixture|proportion|a\.?m\b|p\.?m\b|比例|的比例))"

FRAME_AND_TIME_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("numbered frame", rf"(?<![a-z])(?:key[\s_-]?)?frames?[\s_#:\-]{{0,3}}(?:(?:no|number|index|idx)\b\.?)?"
                           rf"[\s_#:=\-]{{0,3}}\d+{_NOT_A_SIZE}"),
        ("numbered frame", rf"\b(?:in|at|from|of|to|until|by|see)\s(?:key[\s-]?)?frames?\s{_WORD_NUMBER}\b"),
        ("frame by order", rf"(?<![a-z0-9]){_ORDINAL}[\s_-]{{1,3}}(?:few\s+|several\s+|two\s+|three\s+)?"
                           rf"(?:(?:video|sampled|pool|key|critical)[\s_-]?)?frames?(?![a-z])"
                           rf"(?!\s+of\s+the\s+(?:door|window|house|picture|bed|bike|bicycle|wall))"),
        ("numbered picture", rf"(?<![a-z]){_PICTURE}s?[\s_#:\-]{{0,3}}(?:(?:no|number)\b\.?)?[\s_#:\-]{{0,3}}"
                             rf"\d+{_NOT_A_SIZE}"),
        ("picture by order", rf"(?<![a-z0-9]){_ORDINAL}[\s_-]{{1,3}}(?:image|picture|screenshot|snapshot)\b"
                             rf"(?!\s+(?:on|hung|hanging)\b)"),
        ("time code", rf"(?:\b(?:at|from|until|till|to|by|around|about|near|after|before|between)|@)"
                      rf"\s*\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:\.\d+)?(?!\d|:){_NOT_A_RATIO}"),
        ("time code", rf"(?<![\d:.])\d{{2}}:\d{{2}}(?::\d{{2}})?(?:\.\d+)?(?!\d|:){_NOT_A_RATIO}"),
        ("time variable", rf"\b(?:t|ts)\s*(?:=|≈|~|:|_)\s*{_NUMBER}"),
        ("time variable", rf"\btime\s*(?:=|≈)\s*{_NUMBER}"),
        ("timestamp", rf"\btime[\s_]?stamps?\s*(?:of\s+|=|≈|~|:|_)?\s*{_NUMBER}"),
        ("time mark", rf"{_NUMBER}[\s-]{{0,3}}{_UNIT_SEC}[\s-]{{1,3}}(?:mark|timestamp|time\s?point)\b"),
        ("time in the video", rf"{_NUMBER}[\s-]{{0,3}}{_UNIT_SEC}\s+(?:of|into|in)\s+(?:(?:the|this)\s+)?{_VIDEO}\b"),
        # "after the clip" may speak of a hair clip: there, only the ends of a clip are a time.
        ("time in the video", rf"{_NUMBER}[\s-]{{0,3}}{_UNIT_SEC}\s+(?:from|after|before)\s+(?:the\s+)?"
                              rf"(?:start|end|beginning)\s+of\s+(?:(?:the|this)\s+)?{_VIDEO}\b"),
        ("time in the video", rf"\bat\s+(?:about|around|roughly|approximately)?\s*"
                              rf"{_NUMBER}\s*{_UNIT_SEC}\b(?!\s+(?:intervals?|each|per|apart))"),
        ("time in the video", rf"\b(?:first|last|final)\s+(?:{_NUMBER}|few|two|three|five|ten)\s+"
                              rf"{_UNIT_SEC}\s+of\s+(?:the|this)\s+{_VIDEO}"),
        ("第 N 帧", rf"第\s*{_CHINESE_NUMBER}\s*(?:个|张|幅)?\s*(?:关键|视频)?\s*(?:帧|图片?|画面|照片)"),
        ("时间戳 N", rf"时间戳\s*[:为]?\s*{_NUMBER}"),
        ("第 N 秒", rf"第\s*{_CHINESE_NUMBER}\s*(?:秒|分钟|分\d|分半)"),
        ("帧 N", r"(?:关键)?帧\s*(?:号|序号|编号)?\s*[#:：]?\s*\d+"),
        ("图 N", r"(?<![拼地草])(?:图片?|图像|画面)\s*[#:：]?\s*\d+(?!\s*(?:厘米|毫米|米|寸|元|年|个|张|幅))"),
        ("首末帧", r"(?:首|末|最后一|起始|结束|上一|下一|前一|后一)(?:个)?(?:关键)?帧"),
        ("在 N 秒处", rf"(?:在|于|到|从)\s*(?:大约|约)?\s*{_CHINESE_NUMBER}\s*(?:秒|分钟)\s*"
                     r"(?:处(?!理)|时|左右|的时候|开始|到)"),
        ("视频 N 秒", rf"(?:视频|片段|录像|影片)(?:的|中|里)?(?:前|后|开头|最后)?\s*"
                     rf"{_CHINESE_NUMBER}\s*(?:秒|分钟)"),
    )
)  # fmt: skip


def find_reference(text: str) -> tuple[str, str] | None:
    """Return (name of the rule, offending words) of a reference to a frame or time, or None.

    The words come in the compatible form (NFKC), with one space for any run of white space.
    """
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text))
    for name, pattern in FRAME_AND_TIME_PATTERNS:
        found = pattern.search(text)
        if found:
            return name, found.group().strip()
    return None
