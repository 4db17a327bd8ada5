"""Which texts point at a frame or a time of the video.

Such a reference is worthless outside the one request that it was made in, so no text may hold one.
The rules are data, in two tables. What stands in the first reads like a reference and is part of
the work ("set the timer to 05:00"): it is blotted out before the second is searched.

A repetition is bounded or possessive, and no number is tried again from its middle: a hostile text
costs no more than its length.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One kind of wording: its name, an example with the reason for the rule, the pattern."""

    name: str
    reason: str
    pattern: re.Pattern[str]


_BLOT = "■"  # no letter, no digit, no space and no sign that a pattern asks for

# Numbers

_DIGITS = r"(?<!\d)\d++(?:[.,]\d++)?+"
_ONES = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TENS = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_TEENS = r"(?:ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen)"
_WORD_NUMBER = rf"(?<![a-z])(?:{_TEENS}|{_TENS}(?:[ -]{_ONES})?|{_ONES})(?![a-z])"
_AMOUNT = (
    rf"(?:{_DIGITS}|{_WORD_NUMBER}|(?<![a-z])(?:half(?:[ -]an?)?|an?|a few|several|a couple of))"
)
_COUNTING_ORDINAL = (
    r"(?:\d+(?:st|nd|rd|th)|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[ -])?"
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teenth|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)tieth)"
)
_ORDINAL = (
    rf"(?:{_COUNTING_ORDINAL}|last|final|next|previous|preceding|following|opening|closing|initial)"
)
_PLACE = rf"(?:{_ORDINAL}|middle|start|starting|end|ending|beginning)"
_CN_DIGITS = "〇零一二两三四五六七八九十百千几"
_CN_NUMBER = rf"(?:(?<!\d)\d++(?:\.\d++)?+|(?<![{_CN_DIGITS}])[{_CN_DIGITS}]++)"
_CN_RANGE = rf"{_CN_NUMBER}(?: ?[-–—~至到、,和与及] ?第? ?{_CN_NUMBER}){{0,4}}"

# Units and times

_UNIT = r"(?:s|secs?|seconds?|mins?|minutes?|ms|milliseconds?)(?![a-z])"
_CODE = r"(?<![\d:.])\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?(?![\d:])"
_CODES = rf"{_CODE}(?: ?(?:to|-|–|until|and|or|then|,|到|至) ?{_CODE}){{0,3}}"
_NOT_A_RATIO = (
    r"(?! ?(?:ratio|scale|dilution|mix|mixture|solution|proportion|lead|win|victory|a\.?m\b|p\.?m\b"
    r"|o'clock|in the (?:morning|afternoon|evening)|(?:every|each) (?:day|morning|evening)|at night"
    r"|minutes?\b|mins?\b|hours?\b|rest\b|pace\b|per\b|/|的?比例|的?比分|混合|稀释|调配|兑水))"
)
_PER = (  # "at 30 seconds per side"
    r"(?! ?(?:intervals?|each|per|apart|between|/|a (?:side|time|piece|turn|set|rep)\b"
    r"|on (?:each|high|medium|low|full)\b|of (?!(?:the|this) (?:video|clip|footage|recording))))"
)

# Things

_THING = (
    r"(?:(?:bee)?hive|bee|brood|honey|picture|photo(?:graph)?|poster|mirror|door|window|bed|bunk|"
    r"cot|futon|sofa|chair|table|bench|desk|cabinet|shelf|bookshelf|wardrobe|fence|drawer|bike|bicycle|motorcycle|"
    r"scooter|car|truck|trailer|wheelchair|stroller|roof|wall|ceiling|floor|house|shed|greenhouse|"
    r"tent|swing|climbing|walking|cold|steel|wood|wooden|metal|alumini?um|plastic|iron|"
    r"bamboo|cardboard|timber|oak|pine|embroidery|quilting|canvas|silkscreen|screen[ -]printing|"
    r"glasses|eyeglass|spectacle|umbrella|kite|drone|backpack|loom|saw|hacksaw|sieve|stretcher|"
    r"support|main|side|bottom|top|inner|outer|bowling|snooker)"
)
_PICTURE = r"(?:image|picture|photo|photograph|screenshot|snapshot)"
_VIDEO = r"(?:video|clip|footage|recording|movie)"
_HARDWARE = (
    r"(?:screws?|bolts?|nails?|pegs?|pins?|hooks?|holes?|slats?|legs|sides|corners|pieces|parts|"
    r"boards|planks|walls|windows|doors|pictures|photos|images|prints|posters|panels|layers|people|"
    r"coats|copies|more|times|other)"
)
# A number with such a word after it measures or counts a thing ("picture frame 30 cm wide").
_NOT_A_SIZE = (
    r"(?!\d|d\b| ?(?:x|×|by) ?\d|x\b|[.,]?\d{0,6}(?:/\d)? ?(?:"
    r"(?:cm|mm|m|km|inch|inches|in\.|ft|feet|kg|g|px|times|turns?|degrees?|"
    rf"s|secs?|seconds?|mins?|minutes?|hours?|h|days?|weeks?|{_HARDWARE})\b|[%°]))"
)
# "frame two" and not "frame two pictures": what follows is no noun.
_NO_NOUN_FOLLOWS = (
    rf"(?= ?(?:$|[.,;:!?)\]'\"/]|(?:to|through|and|or|until|-) ?(?:\d|{_WORD_NUMBER}|frames?\b)"
    r"|(?:the|this|an?|we|is|are|was|shows?|showing|depicts?|displays?|has|when|where|while|"
    r"onwards?|and|or|of (?:the|this) (?:video|clip|footage|recording|pool|sequence))\b))"
)
_NUMERO = r"(?:(?:no|num|number|index|idx|id)(?![a-z])\.?)?"
_GAP = r"[ _#:=\-]{0,3}"
_NUMBERED = (
    rf"{_GAP}{_NUMERO}{_GAP}(?:\d++{_NOT_A_SIZE}|[(\[] ?#?\d++(?: ?[-–~,] ?\d++){{0,4}} ?[)\]])"
)
_WORD_NUMBERED = rf"[ _#:\-]{{1,3}}{_NUMERO}[ _]?{_WORD_NUMBER}"
_FRAME = r"(?<![a-z])(?:(?:key|video|sampled|pool)[ _-]?)?frames?"
_COMPOUND = (  # "the next picture frame", "the second image file"
    r"(?![ _-](?:frames?|files?|folders?|books?|albums?|hooks?|hangers?|wires?|nails?|rails?|paper|"
    r"prints?|cards?|sensors?|layers?|editor|booth|tiles?|puzzles?|lights?|wall|transfers?|window|"
    r"on|hung|hanging|from the wall|(?:in|of) the (?:manual|instructions|leaflet|book|album))\b)"
)
_OF_A_THING = (
    rf"(?! (?:of|in) (?:the |an? )?(?:[a-z]{{1,12}} )?(?:{_THING}|bees|bowling|snooker|game|match)\b)"
    r"(?![ _-](?:pieces?|members?|rails?|corners?|sides?|bolts?|screws?|tubes?|bars?|legs?|parts?|"
    r"posts?|beams?|joints?|panels?|boards?|studs?|rate)\b)"
)
_CN_WORK = (
    r"(?:煮|煎|炸|烤|蒸|炒|焖|炖|焯|烫|腌|揉|捏|搅|搅拌|打发|加热|预热|冷却|冷藏|微波|浸泡|泡|静置|"
    r"等|等待|醒|醒面|发酵|晾|保持|坚持|持续|停留|停顿|维持|保留|按住|按压|压|压住|敲|拉伸|休息|暂停|"
    r"支撑|平板|跑|冲刺|倒立|憋气|时间|时长|用时|耗时|历时|控制|需|需要|花|花费|数|计时|每隔|间隔|大约需要|不超过|至少)"
)
_CN_CLOCK = r"(?:计时器|定时器|秒表|闹钟|时钟|挂钟|钟表|手表|腕表|倒计时|计时牌)"
_CN_MEASURE = (
    r"(?:次|种|个|本|张|幅|块|片|名|位|层|套|份|遍|类|大|要素|步|条|处|倍|维|D\b|寸|元|年|厘米|毫米|米|"
    r"cm|mm)"
)


def _rules(*rows: tuple[str, str, str]) -> tuple[Rule, ...]:
    return tuple(
        Rule(name, reason, re.compile(pattern, re.IGNORECASE)) for name, reason, pattern in rows
    )


INNOCENT = _rules(
    ("timer", "'the timer reads 00:30': what the work sets or reads off, not a time of the video",
     r"\b(?:timer|stopwatch|alarm|countdown)(?: clock)?"
     r"(?: (?:is|now|then|reads?|shows?|says?|displays?|reading|showing|set|to|for|at|on|of|from|counts?"
     rf"|counting|down|up|until|reaches|reach|hits?|goes|off|rings|starts?|stops?|runs?|with)){{0,6}}:? ?{_CODES}"),
    ("clock", "'clock shows 10:10': as for a timer, but 'the oven opens at 00:12' is none",
     r"\b(?:clock|watch|wristwatch|oven|microwave|display|phone|(?:hour|minute) hands?)"
     r"(?: now| then)?(?: (?:is set|reads?|shows?|says?|displays?|reading|showing|set|to|for|turned))"
     rf"(?: (?:to|for|at|exactly|about|the|time|of)){{0,3}} {_CODES}"),
    ("set time", "'sets the time to 12:00': the work sets it",
     rf"\b(?:set|sets|setting|adjust|adjusts|program|programs|dial|dials)(?: [a-z]{{1,12}}){{1,4}} (?:to|for|at) {_CODES}"),
    ("set time", "'enter 00:30 on the timer': as above, the device behind the time",
     rf"{_CODE} (?:on|into) (?:the|a) (?:[a-z]{{1,12}} )?(?:timer|clock|watch|stopwatch|display|oven|microwave|keypad)\b"),
    ("timer mark", "'turn the dial to the 10-minute mark': a mark on a thing",
     r"\b(?:dial|knob|timer|stopwatch)(?: (?:to|at|on|reaches|is|points|past|the)){1,4} "
     rf"{_AMOUNT}[ -]{{1,3}}{_UNIT}[ -]mark\b"),
    ("duration", "'bake for 00:30', 'rest 1:30': how long the work lasts",
     rf"\b(?:for|rests?|holds?|waits?|lasts?|takes?|pace of)(?: (?:about|around|of|for)){{0,2}} {_CODES}"),
    ("duration", "'wait between 3s and 5s', 'cut it from 30s to 20s': how long the work lasts",
     r"\b(?:for|waits?|takes?|lasts?|lasting|(?:holds?|rests?|stirs?|cooks?|bakes?|simmers?)(?: [a-z]{1,12}){0,2}|pauses?|time|duration|reduced?|"
     r"reduces|increases?|increased|extend|shorten|shortened|cut|it|interval|varies|ranges?|ranging)"
     rf" (?:between|from) {_DIGITS} ?{_UNIT} (?:and|to) {_DIGITS} ?{_UNIT}"),
    ("race result", "'finishes the race in 2:05:30': a result, not a time of the video",
     r"\b(?:finish|finishes|run|runs|ran|swims?|swam|rows?|cycles?|completes?|record|best|time)"
     rf"(?: [a-z0-9]{{1,12}}){{0,5}} (?:in|of) {_CODES}"),
    ("ratio", "'dilute to 1:10', 'scale 1:50': how much of each",
     r"\b(?:ratio|dilut(?:e|es|ed|ing|ion)|mix(?:es|ed|ture)?|scaled?|proportions?|thin(?:s|ned)?|odds|concentration)"
     rf"(?: [a-z]{{1,12}}){{0,4}} {_CODES}"),
    ("score", "'the score is 21:19': points of a game",
     r"\b(?:scores?|leads?|leading|wins?|winning|won|loses?|lost|trail|trails|trailing|beats?|tied)"
     rf"(?: [a-z]{{1,12}}){{0,4}} {_CODES}"),
    ("thing with a frame", "'hive frame 3', 'window frame two': frames that things have",
     rf"(?<![a-z]){_THING}[ _-]frames?(?:{_WORD_NUMBERED}|{_GAP}{_NUMERO}{_GAP}\d++)?(?![a-z])"),
    ("thing with a frame", "'front end frame', 'door opening frame': names of parts",
     r"(?<![a-z])(?:(?:front|rear|back|tail)[ _-]end|(?:window|door|wall|roof)[ _-]opening)[ _-]frames?(?![a-z])"),
    ("handled picture", "'takes the first photo', 'hang the next picture': a picture of the work",
     r"\b(?:takes?|taking|shoots?|hangs?|hanging|mounts?|paints?|painting|draws?|drawing|prints?|printing|glues?"
     rf"|pastes?|sticks?|colou?rs?|peels?) (?:the |an? )?{_ORDINAL} (?:image|picture|photo|photograph)\b"),
    ("filming", "'record 30 seconds of video': the work is filming",
     rf"\b(?:record|records|recording|film|films|shoot|shoots|capture|captures)(?: (?:about|only))? {_AMOUNT} ?{_UNIT}"
     rf" of {_VIDEO}\b"),
    ("计时器", "'计时器显示00:30': what the work sets or reads off",
     rf"{_CN_CLOCK}[^,.;!?，。；、\d]{{0,8}}{_CODES}"),
    ("计时器", "'烤箱定时00:30': as above, for what may also be opened at a time",
     rf"(?:定时|设定|设置|设为|设到|调到|调至|调为|拨到|计时)[^,.;!?，。；、\d]{{0,4}}{_CODES}"),
    ("比例", "'比例为10:15', '比分21:19': how much of each, points of a game",
     rf"(?:比例|比分|比率|配比|稀释|混合|领先|落后|战胜)[^,.;!?，。；、\d]{{0,6}}{_CODES}"),
    ("帧率", "'每秒30帧': a speed", rf"每秒钟? ?{_CN_RANGE} ?帧|{_CN_RANGE} ?帧 ?(?:/ ?秒|每秒|率|速)"),
    ("时长", "'加热30秒时', '保持在3秒到5秒之间': how long the work lasts",
     rf"{_CN_WORK}(?:大约|大概|时间|[了约到至在上为满够住着个的]){{0,3}}(?:(?<=[到至])第)? ?{_CN_RANGE} ?(?:秒钟?|分钟?|小时)"
     rf"(?:(?:[到至~-] ?)?{_CN_RANGE} ?(?:秒钟?|分钟?|小时))?"),
    ("录像", "'拍摄视频30秒': the work is filming", rf"(?:录|拍|录制|拍摄)(?:一段|一个)?视频 ?{_CN_NUMBER} ?(?:秒|分钟)"),
)  # fmt: skip
"""What reads like a reference and is none."""

REFERENCES = _rules(
    ("numbered frame", "'frame 12', 'frame (12)', 'frame №12'", rf"{_FRAME}{_NUMBERED}"),
    ("numbered frame", "'frame twelve'; 'to frame two pictures' is work", rf"{_FRAME}{_WORD_NUMBERED}{_NO_NOUN_FOLLOWS}"),
    ("numbered frame", "'in frame two a hand waits': after these words it is no verb",
     rf"\b(?:in|at|from|until|see) {_FRAME} {_WORD_NUMBER}{_NOT_A_SIZE}"),
    ("frame by order", "'the 12th frame', 'the middle frame'; not 'the second frame of the window'",
     rf"(?<![a-z0-9]){_PLACE}[ _-]{{1,3}}(?:(?:few|several|{_WORD_NUMBER}|\d++) )?"
     rf"(?:(?:video|sampled|pool|key|critical)[ _-]?)?frames?(?![a-z]){_OF_A_THING}"),
    ("numbered picture", "'image 4': a picture of the request; not 'picture 40 x 60 cm'", rf"(?<![a-z]){_PICTURE}s?{_NUMBERED}(?! (?:in|of) the (?:manual|instructions|leaflet|book)\b)"),
    ("numbered picture", "'image four'; not 'picture two people'", rf"(?<![a-z]){_PICTURE}s?{_WORD_NUMBERED}{_NO_NOUN_FOLLOWS}"),
    ("picture by order", "'the third image'; not 'the second image file'",
     rf"(?<![a-z0-9]){_ORDINAL}[ _-]{{1,3}}(?:(?:few|several|{_WORD_NUMBER}|\d++) )?"
     rf"(?:images?|screenshots?|snapshots?|picture|photo|photograph)(?![a-z]){_COMPOUND}"),
    ("time code", "'at 1:12', '@1:12': a ratio or score has other words before it",
     rf"(?:\b(?:at|from|until|till|to|by|around|about|near|after|before|between) |@) ?{_CODE}{_NOT_A_RATIO}"),
    ("time code", "'00:12', '1:02:03', '[1:12]': no ratio is written so",
     rf"(?<![\d:.])(?:\d{{2}}:\d{{2}}|\d{{1,2}}:\d{{2}}:\d{{2}}|\d:0\d|0:\d{{2}}|(?<=\[)\d:\d{{2}}(?=\]))"
     rf"(?::\d{{2}})?(?:\.\d{{1,6}})?(?![\d:]){_NOT_A_RATIO}"),
    ("time variable", "'t=3.2s'", rf"\b(?:t|ts) ?(?:=|≈|~|:|_) ?{_DIGITS}"),
    ("time variable", "'time=3'; 'time: 5 minutes' is a duration", rf"\btime ?(?:=|≈) ?{_DIGITS}"),
    ("time variable", "'@3.2s'", rf"@ ?{_DIGITS} ?{_UNIT}{_PER}"),
    ("timestamp", "'timestamp 12.5'", rf"\btime[ _]?stamps? ?(?:of |=|≈|~|:|_)? ?{_DIGITS}"),
    ("time mark", "'at the 3-second mark', 'the two-minute mark'",
     rf"{_AMOUNT}[ -]{{0,3}}{_UNIT}[ -]{{1,3}}(?:mark|timestamp|time ?point)\b"),
    ("time in the video", "'twelve seconds into the video'",
     rf"{_AMOUNT}[ -]{{0,3}}{_UNIT} (?:of|into|in) (?:(?:the|this) )?{_VIDEO}\b"),
    ("time in the video", "'12 seconds in, ...': into the video; 'stir 12 seconds in the pot' goes on",
     rf"{_AMOUNT}[ -]{{1,3}}{_UNIT} in(?= ?(?:$|[.,;:!?)\]]))"),
    ("time in the video", "'the 3rd second of the video'",
     rf"(?<![a-z0-9]){_ORDINAL} (?:second|minute) (?:of|in|into) (?:the|this) {_VIDEO}\b"),
    ("time in the video", "'at the third second'; 'in the third minute of kneading' is a duration",
     rf"\b(?:at|from|until) the {_COUNTING_ORDINAL} (?:second|minute)(?![a-z])(?![ -](?:of|hand|[a-z]{{1,12}} of)\b)"),
    ("time in the video", "'at second 12', 'from minute 3'",
     r"\b(?:at|from|until|till|by|around|near|since|before|after|between|in) (?:seconds?|minutes?) "
     rf"(?:{_DIGITS}|{_WORD_NUMBER}){_NOT_A_SIZE}"),
    ("time in the video", "'after the clip' may speak of a hair clip: only its ends are a time",
     rf"{_AMOUNT}[ -]{{0,3}}{_UNIT} (?:from|after|before) (?:the )?(?:start|end|beginning) of (?:(?:the|this) )?{_VIDEO}\b"),
    ("time in the video", "'at twelve seconds'; 'at 10 s intervals' is work",
     rf"\bat (?:about |around |roughly |approximately )?(?:{_DIGITS} ?|{_WORD_NUMBER} ){_UNIT}{_PER}"),
    ("time in the video", "'between 3s and 5s', 'from 3s to 5s': so short, it is the writing of time marks",
     rf"\b(?:between|from) {_DIGITS}s (?:and|to|until) {_DIGITS}s(?![a-z])"),
    ("time in the video", "'the first 5 seconds of the video'",
     rf"\b(?:first|last|final) (?:{_AMOUNT}|few) ?{_UNIT} (?:of|in) (?:the|this) {_VIDEO}"),
    ("第 N 帧", "'第3-5帧': 帧 is never a thing of the work", rf"第 ?{_CN_RANGE} ?[个张幅]? ?(?:关键|视频|采样)? ?帧"),
    ("第 N 帧", "'第5个画面', '第3张照片'; 图钉, 图纸, 图书馆 are things",
     rf"第 ?{_CN_RANGE} ?[个张幅]? ?(?:画面|照片(?![墙框夹纸卡])|截图|图片(?!框)|图像|图(?![钉纸书案形章标表层样谱解腾鉴画块册签]))"),
    ("第 N 张", "'第12张' of no named thing; '第3张饼' names one",
     rf"第 ?{_CN_RANGE} ?张(?= ?(?:$|[.,;:!?)\]，。；、：）]|中|里|所示|显示))"),
    ("时间戳 N", "'时间戳 3.2'", rf"时间戳 ?[:为]? ?{_DIGITS}"),
    ("第 N 秒", "'第3秒', '第2分钟'", rf"第 ?{_CN_RANGE} ?(?:秒(?!表)|分钟|分\d|分半)"),
    ("帧 N", "'关键帧2', '帧 #12', '帧(12)'", r"(?:关键)?帧 ?(?:序号|编号|号)? ?[#:]? ?[(\[]?\d"),
    ("帧 N", "'12帧', '前两帧'", rf"{_CN_RANGE} ?(?:个|张|幅)? ?(?:关键)?帧"),
    ("图 N", "'图片 4', '截图2'; '图片3厘米宽' is a size",
     rf"(?:图片|图像|截图|画面|照片) ?[#:]? ?[(\[]?\d++(?! ?{_CN_MEASURE})"),
    ("图 N", "'图3', '如图3'; in 试图, 构图, 拼图 it is part of a word",
     rf"(?<![\u4e00-\u9fff])图 ?[#:]? ?[(\[]?\d++(?! ?{_CN_MEASURE})"),
    ("图 N", "as above, after the words that may stand before a figure's number",
     rf"(?<=[如在见看从到与和及的于照按据由即])图 ?[#:]? ?[(\[]?\d++(?! ?{_CN_MEASURE})"),
    ("首末帧", "'中间帧', '前几帧', '当前帧'",
     r"(?:首|末|尾|中间|最后一|最后几|起始|开始|结束|上一|下一|前一|后一|前几|后几|当前|这一|那一|该|此)个?(?:关键|视频)?帧(?!率)"),
    ("在 N 秒处", "'在3秒处', '在10秒左右', '从10秒到20秒'; '到30秒左右关火' is work",
     rf"(?:在|于) ?(?:大约|约)? ?{_CN_NUMBER} ?秒 ?(?:处(?![理于])|时(?![间长限])|左右|的时候|开始|到)"
     rf"|从 ?(?:大约|约)? ?{_CN_NUMBER} ?秒 ?(?:处(?![理于])|开始|到)"),
    ("在 N 秒处", "'在3分钟处'; '从3分钟开始', '到3分钟左右' are durations",
     rf"(?:在|于) ?(?:大约|约)? ?{_CN_NUMBER} ?分钟 ?(?:处(?![理于])|时(?![间长限])|的时候)"),
    ("N 秒处", "'3秒处', '3秒时', '3分12秒处'; 3秒时间, 3秒处理 are durations",
     rf"{_CN_NUMBER} ?秒 ?(?:处(?![理于])|时(?![间长限]))"),
    ("N 秒处", "'3秒到5秒之间'; after a verb of the work it is a duration",
     rf"{_CN_NUMBER} ?秒? ?[到至~-] ?{_CN_NUMBER} ?秒 ?(?:之间|期间)"),
    ("视频 N 秒", "'视频的前5秒'",
     rf"(?:视频|片段|录像|影片)[的中里]?(?:前|后|开头|最后)? ?第? ?{_CN_NUMBER} ?(?:秒|分钟)"),
    ("前 N 秒", "'前3秒' of the video; 提前3秒 is work; '前3分钟大火' too",
     rf"(?:(?<![提目以之])前(?!一秒)|开头|片头|片尾) ?{_CN_NUMBER} ?秒"),
)  # fmt: skip
"""What points at a frame or a time of the video."""


_MAY_REFER = re.compile(
    r"\d|frame|image|picture|photo|shot|sec|min|\bm?s\b|[帧画照图张戳秒分]", re.IGNORECASE
)
"""Something of this is in every reference; most texts hold nothing of it, and are done soon."""


def find_reference(text: str) -> tuple[str, str] | None:
    """Return (name of the rule, offending words) of a reference to a frame or time, or None.

    The words come in the compatible form (NFKC), with one space for any run of white space.
    """
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text))
    return search_rules(text) if _MAY_REFER.search(text) else None


def search_rules(text: str) -> tuple[str, str] | None:
    """Search the tables for a text in compatible form; ``find_reference`` is the one to use."""
    searched = text
    for rule in INNOCENT:
        searched = rule.pattern.sub(lambda found: _BLOT * len(found.group()), searched)
    for rule in REFERENCES:
        found = rule.pattern.search(searched)
        if found:
            return rule.name, text[slice(*found.span())].strip()
    return None
