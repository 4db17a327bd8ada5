"""Which texts point at a frame or a time of the video.

Such a reference is worthless outside the one request that it was made in, so no text may hold one.
The rules are data, in two tables. What stands in the first reads like a reference and is part of
the work ("set the timer to 05:00"): it is blotted out before the second is searched.

Every rule says which words it cannot do without: most texts hold none of them.

A repetition is bounded or possessive, and no number is tried again from its middle: a hostile text
costs no more than its length.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One kind of wording: its name, an example with the reason for the rule, the pattern.

    What the pattern finds holds one of ``needs``, in lower case: a text without is not searched.
    """

    name: str
    reason: str
    needs: tuple[str, ...]
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
    r"(?:(?<!\d)\d++(?:st|nd|rd|th)|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[ -])?"
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teenth|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)tieth)"
)
_ORDINAL = (
    rf"(?:{_COUNTING_ORDINAL}|last|final|next|previous|preceding|following|opening|closing|initial|"
    r"penultimate|antepenultimate|subsequent|succeeding|earlier|later|earliest|latest|current|"
    r"consecutive|successive|intermediate)"
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
_PICTURE = r"(?:image|img|picture|pic|photo|photograph|screenshot|snapshot|thumbnail)"
_VIDEO = r"(?:video|clip|footage|recording|movie)"
# Neither "the video call" nor "the recording of a song": those belong to the work.
_THE_VIDEO = (
    r"(?:the|this|that) (?:(?:whole|entire|full|short|source|input|video|sampled) )?"
    rf"(?:{_VIDEO}|film)(?![a-z]|[ -](?:calls?|chats?|games?|cameras?|cards?|conferences?|meetings?|"
    r"players?|doorbells?|screens?|tapes?|heads?|cables?|lessons?|courses?|sessions?|studios?|booths?|"
    r"consoles?|files?|apps?|rolls?|strips?|canisters?|of)\b)"
)
_PERCENT = r"(?:%|percent(?![a-z])|per cent(?![a-z]))"
_FRACTION = (
    rf"(?:\d ?{_PERCENT}|(?<!\d)\d/\d|(?<![a-z])(?:an?|one|two|three|four)[ -](?:third|quarter|fifth|half)s?|"
    r"(?<![a-z])half)"
)
_STRETCH = (
    r"(?:half|third|quarter|part|portion|section|stages?|stretch|phase|moments?|instants?|seconds?|"
    r"minutes?|scenes?|shots?|images?|pictures?|stills?)"
)
_SHOWS = r"(?:shows?|showing|depicts?|displays?|captures?|reveals?|confirms?)"
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
# What a hand does to a frame or a picture that is a thing.
_HANDLES = (
    r"\b(?:re)?(?:lift|pull|remov|slid|insert|hang|glu|sand|clamp|uncap|scrap|brush|load|return|replac|"
    r"install|mount|weld|bolt|screw|assembl|paint|cut|carr|tilt|shak|plac|set|put|lower|fit|nail|staple?|stack|"
    r"inspect|hold|wip|clean|tap|tuck|trim|pin|prim|varnish|saw|plan|drill|attach|fix|fasten|lay|push|"
    r"join|level|squar|straighten|hoist|rais|rotat|flip|dip|rins|dry|develop|wash|peel|crop|laminat|hand|"
    r"pass|sew|stretch|extract|unload|align|polish|fil|grip|tie|position|support|lean|stor|pick|take|taking)"
    r"(?:[bglmnpt]?(?:e|es|ed|ied|ies|s|ing))?(?: (?:up|out|down|back|off))?"
)
_HANDLED = (
    r"(?:lifted|pulled|removed|slid|inserted|hung|glued|sanded|clamped|uncapped|scraped|brushed|loaded|"
    r"returned|replaced|installed|mounted|welded|bolted|screwed|assembled|painted|cut|carried|tilted|"
    r"shaken|placed|set|put|lowered|fitted|nailed|stapled|stacked|inspected|held|wiped|cleaned|taped|"
    r"tucked|trimmed|pinned|primed|varnished|sawn|planed|drilled|attached|fixed|fastened|laid|pushed|"
    r"joined|levelled|leveled|squared|straightened|hoisted|raised|rotated|flipped|dipped|rinsed|dried|"
    r"developed|washed|peeled|cropped|laminated|handed|sewn|stretched|aligned|polished|filed|positioned|"
    r"stored|tied|supported|leaned)"
)
_HIVE = r"(?:bee)?(?:hives?|brood|super|nuc|colony|apiary|honey extractor)"
_NUMBERED_THING = (  # its frames are counted
    rf"(?:{_HIVE}|gallery|wall|scaffold|greenhouse|loom|match|shed|roof|fence|window|rack)"
)
_FRAME_GAME = (
    r"(?:a (?:spare|strike)|strikes in a row|gutters?|scores?|scorecard|snooker|bowling|tenpins?|"
    r"(?:corner|remaining|head|ten|10|seven|all) pins?|pins standing|pots|potted|break-off|perfect game)"
)
_CN_OTHER_VIDEO = r"(?!通话|会议|聊天|教程|课|游戏|网站|软件|监控|电话|接口|信号|线|卡)"
_CN_VIDEO = (
    r"(?:视频|(?<!基因)(?<!DNA)(?<!核酸)(?<!序列)片段|录像|录影|影片|短片|全片|视频素材)"
    rf"{_CN_OTHER_VIDEO}"
)
_CN_A_DRAWING = r"图(?![钉纸书案形章标表层样谱解腾鉴画块册签片像])"
_CN_PICTURE = rf"(?:画面|截图|截屏|图片(?!框)|图像|快照|缩略图|{_CN_A_DRAWING})"
_CN_WORK = (
    r"(?:煮|煎|炸|烤|蒸|炒|焖|炖|焯|烫|腌|揉|捏|搅|搅拌|打发|加热|预热|冷却|冷藏|微波|浸泡|泡|静置|"
    r"等|等待|醒|醒面|发酵|晾|保持|坚持|持续|停留|停顿|维持|保留|按住|按压|压|压住|敲|拉伸|休息|暂停|"
    r"支撑|平板|跑|冲刺|倒立|憋气|时间|时长|用时|耗时|历时|控制|成绩|缩短|需|需要|花|花费|数|计时|每隔|间隔|大约需要|不超过|至少)"
)
_CN_DEVICE = r"(?:显示屏|面板|屏幕|微波炉|烤箱|电饭煲|洗衣机|烘干机|手机|跑步机|记分牌)"
_CN_CLOCK = r"(?:计时器|定时器|秒表|闹钟|时钟|挂钟|钟表|手表|腕表|倒计时|计时牌)"
_CN_MEASURE = (
    r"(?:次|种|个|本|张|幅|块|片|名|位|层|套|份|遍|类|大|要素|步|条|处|倍|维|D\b|寸|元|年|厘米|毫米|米|"
    r"cm|mm)"
)


# The words of ``needs`` are written with | between them.
def _rules(needs: str, *rows: tuple[str, str, str]) -> tuple[Rule, ...]:
    words = tuple(needs.split("|"))
    return tuple(
        Rule(name, reason, words, re.compile(pattern, re.IGNORECASE))
        for name, reason, pattern in rows
    )


INNOCENT = (
    _rules(":",
    ("timer", "'the timer reads 00:30': what the work sets or reads off, not a time of the video",
     r"\b(?:timer|stopwatch|alarm|countdown)(?: clock)?"
     r"(?: (?:is|now|then|reads?|shows?|says?|displays?|reading|showing|set|to|for|at|on|of|from|counts?"
     rf"|counting|down|up|until|reaches|reach|hits?|goes|off|rings|starts?|stops?|runs?|with)){{0,6}}:? ?{_CODES}"),
    ("clock", "'stops the clock at 0:32', 'with 0:32 left': the clock of a game",
     rf"\b(?:stops?|starts?|restarts?|resets?|pauses?) the (?:[a-z]{{1,8}} )?(?:clock|watch) (?:at|from|to|with) {_CODES}"
     rf"|{_CODE} (?:left|remaining|to go|on the clock)\b"),
    ("clock", "'clock shows 10:10': as for a timer, but 'the oven opens at 00:12' is none",
     r"\b(?:clock|watch|wristwatch|oven|microwave|display|phone|screen|console|panel|scoreboard|treadmill|cooker|"
     r"dryer|washer|monitor|(?:hour|minute) hands?)"
     r"(?: now| then)?(?: (?:is set|reads?|shows?|says?|displays?|reading|showing|set|to|for|turned))"
     rf"(?: (?:to|for|at|exactly|about|the|time|of)){{0,3}} {_CODES}"),
    ("set time", "'sets the time to 12:00': the work sets it",
     rf"\b(?:set|sets|setting|adjust|adjusts|program|programs|dial|dials)(?: [a-z]{{1,12}}){{1,4}} (?:to|for|at) {_CODES}"),
    ("set time", "'enter 00:30 on the timer': as above, the device behind the time",
     rf"{_CODE} (?:on|into) (?:the|a) (?:[a-z]{{1,12}} )?(?:timer|clock|watch|stopwatch|display|oven|microwave|keypad)\b"),
    ("countdown", "'the display counts down from 12:30': whatever counts down, the work set it",
     rf"\bcount(?:s|ed|ing)? down(?: (?:to|from|at|the|time|of)){{0,3}} {_CODES}"),
    ("time of day", "'rests until 18:00', '14:30': a full or half hour of the afternoon; hardly a video is so long",
     r"(?<![\d:.])(?:1[3-9]|2[0-3]):[03]0(?![\d:]|\.\d|[ -]mark)"),
    ("time of day", "'writes 14:30 on the label', 'the dose is scheduled for 08:00': a time of the day",
     rf"\b(?:(?:writes?|writing|notes?|logs?|enters?|jots?)(?: down)?(?: the time)?|(?:scheduled|due|dated|departs?|departure|"
     rf"appointment|dose|medication|timetable|kick-off|opening hours)(?: [a-z]{{1,12}}){{0,3}}) {_CODES}"),
    ("duration", "'bake for 00:30', 'rest 1:30': how long the work lasts",
     rf"\b(?:for|rests?|holds?|waits?|lasts?|takes?|pace of)(?: (?:about|around|of|for)){{0,2}} {_CODES}"),
    ("race result", "'finishes the race in 2:05:30': a result, not a time of the video",
     r"\b(?:finish|finishes|run|runs|ran|swims?|swam|rows?|cycles?|completes?|record|best|time)"
     rf"(?: [a-z0-9]{{1,12}}){{0,5}} (?:in|of) {_CODES}"),
    ("ratio", "'dilute to 1:10', 'scale 1:50': how much of each",
     r"\b(?:ratio|dilut(?:e|es|ed|ing|ion)|mix(?:es|ed|ture)?|scaled?|proportions?|thin(?:s|ned)?|odds|concentration)"
     rf"(?: [a-z]{{1,12}}){{0,4}} {_CODES}"),
    ("score", "'the score is 21:19': points of a game",
     r"\b(?:scores?|leads?|leading|wins?|winning|won|loses?|lost|trail|trails|trailing|beats?|tied)"
     rf"(?: [a-z]{{1,12}}){{0,4}} {_CODES}"),
    ("计时器", "'计时器显示00:30': what the work sets or reads off",
     rf"{_CN_CLOCK}[^,.;!?，。；、\d]{{0,8}}{_CODES}"),
    ("计时器", "'烤箱定时00:30': as above, for what may also be opened at a time",
     rf"(?:定时|设定|设置|设为|设到|调到|调至|调为|拨到|计时)[^,.;!?，。；、\d]{{0,4}}{_CODES}"),
    ("计时器", "'显示屏从12:30开始倒计时': as above, for other devices",
     rf"{_CN_DEVICE}[^,.;!?，。；、\d]{{0,6}}(?:显示|从|剩余?|设|定|读数|倒计时)[^,.;!?，。；、\d]{{0,3}}{_CODES}|{_CODES}(?:开始)?倒(?:计时|数)|剩[下余]? ?{_CODES}"),
    ("钟点", "'早上07:15出发', '写下14:30': a time of the day",
     r"(?:早上|上午|中午|下午|晚上|傍晚|凌晨|清晨|早晨|夜里|当天|每天|次日|写下?|记下|填写|标注|注明)"
     rf"[^,.;!?，。；、\d]{{0,4}}{_CODES}"),
    ("比例", "'比例为10:15', '比分21:19': how much of each, points of a game",
     rf"(?:比例|比分|比率|配比|稀释|混合|领先|落后|战胜)[^,.;!?，。；、\d]{{0,6}}{_CODES}"),
    )
    + _rules("second|sec|min| at ",
    ("timer", "'the timer is set at 30 seconds': as above, in units",
     r"\b(?:(?:timer|stopwatch|alarm|limit|interval|pulse|delay|shutter|exposure|pause)(?: [a-z]{1,12}){0,4}|set|capped|timed|kept|limited)"
     rf" at (?:about |around )?{_AMOUNT}[ -]?{_UNIT}"),
    )
    + _rules("mark",
    ("timer mark", "'turn the dial to the 10-minute mark': a mark on a thing",
     r"\b(?:dial|knob|timer|stopwatch)(?: (?:to|at|on|reaches|is|points|past|the)){1,4} "
     rf"{_AMOUNT}[ -]{{1,3}}{_UNIT}[ -]mark\b"),
    )
    + _rules("between|from",
    ("duration", "'wait between 3s and 5s', 'cut it from 30s to 20s': how long the work lasts",
     r"\b(?:for|waits?|takes?|lasts?|lasting|(?:lap|pace|delay|exposure|period)(?: [a-z]{1,12}){0,3}|time [a-z]{1,12}|(?:holds?|rests?|stirs?|cooks?|bakes?|simmers?)(?: [a-z]{1,12}){0,2}|pauses?|time|duration|reduced?|"
     r"reduces|increases?|increased|extend|shorten|shortened|cut|it|interval|varies|ranges?|ranging)"
     rf" (?:between|from) {_DIGITS}(?: ?{_UNIT})? (?:and|to) {_DIGITS} ?{_UNIT}"),
    )
    + _rules("frame",
    ("thing with a frame", "'hive frame 3', 'window frame two': frames that things have",
     rf"(?<![a-z]){_THING}[ _-]frames?(?:{_WORD_NUMBERED}|{_GAP}{_NUMERO}{_GAP}\d++)?(?![a-z])"),
    ("thing with a frame", "'front end frame', 'door opening frame': names of parts",
     r"(?<![a-z])(?:(?:front|rear|back|tail)[ _-]end|(?:window|door|wall|roof)[ _-]opening)[ _-]frames?(?![a-z])"),
    ("frame of a thing", "'pulls frame 6 from the brood box'",
     rf"(?<![a-z])frames? #?\d++ (?:back )?(?:of|in|into|from|out of|to) (?:the |a |its )?(?:[a-z]{{1,12}} )?{_NUMBERED_THING}\b"),
    ("frame of a thing", "'slides the last frame back into the super'",
     rf"(?<![a-z]){_PLACE} frames? (?:back )?(?:of|in|into|from|out of|to) (?:the |a |its )?(?:[a-z]{{1,12}} )?{_NUMBERED_THING}\b"),
    ("frame of a game", "'a spare in the tenth frame', 'the third frame of the snooker match'",
     rf"\b{_FRAME_GAME}\b[^.;!?\d]{{0,60}}? {_ORDINAL} frames?\b"
     rf"|\b{_ORDINAL} frames?\b(?=[^.;!?\d]{{0,60}} {_FRAME_GAME}\b)"),
    )
    + _rules("frame|pic|photo|print|thumbnail|image",
    ("handled picture", "'takes the first photo', 'hang the next picture': a picture of the work",
     r"\b(?:takes?|taking|shoots?|hangs?|hanging|mounts?|paints?|painting|draws?|drawing|prints?|printing|glues?"
     rf"|pastes?|sticks?|colou?rs?|peels?) (?:the |an? )?{_ORDINAL} (?:image|picture|photo|photograph)\b"),
    ("handled frame", "'sands the first frame', 'tucks the second photo behind it': a thing in the hand",
     rf"{_HANDLES} (?:the|a|an|each|every|his|her|its) {_ORDINAL} (?:(?:{_WORD_NUMBER}|few|\d++) )?"
     rf"(?:frames?|picture|photo|photograph|print|thumbnail)(?![a-z])(?! of (?:the|this) {_VIDEO})"),
    ("handled frame", "'the second frame is glued', 'the last photo is taped': as above, the thing first",
     rf"(?<![a-z]){_ORDINAL} (?:(?:{_WORD_NUMBER}|few|\d++) )?(?:frames?|picture|photo|photograph|thumbnail)"
     rf" (?:is|are|was|were|has been|have been|gets|being|must be|can be)(?: [a-z]{{2,9}}ly| then| now| also)? {_HANDLED}\b"),
    )
    + _rules("f",
    ("aperture or key", "'stops down from f8 to f11', 'presses F5': f and a number on a camera or a keyboard",
     r"\b(?:aperture|lens|diaphragm|stop|stops|stopped|iris|camera|press|presses|pressed|pressing|keys?|hits?)"
     r"(?: [a-z]{1,12}){0,5} f ?/?\d++(?:\.\d)?(?: (?:to|and|or) f ?/?\d++)?"),
    )
    + _rules("video|clip|footage|recording|movie|film",
    ("filming", "'record 30 seconds of video': the work is filming",
     rf"\b(?:record|records|recording|film|films|shoot|shoots|capture|captures)(?: (?:about|only))? {_AMOUNT} ?{_UNIT}"
     rf" of {_VIDEO}\b"),
    )
    + _rules("分",
    ("比赛", "'下半场第75分钟': minutes of a game",
     rf"(?:比赛|[上下]半场|全场|半场|开场|开赛|加时赛?|[一二三四]节)[^,.;!?，。；、\d]{{0,4}}第 ?{_CN_RANGE} ?分钟"),
    )
    + _rules("张|幅",
    ("照片", "'把第一张照片插入相册', '书里的第三幅图': a picture in the hand or a book; '把第一张图与第二张对比' is none",
     r"(?:把|将|取出|拿[起出]|贴上?|挂上?|夹[起住]|装入|冲洗|打印|洗出|拍下?|拍摄|画|涂|粘贴?|撕下?|裁剪?|钉上?)"
     rf"(?:第 ?{_CN_RANGE}|最后一|首|末|下一|上一|[前后]{_CN_RANGE})(?:张|幅)(?:照片|相片|图片|{_CN_A_DRAWING})"
     r"(?![^,.;!?，。；]{0,12}(?:对比|比较|相比|对照))"
     rf"|(?:书|册|绘本|手册|课本|杂志)[里中上内]?的?第 ?{_CN_RANGE} ?[张幅个]{_CN_PICTURE}"),
    )
    + _rules("视频|片段|录像|影片",
    ("剪辑", "'剪掉视频开头': the work is editing",
     r"(?:剪|裁|删|截取?|编辑|导出)[^,.;!?，。；、]{0,4}(?:视频|片段|录像|影片)的?(?:开头|结尾|末尾|片[头尾]|最后)"),
    )
    + _rules("帧",
    ("帧率", "'每秒30帧': a speed", rf"每秒钟? ?{_CN_RANGE} ?帧|{_CN_RANGE} ?帧 ?(?:/ ?秒|每秒|率|速)"),
    )
    + _rules("秒|分|时|s",
    ("时长", "'加热30秒时', '保持在3秒到5秒之间': how long the work lasts",
     rf"{_CN_WORK}(?:大约|大概|时间|[了约到至在上为满够住着个的]){{0,3}}(?:(?<=[到至])第)? ?{_CN_RANGE} ?(?:秒钟?|分钟?|小时|s(?![a-z]))"
     rf"(?:(?:[到至~-] ?)?{_CN_RANGE} ?(?:秒钟?|分钟?|小时|s(?![a-z])))?"),
    )
    + _rules("视频|帧",
    ("录像", "'拍摄视频30秒': the work is filming",
     rf"(?:录|拍|录制|拍摄)(?:一段|一个)?视频 ?{_CN_NUMBER} ?(?:秒|分钟)|(?:拍|拍摄|绘制|制作|画)(?:了|出)? ?{_CN_NUMBER} ?帧"),
    )
)  # fmt: skip
"""What reads like a reference and is none."""

REFERENCES = (
    _rules("frame",
    ("numbered frame", "'frame 12', 'frame (12)', 'frame №12'", rf"{_FRAME}{_NUMBERED}"),
    ("numbered frame", "'frame twelve'; 'to frame two pictures' is work", rf"{_FRAME}{_WORD_NUMBERED}{_NO_NOUN_FOLLOWS}"),
    ("numbered frame", "'in frame two a hand waits': after these words it is no verb",
     rf"\b(?:in|at|from|until|see) {_FRAME} {_WORD_NUMBER}{_NOT_A_SIZE}"),
    ("frame by order", "'the 12th frame', 'the middle frame'; not 'the second frame of the window'",
     rf"(?<![a-z0-9]){_PLACE}[ _-]{{1,3}}(?:(?:few|several|couple of|handful of|{_WORD_NUMBER}|\d++) )?"
     rf"(?:(?:video|sampled|pool|key|critical)[ _-]?)?frames?(?![a-z]){_OF_A_THING}"),
    )
    + _rules("frame|image|picture|photo|still|shot",
    ("frames beside each other", "'two frames later', 'within three frames', 'from one frame to the next'",
     rf"{_AMOUNT} (?:[a-z]{{1,11}} )?(?:frames?|images?|pictures?|photos?|stills?|screenshots?|snapshots?) "
     r"(?:later|earlier|ago|afterwards?|beforehand|(?:before|after) (?:that|this))\b"
     rf"|\b(?:in|at|by|from|until) (?:the|one) {_FRAME} (?:just |right |[a-z]{{2,9}}ly )?(?:before|after|following|prior to|when|where|that (?:follows|precedes|comes))\b"
     rf"|\b(?:within|over the (?:course|span|space) of)(?: (?:the|just|only|about))? {_AMOUNT} frames?\b"
     rf"|\b(?:each|every|any) {_FRAME} (?:from|up to|until|after|before) the {_ORDINAL}(?![a-z])"
     r"|\bfrom (?:one )?frame to (?:the next|frame|another)\b|\bbetween (?:the |these |two |both )?(?:sampled |video )?frames\b"),
    )
    + _rules("frame|sampled|provided|video",
    ("frames that show", "'the frames show', 'this frame shows', 'the sampled frames'; 'the frame shows rust' speaks of a thing",
     rf"{_FRAME}(?<=s) (?:clearly |also |all |both )?(?:show|depict|capture|reveal|confirm)\b"
     rf"|\b(?:this|that|one|another) {_FRAME} (?:clearly |also )?(?:shows|depicts|captures|reveals)\b"
     r"|\b(?:sampled|provided|video) (?:frames?|images?|stills?|pictures?)(?![a-z]|[ -]rate)"),
    )
    + _rules("fr|img|pic|kf",
    ("abbreviated frame", "'fr. 12', 'img 3', 'pic. 2', 'kf2'; 'Fr 12' of a catheter is a size",
     rf"(?<![a-z])(?:fr|frm|img|pic|kf)s?(?:\. ?|[ _#-])?#?\d++{_NOT_A_SIZE}(?! ?(?:catheter|tube|cannula|french))"),
    )
    + _rules("f.|f0|f1|f2|f3|f4|f5|f6|f7|f8|f9",
    ("abbreviated frame", "'in f17', '(f23)', 'f4 to f9'; f1 is a race, f/2.8 an aperture",
     r"(?:\b(?:in|at|by|from|until|till|see|between|since|around|through|after|before|with) |[(\[])f(?:\. ?)?0{0,2}(?:[2-9]|[1-9]\d{1,2})(?![a-z\d/]|\.\d)"
     rf"|(?<![a-z\d])f\d{{1,3}} ?(?:-|–|to|and|through) ?f\d{{1,3}}(?![\d.])|(?<![a-z\d])f\d{{2,3}} {_SHOWS}\b"),
    )
    + _rules("#|sample_|index|indices",
    ("pool", "'#12 of the pool', 'index 12', 'sample_012'; a refractive index has decimals",
     r"# ?\d++ (?:of|in|from) the (?:pool|frames?|images?|pictures?|sequence|video|clip)\b|\bsample_\d"
     r"|\b(?:at|from|pool|image|see|to) (?:index|indices) \d++(?!\.\d)"),
    )
    + _rules("image|img|pic|photo|shot|thumbnail",
    ("numbered picture", "'image 4': a picture of the request; not 'picture 40 x 60 cm'", rf"(?<![a-z]){_PICTURE}s?{_NUMBERED}(?! (?:in|of) the (?:manual|instructions|leaflet|book)\b)"),
    ("numbered picture", "'image four'; not 'picture two people'", rf"(?<![a-z]){_PICTURE}s?{_WORD_NUMBERED}{_NO_NOUN_FOLLOWS}"),
    ("picture by order", "'the third image'; not 'the second image file'",
     rf"(?<![a-z0-9]){_ORDINAL}[ _-]{{1,3}}(?:(?:few|several|couple of|handful of|{_WORD_NUMBER}|\d++) )?(?:(?:sampled|video|pool) )?"
     rf"(?:images?|screenshots?|snapshots?|thumbnails?(?! sketch)|picture|photo|photograph)(?![a-z]){_COMPOUND}"),
    )
    + _rules("still",
    ("numbered still", "'in still 5', 'still #3', 'stills 2 and 4'; 'there are still 3 eggs'",
     r"\b(?:in|from|see|by|with|at|of) (?:video )?stills? (?:no\. ?|number |#)?\d|(?<![a-z])stills? #\d|(?<![a-z])stills \d|[(\[]stills? \d"),
    ("still by order", "'in the fourth still,'; 'the second still needs a turn' says yet",
     rf"\b(?:in|from|by|at|see|with|to|of) the {_ORDINAL} (?:video )?still(?= ?(?:$|[.,;:!?)]|(?:and|{_SHOWS}|of the (?:video|clip|footage)|where)\b))"
     rf"|\b(?:final|opening|closing|previous|next|initial) still {_SHOWS}\b|(?<![a-z]){_ORDINAL} (?:(?:few|{_WORD_NUMBER}|\d++) )?stills(?![a-z])"
     rf"|(?<![a-z]){_ORDINAL} (?:video )?still (?:image|picture|photo|photograph|frame)(?![a-z])"),
    )
    + _rules("shot|scene|panel|tile|cell|row",
    ("shot or scene", "'the opening shot shows', 'in scene 3', 'panel 4 of the contact sheet'; not a shot of tennis",
     rf"(?<![a-z]){_ORDINAL} (?:video )?(?:shot|scene) (?:{_SHOWS}|of (?:the|this) {_VIDEO})\b"
     r"|\b(?:in|from|by|see) (?:shot|scene) #?\d|\bin the (?:opening|closing) (?:shot|scene)\b"
     rf"|(?:(?<![a-z]){_ORDINAL} (?:panel|tile|cell|shot|scene|row)|(?<![a-z])(?:panel|tile|cell|shot|scene|row) #?\d++)"
     r" (?:of|in|on) the (?:contact sheet|montage|collage|storyboard|film ?strip|frame pool|image grid|frame grid)"),
    )
    + _rules("fig",
    ("figure", "'see figure 3'; a figure 8 is a knot",
     r"\b(?:in|see|from) (?:figures?|figs?\.?) ?(?!8(?!\d))\d++(?! (?:in|of) the (?:manual|instructions|leaflet|book)\b)"),
    )
    + _rules(":",
    ("time code", "'at 1:12', '@1:12': a ratio or score has other words before it",
     r"(?:\b(?:at|from|until|till|to|by|around|about|near|after|before|between) (?:(?:about|around|roughly|approximately|just|exactly|the) )?|@)"
     rf" ?{_CODE}{_NOT_A_RATIO}|{_CODE}[ -](?:mark|time ?stamp|time ?point|point)\b"),
    ("time code", "'00:12', '1:02:03', '[1:12]': no ratio is written so",
     rf"(?<![\d:.])(?:\d{{2}}:\d{{2}}|\d{{1,2}}:\d{{2}}:\d{{2}}|\d:0\d|0:\d{{2}}|(?<=\[)\d:\d{{2}}(?=\]))"
     rf"(?::\d{{2}})?(?:\.\d{{1,6}})?(?![\d:]){_NOT_A_RATIO}"),
    )
    + _rules("t",
    ("time variable", "'t=3.2s'; T = 37 °C is a temperature", rf"\b(?:t|ts) ?(?:=|≈|~|:|_) ?{_DIGITS}(?! ?(?:°|k\b|c\b|mm\b|cm\b|nm\b|days?\b|h\b|hours?\b|weeks?\b))"),
    )
    + _rules("time",
    ("time variable", "'time=3'; 'time: 5 minutes' is a duration", rf"\btime ?(?:=|≈) ?{_DIGITS}|\bat time (?:t ?)?{_DIGITS}"),
    ("timestamp", "'timestamp 12.5', 'timestamped 12.4', 'time index 7.5', 'timecode 12'",
     rf"\btime[ _-]?(?:stamp(?:s|ed)?|index|code) ?(?:of |at |is |=|≈|~|:|_)? ?{_DIGITS}"),
    )
    + _rules("@",
    ("time variable", "'@3.2s'", rf"@ ?{_DIGITS} ?{_UNIT}{_PER}"),
    )
    + _rules("mark|point|stamp|instant|timeline|axis|bar",
    ("time mark", "'at the 3-second mark', 'the one-minute point', '8.2 s on the timeline'",
     rf"{_AMOUNT}[ -]{{0,3}}{_UNIT}(?:[ -]{{1,3}}(?:mark|time ?stamp|time ?point|point|instant)\b| on the (?:timeline|time axis|progress bar)\b)"),
    )
    + _rules("video|clip|footage|recording|movie|film",
    ("place in the video", "'at the start of the video', 'by the end of the clip'; 'onto the end of the clip' is a thing's",
     r"\b(?:at|by|in|near|nearing|towards?|until|till|since|before|after|around|from|during|throughout)(?: about| around)? "
     r"(?:the )?(?:very |exact )?(?:start|beginning|outset|onset|opening|end|ending|close|conclusion|finish|tail end|middle|"
     rf"mid-?point|half-?way (?:point|mark)) of {_THE_VIDEO}"
     rf"|\b(?:mid-?point|half-?way (?:point|mark)) of {_THE_VIDEO}|\b(?:start|beginning|end|ending|opening) of {_THE_VIDEO} {_SHOWS}\b"),
    ("place in the video", "'the second half of the clip', 'the final moments of the video'",
     rf"(?<![a-z0-9])(?:{_PLACE}|early|late|latter)[ -](?:(?:few|couple of|{_WORD_NUMBER}|\d++) )?{_STRETCH} (?:of|in) {_THE_VIDEO}"
     rf"|\bone of the (?:{_PLACE}) [a-z]{{1,12}} of {_THE_VIDEO}"),
    ("place in the video", "'halfway through the video', 'a third of the way into the footage', 'at 40% of the clip'",
     rf"(?:\b(?:half|mid|part|most of the)[ -]?way|{_FRACTION}(?: (?:of )?the way|[ -](?:point|mark|stage))?) (?:through|into|of|in|along) {_THE_VIDEO}"),
    ("place in the video", "'late in the video', 'a few seconds later in the clip', 'at this point in the video'",
     r"\b(?:early|earlier|late|later|soon|shortly|moments?|at (?:this|that|one|some|which) (?:point|moment|stage|instant)|so far)(?: on)?"
     rf" (?:in|into|of) {_THE_VIDEO}"
     rf"|{_UNIT}[ -](?:interval|window|range|span|stretch|segment|part) (?:of|in) {_THE_VIDEO}"
     rf"|\b{_THE_VIDEO} (?:progresses|proceeds|advances|unfolds|continues|goes on|moves on|"
     r"(?:reaches|passes|nears|approaches) (?:its|the) (?:half-?way|mid-?point|middle|end|close))\b"),
    ("place in the video", "'the clip's opening seconds', 'at the video's end', 'mid-clip', 'from clip start'",
     rf"(?<![a-z]){_VIDEO}['’]s (?:(?:very |last |first |final |opening |closing |initial ){{1,2}}(?:few |{_WORD_NUMBER} |\d++ )?{_STRETCH}|"
     r"mid-?point|halfway|(?:second|latter) half|conclusion|beginning|outset)(?![a-z])"
     rf"|\b(?:at|by|near|towards?|until|before|from|since) (?:the |this )?{_VIDEO}(?:['’]s)? (?:very )?(?:start|beginning|end|ending|mid-?point|middle|close)\b"
     rf"|\bmid[ -](?:video|clip|footage|recording)(?![a-z])"),
    ("ends of the video", "'the video ends with', 'when the clip begins'; a hair clip opens and closes",
     r"\b(?:the|this) (?:video|footage|movie) (?:opens|begins|starts|ends|closes|concludes|finishes|is over|started|began|ended|opened)"
     r"(?! (?:playing|recording|upload|buffer|automatic|the ))\b"
     r"|\b(?:the|this) clip (?:begins|starts|ends|concludes|finishes|began|started|ended|(?:opens|closes) with)\b"
     r"|\b(?:the|this) (?:video|footage|clip|recording) is (?:about |roughly |nearly |almost )?(?:half[ -]?way|midway|over\b|about to end)"
     r"|\b(?:the|this) recording (?:begins|starts|ends|opens|closes|concludes) with\b"),
    ("time in the video", "'twelve seconds into the video'",
     rf"{_AMOUNT}[ -]{{0,3}}{_UNIT} (?:of|into|in) (?:(?:the|this) )?{_VIDEO}\b"),
    ("time in the video", "'the 3rd second of the video'",
     rf"(?<![a-z0-9]){_ORDINAL} (?:second|minute) (?:of|in|into) (?:the|this) {_VIDEO}\b"),
    ("time in the video", "'after the clip' may speak of a hair clip: only its ends are a time",
     rf"{_AMOUNT}[ -]{{0,3}}{_UNIT} (?:from|after|before) (?:the )?(?:start|end|beginning) of (?:(?:the|this) )?{_VIDEO}\b"),
    ("time in the video", "'the first 5 seconds of the video'",
     rf"\b(?:first|last|final) (?:{_AMOUNT}|few) ?{_UNIT} (?:of|in) (?:the|this) {_VIDEO}"),
    )
    + _rules(" in",
    ("time in the video", "'12 seconds in, ...': into the video; 'stir 12 seconds in the pot' goes on",
     rf"{_AMOUNT}[ -]{{1,3}}{_UNIT} in(?= ?(?:$|[.,;:!?)\]]))"),
    )
    + _rules("second|minute",
    ("time in the video", "'at the third second'; 'in the third minute of kneading' is a duration",
     rf"\b(?:at|from|until) the {_COUNTING_ORDINAL} (?:second|minute)(?![a-z])(?![ -](?:of|hand|[a-z]{{1,12}} of)\b)"),
    ("time in the video", "'at second 12', 'from minute 3'",
     r"\b(?:at|from|until|till|by|around|near|since|before|after|between|in|during|over|through|throughout|across|within|to) (?:seconds?|minutes?) "
     rf"(?:{_DIGITS}|{_WORD_NUMBER}){_NOT_A_SIZE}|\bseconds {_DIGITS} ?(?:-|–|to|through|and|until) ?{_DIGITS}"),
    )
    + _rules("between|from|during|in the",
    ("time in the video", "'between 4.2 and 5.1 s', 'the 4.2–5.1 s window': no work is timed so finely",
     rf"\b(?:between|from|during|in the) (?<!\d)\d++\.\d++ ?(?:s|sec|seconds)? ?(?:and|to|until|through|-|–) ?{_DIGITS} ?(?:s|secs?|seconds)(?![a-z])"),
    ("time in the video", "'between 3s and 5s', 'from 3s to 5s': so short, it is the writing of time marks",
     rf"\b(?:between|from) {_DIGITS}s (?:and|to|until) {_DIGITS}s(?![a-z])"),
    )
    + _rules("from|near|by|around|[|at ",
    ("time in the video", "'from 6.5 s onwards', 'near 8.2 s', 'By 12.4 s, ...', '[12.4s]'",
     rf"\bfrom {_DIGITS} ?{_UNIT} (?:on|onwards?|forward)\b|\bnear {_DIGITS} ?(?:s|secs?|seconds)(?![a-z])"
     rf"|(?:^|[.;!?:] )(?:by|around) {_DIGITS} ?(?:s|secs?|seconds)(?=,)|\[{_DIGITS} ?(?:s|secs?|seconds)\]"
     r"|\b(?:at|from|around|near) \d{1,2} ?m(?:in)? ?\d{1,2} ?s\b"),
    )
    + _rules("at ",
    ("time in the video", "'at twelve seconds'; 'at 10 s intervals' is work",
     rf"\bat (?:about |around |roughly |approximately )?(?:{_DIGITS} ?|{_WORD_NUMBER} ){_UNIT}{_PER}"),
    )
    + _rules("帧",
    ("第 N 帧", "'第3-5帧': 帧 is never a thing of the work", rf"第 ?{_CN_RANGE} ?[个张幅]? ?(?:关键|视频|采样)? ?帧"),
    ("帧 N", "'关键帧2', '帧 #12', '帧(12)'", r"(?:关键)?帧 ?(?:序号|编号|号)? ?[#:]? ?[(\[]?\d"),
    ("帧 N", "'关键帧一中'", r"帧[一二三四五六七八九十]++(?=[,中里和与到、:]|显示|所示|可)"),
    ("帧 N", "'12帧', '前两帧'", rf"{_CN_RANGE} ?(?:个|张|幅)? ?(?:关键)?帧(?! ?(?:胶片|底片|动画))"),
    ("首末帧", "'中间帧', '前几帧', '当前帧', '逐帧'; 逐帧拍摄 is work",
     r"(?:首|末|尾|中间|最后一|最后几|起始|开始|结束|上一|下一|前一|后一|前几|后几|当前|这一|那一|该|此)个?(?:关键|视频)?帧(?!率)"
     r"|(?:逐|每|各|同|相邻|连续|数|若干|本|所有|后续|随后|先前|此前|之前|之后|这些|那些)的?(?:关键|视频|采样)?帧(?![率数频速拍动制]|间隔|缓冲)"),
    )
    + _rules("画|照|图|截|快照|缩略",
    ("第 N 帧", "'第5个画面', '第3张照片'; 图钉, 图纸, 图书馆 are things",
     rf"第 ?{_CN_RANGE} ?[个张幅]? ?(?:照片(?![墙框夹纸卡])|{_CN_PICTURE})"),
    ("图 N", "'图片 4', '截图2'; '图片3厘米宽' is a size",
     rf"(?:图片|图像|截图|画面|照片|快照|缩略图) ?[#:]? ?[(\[]?\d++(?! ?{_CN_MEASURE})"),
    ("首末图", "'下一张画面', '最后一张截图', '前几张图'",
     r"(?:首|末|尾|头一|最后一|最末一|上一|下一|前一|后一|同一|当前|该|此|这一|那一)[张幅个](?:画面|截图|截屏|图片(?!框)|图像|快照|缩略图|"
     rf"{_CN_A_DRAWING})|(?:前|后|头|最初|最后|开头|随后|接下来的?|之后的?|较[早晚]的){_CN_NUMBER}[张幅个](?:{_CN_PICTURE}|照片(?=[中里]|显示))"
     r"|(?:最后一|上一|下一|前一|后一|首|末)张照片(?=[中里]|上?可|显示|证实|表明|说明)"
     rf"|(?:开场|起始|初始|开头|结尾|末尾|最终|最后|后续|随后|先前|此前|之前|之后|稍后|当前|秒[后前]?)的?(?:画面|截图)|(?:这一|该|此|这个|那一)画面|{_CN_NUMBER}[张幅]{_CN_PICTURE}之?[后前]"),
    ("图 N", "'图3', '如图3'; in 试图, 构图, 拼图 it is part of a word",
     rf"(?<![\u4e00-\u9fff])图 ?[#:]? ?[(\[]?\d++(?! ?{_CN_MEASURE})"),
    ("图 N", "'图一中', '截图三显示'; 图二 may begin another word",
     r"(?:(?<![\u4e00-\u9fff])图|(?<=[如在见看从到与和及的于照按据由即])图|图片|截图|快照|缩略图)[一二三四五六七八九十]++(?=[,中里和与到、:]|显示|所示|可)"),
    ("图 N", "as above, after the words that may stand before a figure's number",
     rf"(?<=[如在见看从到与和及的于照按据由即])图 ?[#:]? ?[(\[]?\d++(?! ?{_CN_MEASURE})"),
    )
    + _rules("张",
    ("第 N 张", "'第12张' of no named thing; '第3张饼' names one",
     rf"第 ?{_CN_RANGE} ?张(?= ?(?:$|[.,;:!?)\]，。；、：）]|中|里|所示|显示))"),
    )
    + _rules("时间戳",
    ("时间戳 N", "'时间戳 3.2'", rf"时间戳 ?[:为]? ?{_DIGITS}"),
    )
    + _rules("秒|分",
    ("第 N 秒", "'第3秒', '第2分钟'", rf"第 ?{_CN_RANGE} ?(?:秒(?!表)|分钟|分\d|分半)"),
    )
    + _rules("号",
    ("编号 N", "'画面编号4', '编号为6的画面', '5号帧'; 5号孔 is a thing",
     rf"(?:照片|帧|{_CN_PICTURE})的?(?:编号|序号|号) ?[为是:#]? ?{_CN_NUMBER}"
     rf"|(?:编号|序号) ?[为是:#]? ?{_CN_NUMBER} ?号?的?(?:照片|视频帧|关键帧|帧|{_CN_PICTURE})|{_CN_NUMBER} ?号的?(?:照片|关键帧|帧|{_CN_PICTURE})"),
    )
    + _rules("在|于|从|自",
    ("在 N 秒处", "'在3秒处', '在10秒左右', '从10秒到20秒'; '到30秒左右关火' is work",
     rf"(?:在|于) ?(?:大约|约)? ?(?:{_CN_NUMBER} ?分 ?)?{_CN_NUMBER} ?(?:秒|s) ?(?:处(?![理于])|时(?![间长限])|左右|前后|的时候|开始|到)"
     rf"|[从自] ?(?:大约|约)? ?(?:{_CN_NUMBER} ?分 ?)?{_CN_NUMBER} ?(?:秒|s) ?(?:处(?![理于])|开始|到|至|起|以后|之后)"
     rf"|[在于] ?(?:大约|约)? ?{_CN_NUMBER} ?分 ?{_CN_NUMBER} ?秒(?!之?内|以内|完成)"),
    ("在 N 秒处", "'在3分钟处'; '从3分钟开始', '到3分钟左右' are durations",
     rf"(?:在|于) ?(?:大约|约)? ?{_CN_NUMBER} ?分钟 ?(?:处(?![理于])|时(?![间长限])|的时候)"),
    )
    + _rules("处|时|位置|一刻|标记|节点|间|期间",
    ("N 秒处", "'3秒处', '3秒时', '3分12秒处'; 3秒时间, 3秒处理 are durations",
     rf"{_CN_NUMBER} ?(?:秒|s) ?(?:处(?![理于])|时(?![间长限])|的?位置|[这那]一刻|标记|时间点|节点)"),
    ("N 秒处", "'3秒到5秒之间'; after a verb of the work it is a duration",
     rf"{_CN_NUMBER} ?秒? ?[到至~-] ?{_CN_NUMBER} ?秒 ?(?:之间|期间)"),
    )
    + _rules("视频|片段|录像|影片|短片|画面|时间|时刻|进度",
    ("视频 N 秒", "'视频的前5秒', '时间点为8.5秒', '画面时间来到15秒'",
     rf"(?:视频|片段|录像|影片|短片|画面|时间[轴线点码]|时刻|进度条?)(?:[的中里上内约]|时间|播放|进行|来?到|为|在|是|大约|前|后|开头|最后|[: ]){{0,5}}第? ?"
     rf"{_CN_NUMBER} ?(?:秒|分钟|s(?![a-z]))"),
    )
    + _rules("视频|片段|录像|录影|影片|短片|全片|镜头|画面|片头|片尾",
    ("视频的开头", "'视频一开始', '录像快结束时', '视频后半段'; 视频通话, 基因片段 and 录像开始键 belong to the work",
     rf"{_CN_VIDEO}(?:的?最?(?:刚|才|一)?)开始(?!键|按|录|播)|{_CN_VIDEO}(?:的|里|中)?(?:一|刚|最|快要?|即将|将要?|临近|接近|靠近|进入|来到|到了?|播放到?){{0,2}}"
     r"(?:开头|开端|开场|起始|起初|伊始|之初|初段|前段|[前后]半|[前后][三四]分|中段|中间|中部|中途|中后|中期|中点|半程|[前后]期|后段|末尾|末段|"
     r"结尾|尾声|尾段|收尾|最后|结束(?!键|按|录)|过半|[前后]部)"
     r"|(?:镜头|画面)(?:一开始|开头|末尾|结尾|快?结束时|开始时)|[在于从到自]片[头尾](?!曲)|片[头尾](?:处|时|部分)"),
    )
    + _rules("视频|片段|录像|录影|影片|短片|全片|片长|进度",
    ("视频的一半", "'视频进行到一半', '视频的60%处'; 视频音量调到一半 is work",
     rf"(?:{_CN_VIDEO}|片长|进度条?)[^,.;!?，。；、音亮缩压速尺大小画]{{0,7}}?(?:一半|[三四五][分]之[一二三四]|百分之|\d ?%)"),
    )
    + _rules("前|头|尾",
    ("前 N 秒", "'前3秒' of the video; 提前3秒 is work; '前3分钟大火' too",
     rf"(?:(?<![提目以之])前(?!一秒)|开头|片头|片尾) ?{_CN_NUMBER} ?秒"),
    )
)  # fmt: skip
"""What points at a frame or a time of the video."""


_MAY_REFER = re.compile(
    r"\d|frame|image|picture|photo|shot|sec|min|\bm?s\b|video|clip|footage|recording|movie|film|still"
    r"|scene|panel|tile|cell|row |thumbnail|[帧画照图张戳秒分频段像影片截快缩镜进时处位标节间刻]",
    re.IGNORECASE,
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
    lowered = text.lower()
    references = _worth_a_search(REFERENCES, lowered)
    # Most texts hold nothing that even reads like a reference: the first table can wait.
    if not any(rule.pattern.search(text) for rule in references):
        return None
    searched = text
    for rule in _worth_a_search(INNOCENT, lowered):
        searched = rule.pattern.sub(lambda found: _BLOT * len(found.group()), searched)
    for rule in references:
        found = rule.pattern.search(searched)
        if found:
            return rule.name, text[slice(*found.span())].strip()
    return None


def _worth_a_search(rules: tuple[Rule, ...], lowered: str) -> list[Rule]:
    return [rule for rule in rules if any(word in lowered for word in rule.needs)]
