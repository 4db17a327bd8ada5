"""The sentences of the embedded model in a conversation, in English and in Chinese.

Names in braces are filled in: ``{at}``, ``{first}``, ``{last}`` and the like are names of frames
with their times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from three_stage.vlm.offline.topics import Beyond
from three_stage.vlm.offline.words import Activity, Motion


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """All sentences of one language; ``join`` stands between parts, ``stop`` ends a sentence."""

    frame: str
    frame_at: str
    picture: str
    join: str
    share: str
    from_to: str
    gap: str

    what_i_am: str
    cannot: str
    beyond: Mapping[Beyond, str]
    ask_a_model: str
    instead: str
    can: str
    no_pictures: str

    lasts: str
    lasts_with_minutes: str
    reaches: str
    unknown_length: str
    sees: str

    brightest: str
    darkest: str
    stays_so: str
    flat: str

    cut: str
    cuts: str
    cut_in_list: str
    no_cut: str
    alike: str
    from_to_colour: str
    one_picture: str

    colours: str
    same_colour: str
    colour_changes: str
    colour_run: str
    more_runs: str
    named_colour: str
    no_named_colour: str

    still: str
    motion: str
    most_motion: str
    still_run: str
    never_still: str

    course: str
    course_item: str
    part: str
    nearest: str
    exactly: str
    looks: str
    since: str
    unchanged_since: str
    past_the_end: str
    no_such_frame: str
    no_times: str

    colour_names: Mapping[str, str]
    zones: Mapping[str, str]
    motions: Mapping[Motion, str]
    activity: str
    resting: str
    changing: str

    def colour(self, name: str) -> str:
        """Name a colour."""
        return self.colour_names.get(name, name)

    def zone(self, name: str) -> str:
        """Name a place of the view, as it stands in a sentence."""
        return self.zones[name]

    def sentence(self, activity: Activity) -> str:
        """Say what was measured in one stretch, as a part of a sentence."""
        mover, surface = self.colour(activity.mover), self.colour(activity.surface)
        if activity.motion == "still":
            return self.resting.format(surface=surface)
        if activity.motion == "everywhere":
            return self.changing.format(mover=mover)
        return self.activity.format(
            mover=mover,
            surface=surface,
            zone=self.zone(activity.zone),
            motion=self.motions[activity.motion],
        )


ENGLISH = Phrases(
    frame="Frame {number}",
    frame_at="Frame {number} ({time})",
    picture="picture {number}",
    join=", ",
    share="{name} ({percent})",
    from_to="{first} to {last}",
    gap=" ",
    what_i_am="I am the embedded offline model: I measure colours, brightness and motion and do "
    "not understand what is shown.",
    cannot="I am the embedded offline model: I measure colours, brightness and motion and do "
    "not understand what is shown, so I cannot answer that.",
    beyond={
        "sound": "I get pictures only, no sound.",
        "writing": "I cannot read text.",
        "reason": "Reasons and meanings I cannot know.",
        "opinion": "Opinions and judgements I have none.",
    },
    ask_a_model="Set an endpoint to ask a real model.",
    instead="What I measured:",
    can="You can ask me:\n\n"
    "- how long the video is\n"
    "- when it is brightest or darkest\n"
    "- where the picture changes most (cuts)\n"
    "- which colours it has and when they change\n"
    "- how much moves, where in the picture and when\n"
    "- what was measured at a moment or in a part (“at 12 s”, “from 10 s to 20 s”, “frame 7”)\n"
    "- a summary of all this",
    no_pictures="I need the pictures of a video, and this conversation has none.",
    lasts="The video lasts **{time}**.",
    lasts_with_minutes="The video lasts **{time}** ({minutes} min {seconds} s).",
    reaches="The pictures reach from {first} to {last}; how long the whole video is I was not "
    "told.",
    unknown_length="I was sent pictures without times, so I do not know how long the video is.",
    sees="I see {count} pictures of it.",
    brightest="It is **brightest** at {at}: mean brightness {percent} (0 % is black, 100 % white).",
    darkest="It is **darkest** at {at}: mean brightness {percent} (0 % is black, 100 % white).",
    stays_so="It stays like that from {first} to {last}.",
    flat="The brightness does not change: {percent} in all pictures (0 % is black, 100 % white).",
    cut="The picture **changes most** between {first} and {last}: {percent} of it looks different "
    "afterwards{colours}.",
    cuts="The **biggest changes** of the picture, strongest first:",
    cut_in_list="Between {first} and {last}: {percent} of it looks different afterwards{colours}.",
    no_cut="No cut stands out. The picture changes most between {first} and {last}: {percent} of "
    "it looks different afterwards{colours}.",
    alike="The pictures hardly differ; I measured no change.",
    from_to_colour=", mostly {after} instead of {before}",
    one_picture="There is only one picture, so no change or motion can be measured.",
    colours="**Colours**: {colours}, as shares of the picture on average.",
    same_colour="The commonest colour is {colour} throughout.",
    colour_changes="The commonest colour changes:",
    colour_run="{where}: mostly {colour}",
    more_runs="… and {count} more changes",
    named_colour="The colour {colour} covers most at {at}: {percent} of the picture.",
    no_named_colour="I measured next to nothing of the colour {colour}.",
    still="**Motion**: nothing moves.",
    motion="**Motion**: from one picture to the next {percent} of the picture moves on average, "
    "most of it {zone}.",
    most_motion="Most motion: between {first} and {last}, {percent} of the picture, mostly {zone}.",
    still_run="Nothing moves from {first} to {last}.",
    never_still="It is never completely still.",
    course="The course, as measured:",
    course_item="{where}: {activity}; brightness {percent}.",
    part="**{where}** ({count} pictures):",
    nearest="**{at}** is the picture nearest to {asked}.",
    exactly="**{at}**:",
    looks="Mean brightness {percent}; colours: {colours}.",
    since="Since {before}, {percent} of the picture changed, mostly {zone}.",
    unchanged_since="Since {before}, nothing moved.",
    past_the_end="{asked} lies after the end of the video.",
    no_such_frame="I was sent no picture with that number.",
    no_times="I do not know the times of these pictures, so I cannot find that moment.",
    colour_names={},
    zones={
        "upper left": "in the upper left",
        "upper centre": "in the upper centre",
        "upper right": "in the upper right",
        "middle left": "in the middle left",
        "centre": "in the centre",
        "middle right": "in the middle right",
        "lower left": "in the lower left",
        "lower centre": "in the lower centre",
        "lower right": "in the lower right",
    },
    motions={
        "in_place": "changes in its place",
        "horizontal": "moves along a horizontal line",
        "vertical": "moves along a vertical line",
        "rising": "moves along a line that rises to the right",
        "falling": "moves along a line that falls to the right",
        "around": "moves around within an area",
    },
    activity="something {mover} {motion} {zone}, over {surface}",
    resting="nothing moves, mostly {surface}",
    changing="the whole view changes, mostly {mover}",
)

CHINESE = Phrases(
    frame="第 {number} 帧",
    frame_at="第 {number} 帧（{time}）",
    picture="第 {number} 张图片",
    join="、",
    share="{name}（{percent}）",
    from_to="{first}到{last}",
    gap="",
    what_i_am="我是内置的离线模型：我只测量颜色、亮度和运动，不理解画面里是什么。",
    cannot="我是内置的离线模型：我只测量颜色、亮度和运动，不理解画面里是什么，所以无法回答这一点。",
    beyond={
        "sound": "我只收到图片，没有声音。",
        "writing": "我不会读文字。",
        "reason": "原因和含义我无法得知。",
        "opinion": "我没有看法，也不作评价。",
    },
    ask_a_model="设置一个接口（endpoint），就可以问真正的模型。",
    instead="我测量到的：",
    can="可以问我：\n\n"
    "- 视频有多长\n"
    "- 哪个时刻最亮、最暗\n"
    "- 画面什么时候变化最大（切换）\n"
    "- 主要颜色是什么，什么时候改变\n"
    "- 有多少运动，在画面的哪里，在什么时候\n"
    "- 某个时刻或某一段测到了什么（“第 12 秒”、“10 秒到 20 秒”、“第 7 帧”）\n"
    "- 以上内容的概括",
    no_pictures="我需要视频的图片，而这个对话里没有图片。",
    lasts="视频时长 **{time}**。",
    lasts_with_minutes="视频时长 **{time}**（{minutes} 分 {seconds} 秒）。",
    reaches="图片从{first}到{last}；整个视频有多长，没有人告诉我。",
    unknown_length="我收到的图片没有时间，所以不知道视频有多长。",
    sees="我看到其中的 {count} 张图片。",
    brightest="**最亮**的是{at}：平均亮度 {percent}（0 % 为黑，100 % 为白）。",
    darkest="**最暗**的是{at}：平均亮度 {percent}（0 % 为黑，100 % 为白）。",
    stays_so="从{first}到{last}一直如此。",
    flat="亮度没有变化：所有图片都是 {percent}（0 % 为黑，100 % 为白）。",
    cut="画面**变化最大**是在{first}与{last}之间：之后画面的 {percent} 看起来不同{colours}。",
    cuts="画面**最大的变化**，由强到弱：",
    cut_in_list="{first}与{last}之间：之后画面的 {percent} 看起来不同{colours}。",
    no_cut="没有明显的切换。"
    "画面变化最大是在{first}与{last}之间：之后画面的 {percent} 看起来不同{colours}。",
    alike="各张图片几乎没有差别，我没有测到变化。",
    from_to_colour="，主色由{before}变为{after}",
    one_picture="只有一张图片，无法测量变化或运动。",
    colours="**颜色**：{colours}（占画面的平均比例）。",
    same_colour="主色始终是{colour}。",
    colour_changes="主色的变化：",
    colour_run="{where}：主要是{colour}",
    more_runs="……还有 {count} 次变化",
    named_colour="{colour}最多的是{at}：占画面的 {percent}。",
    no_named_colour="我几乎没有测到{colour}。",
    still="**运动**：没有任何运动。",
    motion="**运动**：相邻图片之间平均有 {percent} 的画面在动，大多在{zone}。",
    most_motion="运动最多：{first}与{last}之间，占画面的 {percent}，大多在{zone}。",
    still_run="{first}到{last}没有运动。",
    never_still="从不完全静止。",
    course="测量到的过程：",
    course_item="{where}：{activity}；亮度 {percent}。",
    part="**{where}**（{count} 张图片）：",
    nearest="**{at}**是最接近{asked}的图片。",
    exactly="**{at}**：",
    looks="平均亮度 {percent}；颜色：{colours}。",
    since="与{before}相比，画面的 {percent} 有变化，大多在{zone}。",
    unchanged_since="与{before}相比，没有运动。",
    past_the_end="{asked}在视频结束之后。",
    no_such_frame="我没有收到这个编号的图片。",
    no_times="我不知道这些图片的时间，所以找不到那个时刻。",
    colour_names={
        "black": "黑色", "grey": "灰色", "white": "白色", "red": "红色", "orange": "橙色",
        "yellow": "黄色", "green": "绿色", "teal": "青色", "blue": "蓝色", "purple": "紫色",
        "pink": "粉色", "brown": "棕色", "beige": "米色",
    },
    zones={
        "upper left": "左上方", "upper centre": "上方中间", "upper right": "右上方",
        "middle left": "左侧中间", "centre": "中央", "middle right": "右侧中间",
        "lower left": "左下方", "lower centre": "下方中间", "lower right": "右下方",
    },
    motions={
        "in_place": "在原处变化",
        "horizontal": "水平移动",
        "vertical": "竖直移动",
        "rising": "沿向右上升的斜线移动",
        "falling": "沿向右下降的斜线移动",
        "around": "在一片区域内来回移动",
    },
    activity="{zone}有一块{mover}区域{motion}，底色为{surface}",
    resting="没有运动，主要是{surface}",
    changing="整个画面都在变化，主要是{mover}",
)  # fmt: skip
