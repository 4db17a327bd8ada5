"""An answer in a conversation: what was measured about the topics that a question names.

Whatever asks for understanding is refused in words, and never answered by a guess. Every sentence
is one of ``phrases``, filled with measured values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from three_stage.vlm.offline.glance import (
    ALIKE_LAB,
    FLAT_BRIGHTNESS,
    STILL_SHARE,
    Floats,
    Glance,
    busiest_zone,
    colour_runs,
    cuts,
    extreme_run,
    glance_at,
    still_runs,
    stretches,
    top_colours,
)
from three_stage.vlm.offline.labels import (
    Label,
    Told,
    in_order,
    read_label,
    read_told,
    without_told,
)
from three_stage.vlm.offline.phrases import CHINESE, ENGLISH, Phrases
from three_stage.vlm.offline.pictures import Pictures, decode_pictures
from three_stage.vlm.offline.request import ChatRequest
from three_stage.vlm.offline.spans import Named, Span, named_in, span_of
from three_stage.vlm.offline.topics import MOST_CHARACTERS, Asked, Topic, asked_in, is_chinese
from three_stage.vlm.offline.words import COLOUR_NAMES, describe, zone_of

GLANCE_SIDE_PX = 128
"""Longest side of the pictures of a conversation: these are decoded at an eighth of their size."""

_MOST_CHANGES = 4
_MOST_COLOURS = 4
_MOST_RUNS = 6
_MOST_STILL_RUNS = 2
_MOST_STRETCHES = 7
_LEAST_COLOUR_SHARE = 0.05
_LEAST_NAMED_SHARE = 0.005
_LIKE_THE_EXTREME_PERCENT = 1.0
_SAME_TIME_SEC = 0.05


@dataclass(frozen=True)
class Reply:
    """The text of an answer in Markdown, and what its pictures would cost a model in tokens."""

    text: str
    picture_tokens: int


def reply(request: ChatRequest) -> Reply:
    """Answer the last question of a conversation. Takes a while: call it in a thread.

    Raises RequestError for pictures that cannot be decoded.
    """
    question = without_told(request.text)[:MOST_CHARACTERS]
    words = CHINESE if is_chinese(question) else ENGLISH
    if not request.media:
        return Reply("\n\n".join((words.what_i_am, words.no_pictures, words.ask_a_model)), 0)
    told = read_told(request.told, request.told_last)
    named, rest = named_in(question)
    if told.part_sec is not None and (not named or _is_part_by_numbers(named)):
        named = (Named("second", *told.part_sec),)
    pictures, labels = _decoded(_without_doubles(request, told, named))
    teller = _Teller(words, glance_at(pictures.small), labels, told)
    return Reply("\n\n".join(_paragraphs(teller, asked_in(rest), named)), pictures.tokens)


def _is_part_by_numbers(named: Sequence[Named]) -> bool:
    """Tell whether just one part is named, by its first and last picture."""
    return len(named) == 1 and named[0].unit == "frame" and not named[0].is_moment


def _without_doubles(request: ChatRequest, told: Told, named: Sequence[Named]) -> ChatRequest:
    """Leave out pictures of the whole video where the part has its own, but those that are named.

    They would be counted, and measured, as if they were the part's.
    """
    numbers = {each.start for each in named if each.unit == "frame"}
    labels = ((each, read_label(each.label)) for each in request.media)
    kept = tuple(
        each
        for each, label in labels
        if label is None or label.number_1based in numbers or not told.is_beside(label)
    )
    return replace(request, media=kept)


def _decoded(request: ChatRequest) -> tuple[Pictures, list[Label]]:
    """Decode the pictures in order; the pictures of a video are counted, for they have no names."""
    if any(each.kind == "video" for each in request.media):
        pictures = decode_pictures(request.media, GLANCE_SIDE_PX)
        return pictures, [Label(number, is_given=False) for number in pictures.numbers_1based]
    media, labels = in_order(request.media)
    pictures = decode_pictures(media, GLANCE_SIDE_PX)
    return pictures, [labels[number - 1] for number in pictures.numbers_1based]


def _paragraphs(teller: _Teller, asked: Asked, named: Sequence[Named]) -> Iterator[str]:
    """Yield the paragraphs of an answer."""
    words = teller.words
    topics = asked.topics
    is_answered = bool(topics or asked.colours or named)
    if asked.has_more or not is_answered:
        beyond = (words.beyond[kind] for kind in asked.beyond)
        yield words.gap.join((words.cannot, *beyond, words.ask_a_model))
    elif topics & {"ability", "course"}:
        yield words.what_i_am
    if "ability" in topics:
        yield words.can
    if not is_answered:
        yield words.instead
        yield from teller.gist()
    spans = [(each, span_of(each, teller.labels, teller.told.duration_sec)) for each in named]
    for each, span in spans:
        if span is None or each.is_moment:
            yield teller.moment(each, span)
    parts = [span for each, span in spans if span is not None and not each.is_moment]
    has_moment = any(each.is_moment for each in named)
    wanted = _without_what_moments_tell(asked) if has_moment else topics
    for span in parts:
        part = teller.part(span)
        yield part.heading()
        yield from part.about(wanted - {"duration"} or {"course"}, asked.colours)
    if parts:
        wanted = wanted & {"duration"}
    yield from teller.about(wanted, () if parts else asked.colours)


def _without_what_moments_tell(asked: Asked) -> frozenset[Topic]:
    """A moment is told with its brightness, colours and motion: only what is "most" is left."""
    told: set[Topic] = {"course"}
    if not asked.is_superlative:
        told |= {"brightest", "darkest", "colours", "motion", "change"}
    return asked.topics - told


@dataclass(frozen=True)
class _Teller:
    """Tells what was measured in pictures; topics that need two pictures say so if there is one."""

    words: Phrases
    glance: Glance
    labels: Sequence[Label]
    told: Told

    def part(self, span: Span) -> _Teller:
        """Return one that tells about the pictures of a part only."""
        return _Teller(
            self.words,
            self.glance.part(span.first, span.last),
            self.labels[span.first : span.last + 1],
            self.told,
        )

    def heading(self) -> str:
        """Name the pictures that are told about."""
        return self.words.part.format(
            where=self._frames(0, self.glance.count - 1), count=self.glance.count
        )

    def about(self, topics: frozenset[Topic] | set[Topic], colours: Sequence[str]) -> Iterator[str]:
        """Yield what was measured about some topics and some colours, in a fixed order."""
        tellers: Mapping[Topic, Callable[[], Iterator[str]]] = {
            "duration": self._duration,
            "brightest": self._brightest,
            "darkest": self._darkest,
            "change": self._changes,
            "colours": self._colours,
            "motion": self._motion,
            "course": self._course,
        }
        said = [text for topic, tell in tellers.items() if topic in topics for text in tell()]
        said += [self._named_colour(name) for name in colours]
        # Two topics may say the same, as that nothing changes.
        yield from dict.fromkeys(said)

    def gist(self) -> Iterator[str]:
        """Yield one short list of the most important measures."""
        colours = self._colour_list(self.glance)
        lines = [
            *self._duration(),
            *self._extreme(self.words.brightest, int(self.glance.brightness.argmax())),
            *self._extreme(self.words.darkest, int(self.glance.brightness.argmin())),
            self.words.colours.format(colours=colours),
            *(self._changes_shortly() if self.glance.count > 1 else []),
        ]
        yield "\n".join(f"- {line}" for line in dict.fromkeys(lines))

    def moment(self, named: Named, span: Span | None) -> str:
        """Say what was measured in the picture nearest to a moment."""
        words = self.words
        if span is None:
            return self._not_found(named)
        index = self._nearest(named, span)
        name = self._frame(index)
        time_sec = self.labels[index].time_sec
        is_near = named.unit != "second" or (
            time_sec is not None and abs(time_sec - named.start) <= _SAME_TIME_SEC
        )
        said = [
            words.exactly.format(at=name) if is_near
            else words.nearest.format(at=name, asked=_time(named.start)),
            words.looks.format(
                percent=_percent(self.glance.brightness[index]),
                colours=self._colour_list(self.glance.part(index, index)),
            ),
        ]  # fmt: skip
        if index > 0:
            said.append(self._since(index))
        return words.gap.join(said)

    def _not_found(self, named: Named) -> str:
        if named.unit == "frame":
            return self.words.no_such_frame
        if any(label.time_sec is None for label in self.labels):
            return self.words.no_times
        return self.words.past_the_end.format(asked=_time(named.start))

    def _nearest(self, named: Named, span: Span) -> int:
        if named.unit != "second":
            return span.first
        times = [label.time_sec or 0.0 for label in self.labels]
        return min(range(len(times)), key=lambda index: abs(times[index] - named.start))

    def _since(self, index: int) -> str:
        if self.glance.moving[index - 1] < STILL_SHARE:
            return self.words.unchanged_since.format(before=self._frame(index - 1))
        return self.words.since.format(
            before=self._frame(index - 1),
            percent=_percent(100 * self.glance.moving[index - 1]),
            zone=self.words.zone(busiest_zone(self.glance, index - 1, index)),
        )

    def _duration(self) -> Iterator[str]:
        words, length = self.words, self.told.duration_sec
        if length is not None:
            minutes, seconds = divmod(int(length), 60)
            form = words.lasts_with_minutes if minutes else words.lasts
            said = form.format(time=_time(length), minutes=minutes, seconds=seconds)
        elif self.labels[-1].time_sec is not None:
            said = words.reaches.format(first=self._frame(0), last=self._frame(-1))
        else:
            said = words.unknown_length
        yield words.gap.join((said, words.sees.format(count=self.glance.count)))

    def _brightest(self) -> Iterator[str]:
        yield from self._extreme(self.words.brightest, int(self.glance.brightness.argmax()))

    def _darkest(self) -> Iterator[str]:
        yield from self._extreme(self.words.darkest, int(self.glance.brightness.argmin()))

    def _extreme(self, form: str, index: int) -> Iterator[str]:
        brightness = self.glance.brightness
        percent = _percent(brightness[index])
        if np.ptp(brightness) < FLAT_BRIGHTNESS:
            yield self.words.flat.format(percent=percent)
            return
        said = form.format(at=self._frame(index), percent=percent)
        first, last = extreme_run(brightness, index, _LIKE_THE_EXTREME_PERCENT)
        if last - first > 1:
            stays = self.words.stays_so.format(first=self._frame(first), last=self._frame(last))
            said = self.words.gap.join((said, stays))
        yield said

    def _changes(self) -> Iterator[str]:
        found = cuts(self.glance)
        if len(found) < 2:
            yield from self._changes_shortly()
            return
        items = (
            f"{place}. {self._change(self.words.cut_in_list, index)}"
            for place, index in enumerate(found[:_MOST_CHANGES], 1)
        )
        yield "\n".join((self.words.cuts, "", *items))

    def _changes_shortly(self) -> Iterator[str]:
        """Yield the one greatest change."""
        found = cuts(self.glance)
        if self.glance.count == 1:
            yield self.words.one_picture
        elif found:
            yield self._change(self.words.cut, found[0])
        elif self.glance.shift.max() < ALIKE_LAB:
            yield self.words.alike
        else:
            yield self._change(self.words.no_cut, int(self.glance.shift.argmax()))

    def _change(self, form: str, index: int) -> str:
        before, after = (
            COLOUR_NAMES[int(np.argmax(self.glance.colours[each]))] for each in (index, index + 1)
        )
        colours = "" if before == after else self.words.from_to_colour.format(
            before=self.words.colour(before), after=self.words.colour(after)
        )  # fmt: skip
        return form.format(
            first=self._frame(index),
            last=self._frame(index + 1),
            percent=_percent(100 * self.glance.differing[index]),
            colours=colours,
        )

    def _colours(self) -> Iterator[str]:
        words = self.words
        said = words.colours.format(colours=self._colour_list(self.glance))
        runs = colour_runs(self.glance)
        if len(runs) == 1:
            same = words.same_colour.format(colour=words.colour(runs[0][2]))
            yield words.gap.join((said, same)) if self.glance.count > 1 else said
            return
        yield said
        items = [
            words.colour_run.format(where=self._frames(first, last), colour=words.colour(colour))
            for first, last, colour in runs[:_MOST_RUNS]
        ]
        if len(runs) > _MOST_RUNS:
            items.append(words.more_runs.format(count=len(runs) - _MOST_RUNS))
        yield "\n".join((words.colour_changes, "", *(f"- {item}" for item in items)))

    def _named_colour(self, name: str) -> str:
        shares = self.glance.colours[:, COLOUR_NAMES.index(name)]
        index, colour = int(shares.argmax()), self.words.colour(name)
        if shares[index] < _LEAST_NAMED_SHARE:
            return self.words.no_named_colour.format(colour=colour)
        return self.words.named_colour.format(
            colour=colour, at=self._frame(index), percent=_percent(100 * shares[index])
        )

    def _motion(self) -> Iterator[str]:
        words, glance = self.words, self.glance
        if glance.count == 1:
            yield words.one_picture
            return
        # A cut changes everything at once, and is no motion.
        is_motion = np.ones(len(glance.moving), bool)
        is_motion[cuts(glance)] = False
        moving = np.where(is_motion, glance.moving, 0)
        if moving.max() < STILL_SHARE:
            yield words.still
            return
        usual_zone = zone_of(glance.measured.change[is_motion].mean(axis=0))
        said = words.motion.format(percent=_percent(100 * moving[is_motion].mean()),
                                   zone=words.zone(usual_zone))  # fmt: skip
        yield "\n".join((said, "", *(f"- {line}" for line in self._motion_lines(moving))))

    def _motion_lines(self, moving: Floats) -> Iterator[str]:
        most = int(moving.argmax())
        yield self.words.most_motion.format(
            first=self._frame(most),
            last=self._frame(most + 1),
            percent=_percent(100 * moving[most]),
            zone=self.words.zone(busiest_zone(self.glance, most, most + 1)),
        )
        still = still_runs(self.glance)[:_MOST_STILL_RUNS]
        for first, last in still:
            yield self.words.still_run.format(first=self._frame(first), last=self._frame(last))
        if not still:
            yield self.words.never_still

    def _course(self) -> Iterator[str]:
        words, glance = self.words, self.glance
        if glance.count == 1:
            yield self.moment(Named("first"), Span(Named("first"), 0, 0))
            return
        items = [
            words.course_item.format(
                where=self._frames(each.start, each.end - 1),
                activity=words.sentence(describe(glance.measured, each)),
                percent=_percent(glance.brightness[each.start : each.end].mean()),
            )
            for each in stretches(glance, _MOST_STRETCHES)
        ]
        yield "\n".join((words.course, "", *(f"- {item}" for item in items)))

    def _colour_list(self, glance: Glance) -> str:
        found = top_colours(glance, most=_MOST_COLOURS, least_share=_LEAST_COLOUR_SHARE)
        return self.words.join.join(
            self.words.share.format(name=self.words.colour(name), percent=_percent(100 * share))
            for name, share in found
        )

    def _frames(self, first: int, last: int) -> str:
        """Name a stretch of pictures, or the one that it is."""
        if first == last:
            return self._frame(first)
        return self.words.from_to.format(first=self._frame(first), last=self._frame(last))

    def _frame(self, index: int) -> str:
        """Name a picture: its number, and its time where that is known."""
        label = self.labels[index]
        if not label.is_given:
            return self.words.picture.format(number=label.number_1based)
        if label.time_sec is None:
            return self.words.frame.format(number=label.number_1based)
        return self.words.frame_at.format(number=label.number_1based, time=_time(label.time_sec))


def _time(time_sec: float) -> str:
    return f"{time_sec:.2f} s"


def _percent(percent: float) -> str:
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1f} %"
