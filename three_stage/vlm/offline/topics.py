"""What a question asks about: topics that can be measured, and whether more is asked than these.

Topics are known by words of English and Chinese. Whatever words are left over after the topics,
the names of moments and the words of any question ask for understanding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Topic = Literal[
    "ability", "duration", "brightest", "darkest", "change", "colours", "motion", "course"
]
Beyond = Literal["sound", "writing", "reason", "opinion"]

MOST_CHARACTERS = 4000
"""Of a question that are looked at."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")

_Kind = TypeVar("_Kind", bound=str)


def _patterns(words: Mapping[_Kind, str]) -> Mapping[_Kind, re.Pattern[str]]:
    return {kind: re.compile(each, re.IGNORECASE | re.VERBOSE) for kind, each in words.items()}


_TOPIC_WORDS: Mapping[Topic, str] = {
    "ability": r"""
        \b(?:hello|hi|hey|good\s(?:morning|afternoon|evening|day)|thanks?|thank\syou|help)\b
        | \bwho\sare\syou\b | \bwhat\sare\syou\b | \bhow\sdo\syou\swork\b | \bcan\syou\sdo\b
        | \bwhat\s(?:can|do|could)\syou\s(?:do|measure|answer|tell)\b
        | \bwhat\s(?:kinds?\sof\s)?questions?\b
        | 你好|您好|嗨|早上好|晚上好|谢谢|你是谁|你是什么|帮助|怎么用
        | (?:能|会|可以)(?:做|干)?些?什么""",
    "duration": r"""
        \bhow\slong\b | \b(?:length|duration|run(?:ning)?[-\s]?time)\b | \bhow\smuch\stime\b
        | \blasts?\b(?=\s?\?|$|\slong)
        | \bhow\smany\s(?:seconds|minutes|hours|frames|pictures|images)\b
        | 多长|多久|时长|长度|几分钟|几秒|多少(?:秒|分钟|时间|帧|张)|几(?:帧|张)|总长""",
    "brightest": r"""
        \bbright\w* | \blight(?:est|er|ens?|ened|ening)\b | \bwell[-\s]lit\b | \bexpos(?:ure|ed)\b
        | \blumin\w+ | \blightness\b | \bflash(?:es|ing|ed)?\b | \billuminat\w+
        | \bfad(?:e|es|ing)\b | 亮|明暗|光线|曝光|闪光""",
    "darkest": r"""
        \bdark\w* | \bdim(?:mer|mest|ly)?\b | \bbrightness\b | \bexposure\b | \blumin\w+
        | \blightness\b | \billuminat\w+ | \bfad(?:e|es|ing)\b | \bblackout\b
        | 暗|最黑|变黑|黑屏|亮度|光线|曝光""",
    "change": r"""
        \bcuts?\b | \bscenes?\b | \bshots?\b | \btransitions?\b | \bjumps?\b
        | \bdiffer(?:s|ent|ence|ences)?\b | \bswitch(?:es|ed)?\b
        | \b(?:biggest|largest|greatest|strongest|main|major)\schanges?\b
        | 变化最大|最大的?变化|切换|转场|镜头|场景|剪辑|跳变|差别|差异|不同""",
    "colours": r"""
        \bcolou?r\w* | \bhues?\b | \btints?\b | \bpalette\b | \btones?\b
        | 颜色|色彩|色调|主色|什么色|彩色|配色""",
    "motion": r"""
        \bmov(?:e|es|ed|ing|ements?)\b | \bmotions?\b | \bmotionless\b | \bstill\b | \bstatic\b
        | \bactive\b | \bactivity\b | \bfrozen\b | \bfreez(?:e|es|ing)\b | \bidle\b | \bcalm\w*
        | \bquiet(?:est)?\b | \bshak(?:e|es|y|ing)\b | \bbus(?:y|iest)\b
        | 运动|移动|动作|活动|静止|不动|在动|动静|平静|晃动|动得|没有动|最动|抖动""",
    "course": r"""
        \bhappen\w* | \bgo(?:es|ing)\son\b | \bdescri\w+ | \bsummar\w+ | \boverview\b | \brecap\b
        | \b(?:what|tell\sme)\b[^.?!]{0,30}\b(?:see|shown?|shows|about|video)\b | \bto\sbe\sseen\b
        | \bwhat\sis\sin\b | \bstory\b | \bcourse\b | \bsteps?\b | \boutline\b | \btimeline\b
        | \bexplain\b
        | 发生|描述|概括|总结|概述|概要|内容|讲了?些?什么|讲的|介绍|看[到见]了?些?什么|有些?什么
        | 经过|过程|是什么(?:视频|样)|怎么样|怎样|步骤|情节|说说""",
}
_TOPICS = _patterns(_TOPIC_WORDS)

# These speak of the picture as a whole only where nothing else changes: "when do the colours
# change" asks about colours.
_CHANGES = re.compile(r"\bchang(?:e|es|ed|ing)\b|变化|改变|变得?最", re.IGNORECASE)
_OF_THE_PICTURE = re.compile(r"\bpictures?\b|\bimages?\b|\bview\b|画面|图像", re.IGNORECASE)
_OF_A_TOPIC = re.compile(
    r"\bchang\w*\s+(?:in|of)\s+(?:the\s+)?(?:colou?r|brightness)|(?:颜色|色彩|色调|亮度|明暗)[^,。?,?]{0,6}变",
    re.IGNORECASE,
)
_MAY_CHANGE: frozenset[Topic] = frozenset({"colours", "brightest", "darkest", "motion"})

_BEYOND_WORDS: Mapping[Beyond, str] = {
    "sound": r"""
        \b(?:sounds?|audio|music|songs?|voices?|sa(?:y|ys|id|ying)|hear\w*|speech|spoken|speak\w*
        |talk\w*|noisy?|noises?|loud\w*|silen\w+|languages?|words?)\b
        | 声|音乐|音频|说话|说了|听|语音|噪音|唱|台词|语言""",
    "writing": r"""
        \b(?:texts?|read\w*|written|writ(?:es?|ing)|signs?|subtitles?|captions?|letters?
        |licen[cs]e|plates?|logos?|labels?|titles?)\b
        | 文字|字幕|写着|写了|车牌|招牌|标志|标题|什么字|读""",
    "reason": r"""
        \bwhy\b | \breasons?\b | \bbecause\b | \bcaus(?:e|es|ed)\b | \bpurpose\b
        | \bmean(?:s|ing)?\b | \bintend\w* | 为什么|为何|原因|目的|为啥|导致|意义|意思""",
    "opinion": r"""
        \b(?:good|bad|better|best|worst|beautiful|ugly|think|opinion|safe\w*|danger\w*|should
        |recommend|funny|sad|happy|mood|feel\w*|emotions?)\b
        | 好看|漂亮|觉得|认为|应该|安全|危险|喜欢|心情|情绪|建议|好不好|美""",
}
_BEYOND = _patterns(_BEYOND_WORDS)
_COLOUR_WORDS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{english})(?:er|est|ish)?\b|{chinese}", re.IGNORECASE)
    for name, english, chinese in (
        ("black", "black", "黑色"), ("grey", "grey|gray", "灰色"), ("white", "white", "白色"),
        ("red", "red|redd", "红色"), ("orange", "orange", "橙色|橘色|橘黄色"),
        ("yellow", "yellow", "(?<!橘)黄色"), ("green", "green", "绿色"),
        ("teal", "teal|cyan|turquoise", "青色|蓝绿色"), ("blue", "blue|blu", "蓝色"),
        ("purple", "purple|violet", "紫色"), ("pink", "pink|magenta", "粉色|粉红色?"),
        ("brown", "brown", "棕色|褐色|咖啡色"), ("beige", "beige", "米色"),
    )
}  # fmt: skip

# Words of any question about a video: alone they ask for nothing.
_USUAL = re.compile(
    r"\b(?:a|an|the|this|that|these|those|it|its|is|are|was|were|be|been|being|am|do|does|did|has|have"
    r"|had|can|could|will|would|may|might|shall|you|your|i|me|my|we|us|our|they|them|of|in|on|at|to"
    r"|from|for|with|by|about|as|into|over|between|within|during|through|throughout|before|after|and"
    r"|or|but|then|than|so|not|no|any|some|all|every|each|most|least|more|less|much|many|few|lot|very"
    r"|too|also|just|only|ever|never|often|always|again|now|here|there|when|where|what|which|how|if"
    r"|whether|please|tell|show|shows|shown|give|find|list|name|say|know|want|see|seen|look|looks|like"
    r"|video|videos|clip|film|movie|footage|recording|picture|pictures|image|images|frame|frames|view"
    r"|screen|moment|moments|part|parts|point|points|place|places|time|times|timestamp|second|seconds"
    r"|minute|minutes|sec|s|start|starts|begin|begins|beginning|end|ends|ending|first|last|next"
    r"|previous|one|two|three|other|another|same|whole|entire|overall|total|average|main|mainly"
    r"|dominant|domina\w*|prevail\w*|common|major|biggest|big|largest|large|greatest|great|highest"
    r"|high|lowest|low|strongest|strong|smallest|small|top|bottom|left|right|upper|lower|middle|centre"
    r"|center|corner|side|area|region|measured?|detail|details|detailed|short|shortly|brief|briefly"
    r"|long|little|sentences?|words?|get|gets|getting|become|becomes|turn|turns|occur|occurs|compare"
    r"|compared|exact|exactly|roughly|approximately|okay|ok|yes|content|dear|s|re|t|ll|up|down|out"
    r"|suddenly|sudden|fast|fastest|slow|slowest|rapidly|quickly|place|around|near|without|almost"
    r"|nothing|something|anything|everything|sir|nice|day|light|lighting|brightness|thanks)\b"
    r"|\d+|什么|时候|时刻|时间|哪个|哪些|哪里|哪儿|哪|视频|影片|短片|录像|画面|图片|图像|图中|帧|屏幕|请问|请|告诉"
    r"|一下|一共|总共|全部|整个|整体|多少|怎么|如何|大概|大约|主要|最大|最多|最强|最少|最小|最高|最低|最|开始|结束"
    r"|结尾|开头|之间|部分|一段|片段|这段|这个|那个|这|那|位置|地方|左|右|上|下|中间|中心|角|几次|几个|几|次|个|段"
    r"|是否|有没有|没有|有|是|的|了|在|和|与|及|或|吗|呢|吧|啊|呀|得|地|到|从|到底|里|里面|中|你|我|他|它|们|都"
    r"|还|再|又|就|才|也|很|更|比较|会|能|可以|可|看|给|用|说|出现|出|变得|变|大|小|多|少|第|秒|分钟|分|点|处|请你"
    r"|一|刻|别|往|向|朝|各自|各|单独|依次|视角|光线|光|两|和|谢谢|帮|明显|突然|详细|简单|简要|简短|列出|何时|为|以|内|每|样|张|幅|时|呈现|占|程度|强|弱|快|慢|差不多|随|随着",
    re.IGNORECASE,
)
_LEFT_OVER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Asked:
    """What a question asks about.

    ``colours``: the colours that it names. ``beyond``: kinds of things that it asks and that are
    not measured. ``has_more``: it holds words of nothing that can be measured.
    """

    topics: frozenset[Topic]
    colours: tuple[str, ...]
    beyond: tuple[Beyond, ...]
    has_more: bool
    is_superlative: bool


_SUPERLATIVE = re.compile(r"\b(?:most|least|\w+est)\b|最", re.IGNORECASE)


def is_chinese(text: str) -> bool:
    """Tell whether a question is asked in Chinese."""
    return _CHINESE.search(text) is not None


def asked_in(text: str) -> Asked:
    """Return what a question asks about; moments that it names are no part of ``text``."""
    question = rest = text
    topics: set[Topic] = set()
    for topic, words in _TOPICS.items():
        if words.search(question):
            topics.add(topic)
            rest = words.sub(" ", rest)
    if _CHANGES.search(question):
        rest = _CHANGES.sub(" ", rest)
        if not topics & _MAY_CHANGE or (
            _OF_THE_PICTURE.search(question) and not _OF_A_TOPIC.search(question)
        ):
            topics.add("change")
    colours = tuple(name for name, words in _COLOUR_WORDS.items() if words.search(question))
    for words in _COLOUR_WORDS.values():
        rest = words.sub(" ", rest)
    beyond = tuple(kind for kind, words in _BEYOND.items() if words.search(rest))
    return Asked(
        topics=frozenset(topics),
        colours=colours,
        beyond=beyond,
        has_more=bool(beyond) or _LEFT_OVER.search(_USUAL.sub(" ", rest)) is not None,
        is_superlative=_SUPERLATIVE.search(question) is not None,
    )
