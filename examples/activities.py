"""What a hand does in one step: every activity is a pure function of the time inside the step.

An activity says where the hand is and what stands around it at t seconds. Its picture at t = 0 is
how its place looks before the step, the one at t = duration_sec how it looks ever after, so that
steps join without a jump.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from examples.actors import HandPose
from examples.drawing import (
    GROUND_SQUASH,
    Colour,
    Element,
    Point,
    Sprite,
    Stroke,
    Thing,
    lit,
)

# A hand needs this long to come to its new place, and a tool this long to get up to speed.
REACH_SEC = 0.55
RAMP_SEC = 0.4


def smooth(share: float) -> float:
    """Return an eased 0..1 for a share that may lie outside 0..1."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def between(first: Point, second: Point, share: float) -> Point:
    """Return the point that lies `share` (0..1) of the way from first to second."""
    return first[0] + (second[0] - first[0]) * share, first[1] + (second[1] - first[1]) * share


def zigzag(cycles: float) -> float:
    """Return a triangle wave, -1..1, that starts at 0 and rises."""
    phase = (cycles + 0.25) % 1.0
    return 4 * phase - 1 if phase < 0.5 else 3 - 4 * phase


@dataclass(frozen=True, eq=False, kw_only=True)
class Activity(ABC):
    """One step's work at a place (x, y); facing is the angle from which the arm comes, 0 = below.

    Times are seconds from the step's start.
    """

    label: str
    duration_sec: float
    x: float
    y: float
    facing: float = 0.0

    @abstractmethod
    def hand(self, t: float) -> HandPose:
        """Return where the working hand is."""

    @abstractmethod
    def elements(self, t: float) -> list[Element]:
        """Return everything at this place, furthest first."""

    def follow_up(self, duration_sec: float) -> Activity | None:
        """Return another way of working on the same things, or None if there is none."""
        del duration_sec
        return None

    @property
    def work_sec(self) -> float:
        """How long the hand works once it has arrived."""
        return self.duration_sec - REACH_SEC

    def effort(self, t: float) -> float:
        """Return how far the motion is at full size: 0 at both ends, 1 between."""
        return smooth((t - REACH_SEC) / RAMP_SEC) * smooth((self.duration_sec - t) / RAMP_SEC)

    def worked(self, t: float) -> float:
        """Return seconds at full speed up to t; speed rises and falls linearly at both ends."""
        s = min(max(t - REACH_SEC, 0.0), self.work_sec)
        rising = min(s, RAMP_SEC)
        falling = max(s - (self.work_sec - RAMP_SEC), 0.0)
        return rising**2 / (2 * RAMP_SEC) + (s - rising) - falling**2 / (2 * RAMP_SEC)

    def progress(self, t: float) -> float:
        """Return the share of the work that is done, 0..1."""
        return self.worked(t) / (self.work_sec - RAMP_SEC)

    def toward_arm(self, side: float, back: float) -> Point:
        """Return an offset given across the arm and towards the elbow."""
        cos, sin = math.cos(self.facing), math.sin(self.facing)
        return side * cos - back * sin, side * sin + back * cos


@dataclass(frozen=True, eq=False, kw_only=True)
class Stir(Activity):
    """A spoon in a bowl, in circles or to and fro."""

    vessel: Sprite
    swirl: Sprite
    handle: Colour
    radius: float
    period_sec: float
    motion: Literal["circles", "to and fro"]
    other_label: str

    def _tip(self, t: float) -> Point:
        effort, phase = self.effort(t), 2 * math.pi * self.worked(t) / self.period_sec
        reach = self.radius * 0.66
        if self.motion == "circles":
            path = reach * math.cos(phase), reach * 0.56 * math.sin(phase)
        else:
            path = reach * 1.1 * math.sin(phase * 1.25), reach * 0.1 * math.cos(phase * 0.3)
        rest = self.radius * 0.2, self.radius * 0.08
        tip = between(rest, path, effort)
        return self.x + tip[0], self.y + 4 + tip[1]

    def _top(self, t: float) -> Point:
        tip, lean = self._tip(t), self.toward_arm(7, 34)
        return tip[0] + lean[0], tip[1] + lean[1]

    def hand(self, t: float) -> HandPose:
        """Return the hand at the spoon's upper end."""
        x, y = self._top(t)
        return HandPose(x, y + 26, 26, "grip")

    def elements(self, t: float) -> list[Element]:
        """Return bowl, moving surface and spoon."""
        sign = 1.0 if self.motion == "circles" else 0.25
        turn = sign * 2 * math.pi * self.worked(t) / (self.period_sec * 1.6)
        end = between(self._tip(t), self._top(t), 1.25)
        return [
            Thing(self.vessel, self.x, self.y),
            Thing(self.swirl, self.x, self.y + 4, angle=turn, flatness=0.54),
            Stroke((self._tip(t), end), 6, lit(self.handle, 0.7)),
            Stroke((self._tip(t), end), 3.4, self.handle),
        ]

    def follow_up(self, duration_sec: float) -> Activity | None:
        """Return the other motion in the same bowl."""
        if self.motion == "to and fro":
            return None
        return replace(self, motion="to and fro", label=self.other_label, duration_sec=duration_sec)


@dataclass(frozen=True, eq=False, kw_only=True)
class Wipe(Activity):
    """A cloth over the table, in long strokes or in circles; crumbs go where it passes."""

    cloth: Sprite
    crumbs: tuple[Thing, ...]
    reach: Point
    period_sec: float
    motion: Literal["strokes", "circles"]
    other_label: str

    def _centre(self, t: float) -> Point:
        done, cycles = self.progress(t) * 2 - 1, self.worked(t) / self.period_sec
        if self.motion == "strokes":
            path = self.reach[0] * zigzag(cycles), self.reach[1] * done
        else:
            phase = 2 * math.pi * cycles * 1.3
            small = self.reach[1] * 0.95
            slide = self.reach[0] * 0.3 * done
            path = slide + small * 1.35 * math.cos(phase), small * math.sin(phase)
        offset = between((0, 0), path, self.effort(t))
        return self.x + offset[0], self.y + offset[1]

    @cached_property
    def _swept_at_sec(self) -> list[float]:
        times = [index * 0.04 for index in range(int(self.duration_sec / 0.04))]
        path = [self._centre(t) for t in times]
        swept = []
        for crumb in self.crumbs:
            hits = (
                t
                for t, (x, y) in zip(times, path, strict=True)
                if math.hypot(x - crumb.x, y - crumb.y) < 26 and t > REACH_SEC
            )
            swept.append(next(hits, self.duration_sec * 0.9))
        return swept

    def hand(self, t: float) -> HandPose:
        """Return the hand flat on the cloth."""
        x, y = self._centre(t)
        return HandPose(x, y, 3, "flat")

    def elements(self, t: float) -> list[Element]:
        """Return the crumbs that are left, and the cloth."""
        x, y = self._centre(t)
        left: list[Element] = [
            replace(crumb, opacity=1 - smooth((t - at) / 0.2))
            for crumb, at in zip(self.crumbs, self._swept_at_sec, strict=True)
            if t < at + 0.2
        ]
        tilt = 0.3 * self.effort(t) * math.sin(2 * self.worked(t))
        return [*left, Thing(self.cloth, x, y, lift=1, angle=tilt, flatness=0.8)]

    def follow_up(self, duration_sec: float) -> Activity | None:
        """Return the other motion at the same place, already clean."""
        if self.motion == "circles":
            return None
        return replace(
            self,
            motion="circles",
            label=self.other_label,
            duration_sec=duration_sec,
            crumbs=(),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Press(Activity):
    """A stamp goes up and down along a row and leaves marks."""

    base: Thing
    tool: Sprite
    mark: Sprite
    spots: tuple[Point, ...]
    rest: Point

    def _pose(self, t: float) -> tuple[Point, float]:
        period = (self.work_sec - RAMP_SEC) / len(self.spots)
        s = max(0.0, t - REACH_SEC) / period
        index = int(s)
        if index >= len(self.spots):
            share = smooth((t - (self.duration_sec - RAMP_SEC)) / RAMP_SEC)
            spot = self.spots[-1]
            return spot, 30 * (1 - share)
        u = s - index
        start = self.spots[index - 1] if index else self.rest
        place = between(start, self.spots[index], smooth(u / 0.5))
        # Down to the paper at u = 0.65, and up again into the next move.
        low = smooth((u - 0.42) / 0.2) - smooth((u - 0.7) / 0.3)
        first_lift = smooth(u / 0.3) if index == 0 else 1.0
        return place, 30 * first_lift * (1 - low)

    def hand(self, t: float) -> HandPose:
        """Return the hand on the stamp's knob."""
        (x, y), lift = self._pose(t)
        return HandPose(x, y, lift + 30, "grip")

    def elements(self, t: float) -> list[Element]:
        """Return what is stamped, the marks so far, and the stamp."""
        period = (self.work_sec - RAMP_SEC) / len(self.spots)
        made = [
            Thing(self.mark, x, y)
            for index, (x, y) in enumerate(self.spots)
            if t >= REACH_SEC + (index + 0.66) * period
        ]
        (x, y), lift = self._pose(t)
        return [self.base, *made, Thing(self.tool, x, y, lift=lift)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Crank(Activity):
    """A hand takes a wheel's knob round and round."""

    foot: Sprite
    wheel: Sprite
    radius: float
    period_sec: float
    start_angle: float
    direction: float
    other_label: str

    def _angle(self, t: float) -> float:
        turns = self.worked(t) / self.period_sec
        return self.start_angle + self.direction * 2 * math.pi * turns

    def hand(self, t: float) -> HandPose:
        """Return the hand on the knob."""
        angle, reach = self._angle(t), self.radius * 0.62
        x, y = reach * math.cos(angle), reach * GROUND_SQUASH * math.sin(angle)
        return HandPose(self.x + x, self.y + y + 6, 6, "grip")

    def elements(self, t: float) -> list[Element]:
        """Return foot and wheel."""
        angle = self._angle(t)
        return [
            Thing(self.foot, self.x, self.y),
            Thing(self.wheel, self.x, self.y, angle=angle, flatness=GROUND_SQUASH),
        ]

    def follow_up(self, duration_sec: float) -> Activity | None:
        """Return the same wheel turned the other way."""
        if self.direction < 0:
            return None
        return replace(
            self,
            start_angle=self._angle(self.duration_sec),
            direction=-1.0,
            label=self.other_label,
            duration_sec=duration_sec,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Spin(Activity):
    """A table turns in place under a hand that stays at its rim."""

    foot: Sprite
    wheel: Sprite
    centrepiece: Sprite
    radius: float
    period_sec: float

    def hand(self, t: float) -> HandPose:
        """Return the hand at the rim, striking along it again and again."""
        phase = 4 * math.pi * self.worked(t) / self.period_sec
        side, lift = 30 * self.effort(t) * math.sin(phase), 9 * (1 - math.cos(phase))
        x, y = self.toward_arm(side, self.radius * 0.72)
        return HandPose(self.x + x, self.y + y + 4, 4 + lift, "pinch")

    def elements(self, t: float) -> list[Element]:
        """Return foot, turning top and what stands on it."""
        angle = 2 * math.pi * self.worked(t) / self.period_sec
        x, y = self.radius * 0.5 * math.cos(angle), self.radius * 0.3 * math.sin(angle)
        return [
            Thing(self.foot, self.x, self.y),
            Thing(self.wheel, self.x, self.y, angle=angle, flatness=GROUND_SQUASH),
            Thing(self.centrepiece, self.x + x, self.y + y),
        ]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pour(Activity):
    """A vessel is tilted over cups, one after the other, raised and lowered while it pours."""

    vessel: Sprite
    cup: Sprite
    liquid: Sprite
    stream: Colour
    cups: tuple[Point, ...]
    rest: Point

    def _visit(self, t: float) -> tuple[Point, float]:
        """Return the point above which the spout is, and how much the vessel is on its way."""
        place = self.progress(t) * len(self.cups)
        index = min(int(place), len(self.cups) - 1)
        u = place - index
        if index == 0 or u > 0.25:
            return self.cups[index], 0.0
        share = smooth(u / 0.25)
        return between(self.cups[index - 1], self.cups[index], share), 4 * share * (1 - share)

    def _pose(self, t: float) -> tuple[Point, float]:
        """Return the vessel's handle in the picture, and its tilt in radians."""
        target, moving = self._visit(t)
        effort = self.effort(t)
        tilt = -0.62 * effort * (1 - 0.6 * moving)
        bob = 11 * math.sin(2 * math.pi * self.worked(t) / 1.5)
        spout = -46 * math.cos(tilt) - 10 * math.sin(tilt), -46 * math.sin(tilt) + 10
        over = target[0] - spout[0], target[1] - spout[1] - 30 - bob
        return between(self.rest, over, effort), tilt

    def hand(self, t: float) -> HandPose:
        """Return the hand at the handle."""
        (x, y), _ = self._pose(t)
        return HandPose(x + 17, y + 30, 14, "grip")

    def elements(self, t: float) -> list[Element]:
        """Return cups as full as they are, the stream and the vessel."""
        done = self.progress(t) * len(self.cups)
        scene: list[Element] = []
        for index, (x, y) in enumerate(self.cups):
            full = smooth(done - index)
            scene.append(Thing(self.cup, x, y))
            if full > 0:
                scene.append(Thing(self.liquid, x, y + 1, size=0.4 + 0.6 * full, opacity=full))
        (x, y), tilt = self._pose(t)
        target, moving = self._visit(t)
        if self.effort(t) > 0.97 and moving == 0.0:
            cos, sin = math.cos(tilt), math.sin(tilt)
            spout = x - 46 * cos - 10 * sin, y - 46 * sin + 10 * cos
            sway = 0.8 * math.sin(21 * t)
            scene.append(Stroke((spout, (target[0] + sway, target[1] + 2)), 2.6, self.stream))
        lift = max(0.0, self.rest[1] - y)
        scene.append(Thing(self.vessel, x, y + lift, lift=lift, angle=tilt))
        return scene


@dataclass(frozen=True, eq=False, kw_only=True)
class Roll(Activity):
    """A rolling pin over dough, to and fro, which grows flatter and wider."""

    base: Thing
    dough: Sprite
    pin: Sprite
    period_sec: float
    angles: Point
    sizes: Point
    other_label: str

    def _pose(self, t: float) -> tuple[Point, float]:
        first, last = self.angles
        angle = first + (last - first) * smooth((t - REACH_SEC * 0.7) / (2 * RAMP_SEC))
        swing = self.effort(t) * math.sin(2 * math.pi * self.worked(t) / self.period_sec)
        x = 50 * swing * math.sin(last)
        y = 30 * swing * math.cos(last)
        return (self.x + x, self.y + y), angle

    def hand(self, t: float) -> HandPose:
        """Return the hand on the pin."""
        (x, y), _ = self._pose(t)
        return HandPose(x, y + 6, 6, "flat")

    def elements(self, t: float) -> list[Element]:
        """Return board, dough and pin."""
        first, last = self.sizes
        size = first + (last - first) * self.progress(t)
        (x, y), angle = self._pose(t)
        return [
            self.base,
            Thing(self.dough, self.x, self.y, size=size, flatness=GROUND_SQUASH),
            Thing(self.pin, x, y, lift=5, angle=angle, flatness=0.85),
        ]

    def follow_up(self, duration_sec: float) -> Activity | None:
        """Return rolling across the first direction."""
        if self.angles[0] != self.angles[1]:
            return None
        return replace(
            self,
            angles=(self.angles[1], math.pi / 2 - self.angles[1]),
            sizes=(self.sizes[1], self.sizes[1] * 1.06),
            label=self.other_label,
            duration_sec=duration_sec,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Chop(Activity):
    """A knife goes fast up and down and slowly along, and leaves slices behind."""

    base: Thing
    knife: Sprite
    piece: Sprite
    colour: Colour
    half_length: float
    slices: int

    def _along(self, share: float) -> float:
        return self.half_length * (1 - 1.8 * share)

    def _at(self, side: float, back: float) -> Point:
        offset = self.toward_arm(side, back)
        return self.x + offset[0], self.y + offset[1]

    def _blade(self, t: float) -> tuple[Point, float]:
        effort = self.effort(t)
        stroke = abs(math.sin(math.pi * self.worked(t) * 2.3))
        aside = 26 * (1 - smooth((t - REACH_SEC) / RAMP_SEC))
        return self._at(self._along(self.progress(t)) + aside, 4), 2 + 15 * effort * stroke

    def hand(self, t: float) -> HandPose:
        """Return the hand on the knife's handle."""
        (x, y), lift = self._blade(t)
        back = self.toward_arm(0, 42)
        return HandPose(x + back[0], y + back[1], lift, "grip")

    def elements(self, t: float) -> list[Element]:
        """Return board, what is still whole, the slices and the knife."""
        done = self.progress(t)
        cut = int(done * self.slices)
        whole = self._at(-self.half_length, 0), self._at(self._along(cut / self.slices), 0)
        shine = self._at(-self.half_length, -4), self._at(self._along(cut / self.slices), -4)
        scene: list[Element] = [
            self.base,
            Stroke(whole, 17, lit(self.colour, 0.7)),
            Stroke(whole, 14, self.colour),
            Stroke(shine, 3, lit(self.colour, 1.25)),
        ]
        for index in range(cut):
            fallen = self._along(index / self.slices) + 9 + 3 * math.sin(index * 2.4)
            x, y = self._at(fallen, 2 * math.sin(index * 1.7))
            scene.append(Thing(self.piece, x, y, angle=self.facing + 0.3 * math.sin(index)))
        (x, y), lift = self._blade(t)
        return [*scene, Thing(self.knife, x, y, lift=lift, angle=self.facing)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Sprinkle(Activity):
    """A shaker is shaken over a plate while it wanders; grains lie where they fell."""

    base: Thing
    shaker: Sprite
    grain: Sprite
    grains: int
    rest: Point
    reach: float

    def _over(self, s: float) -> Point:
        path = self.reach * math.cos(1.1 * s), self.reach * 0.5 * math.sin(1.9 * s)
        return self.x + path[0], self.y + path[1]

    def _pose(self, t: float) -> tuple[Point, float]:
        s, effort = self.worked(t), self.effort(t)
        x, y = between(self.rest, self._over(s), effort)
        jerk = effort * math.sin(2 * math.pi * 2.7 * s)
        return (x + 8 * jerk, y), effort * (38 + 9 * jerk)

    def hand(self, t: float) -> HandPose:
        """Return the hand round the shaker."""
        (x, y), lift = self._pose(t)
        return HandPose(x, y, lift + 24, "grip")

    def elements(self, t: float) -> list[Element]:
        """Return plate, fallen and falling grains, and the shaker."""
        scene: list[Element] = [self.base]
        fall_sec = 0.3
        for index in range(self.grains):
            at = (index + 0.5) / self.grains * (self.work_sec - 2 * RAMP_SEC)
            falling = (self.worked(t) - at) / fall_sec
            if falling > 0:
                x, y = self._over(at)
                x, y = x + 9 * math.sin(index * 2.1), y + 5 * math.sin(index * 3.7)
                lift = 34 * (1 - min(1.0, falling) ** 2)
                scene.append(Thing(self.grain, x, y, lift=lift))
        (x, y), lift = self._pose(t)
        return [*scene, Thing(self.shaker, x, y, lift=lift, angle=0.25 * self.effort(t))]


@dataclass(frozen=True, eq=False, kw_only=True)
class Coat(Activity):
    """A brush strokes across a board, stroke beside stroke, and colours it."""

    base: Thing
    brush: Sprite
    band: Sprite
    half_length: float
    half_stroke: float
    bands: int

    def _tip(self, t: float) -> Point:
        along = self.half_length * (2 * self.progress(t) - 1)
        stroke = self.half_stroke * math.sin(2 * math.pi * self.worked(t) / 0.9)
        rest = self.half_length * (-1.0 if t < self.duration_sec / 2 else 1.0), 0.0
        x, y = between(rest, (along, stroke), self.effort(t))
        return self.x + x, self.y + y

    def hand(self, t: float) -> HandPose:
        """Return the hand on the brush's handle."""
        x, y = self._tip(t)
        back = self.toward_arm(0, 40)
        return HandPose(x + back[0], y + back[1] + 4, 4, "pinch")

    def elements(self, t: float) -> list[Element]:
        """Return board, fresh colour and brush."""
        done = self.progress(t) * self.bands
        width = 2 * self.half_length / self.bands
        fresh: list[Element] = [
            Thing(
                self.band,
                self.x - self.half_length + (index + 0.5) * width,
                self.y,
                opacity=0.85 * smooth(done - index),
            )
            for index in range(min(self.bands, math.ceil(done)))
        ]
        x, y = self._tip(t)
        return [self.base, *fresh, Thing(self.brush, x, y, lift=2, angle=self.facing)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Write(Activity):
    """A pen draws looping lines on paper."""

    base: Thing
    pen: Sprite
    ink: Colour
    half_length: float
    rows: tuple[float, ...]

    def _tip(self, done: float, s: float) -> Point:
        place = min(done, 0.9999) * len(self.rows)
        row, u = int(place), place % 1.0
        back = smooth((u - 0.88) / 0.12)
        nxt = self.rows[min(row + 1, len(self.rows) - 1)]
        x = self.half_length * (2 * min(u / 0.88, 1.0) * (1 - back) - 1)
        y = self.rows[row] + (nxt - self.rows[row]) * back
        loop = 2 * math.pi * 2.6 * s
        return self.x + x + 7 * math.cos(loop), self.y + y + 7 * math.sin(loop)

    @cached_property
    def _trail(self) -> list[tuple[float, Point, bool]]:
        times = [index * 0.03 for index in range(int(self.duration_sec / 0.03))]
        trail = []
        for t in times:
            down = (self.progress(t) * len(self.rows)) % 1.0 < 0.88
            trail.append((t, self._tip(self.progress(t), self.worked(t)), down))
        return trail

    def hand(self, t: float) -> HandPose:
        """Return the hand round the pen."""
        x, y = self._tip(self.progress(t), self.worked(t))
        back = self.toward_arm(11, 17)
        return HandPose(x + back[0], y + back[1] + 2, 2, "pinch")

    def elements(self, t: float) -> list[Element]:
        """Return paper, ink so far and pen."""
        scene: list[Element] = [self.base]
        line: list[Point] = []
        for at, point, down in self._trail:
            if at > t or not down:
                scene.append(Stroke(tuple(line), 1.3, self.ink))
                line = []
                if at > t:
                    break
            else:
                line.append(point)
        scene.append(Stroke(tuple(line), 1.3, self.ink))
        x, y = self._tip(self.progress(t), self.worked(t))
        return [*scene, Thing(self.pen, x, y, angle=self.facing)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rub(Activity):
    """A block goes to and fro along a line, and slowly sideways."""

    base: Thing
    block: Sprite
    stroke: Point
    drift: Point
    period_sec: float

    def _centre(self, t: float) -> Point:
        swing = self.effort(t) * math.sin(2 * math.pi * self.worked(t) / self.period_sec)
        aside = 2 * smooth(self.progress(t)) - 1
        return (
            self.x + self.stroke[0] * swing + self.drift[0] * aside,
            self.y + self.stroke[1] * swing + self.drift[1] * aside,
        )

    def hand(self, t: float) -> HandPose:
        """Return the hand on the block."""
        x, y = self._centre(t)
        return HandPose(x, y + 6, 6, "flat")

    def elements(self, t: float) -> list[Element]:
        """Return the board and the block."""
        x, y = self._centre(t)
        angle = math.atan2(self.stroke[1], self.stroke[0])
        return [self.base, Thing(self.block, x, y, lift=2, angle=angle)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Push(Activity):
    """A hand pushes a heavy thing in shoves from one place to another."""

    load: Sprite
    start: Point
    end: Point
    half_width: float
    height: float
    other_label: str

    def _shove(self, t: float) -> tuple[float, float]:
        """Return the share of the way that is done, and how far the hand has drawn back, 0..1."""
        shoves = max(3, round(self.work_sec / 1.4))
        place = min(max(t - REACH_SEC, 0.0) / self.work_sec * shoves, shoves - 1e-9)
        u = place % 1.0
        back = smooth((u - 0.6) / 0.2) - smooth((u - 0.8) / 0.2)
        return (int(place) + smooth(u / 0.65)) / shoves, back

    def _at(self, t: float) -> Point:
        return between(self.start, self.end, self._shove(t)[0])

    def hand(self, t: float) -> HandPose:
        """Return the hand flat against the side that it pushes, or drawn back for a new shove."""
        x, y = self._at(t)
        side = -1.0 if self.end[0] > self.start[0] else 1.0
        back = self.half_width + 6 + 34 * self._shove(t)[1]
        return HandPose(x + side * back, y, self.height * 0.6, "flat")

    def elements(self, t: float) -> list[Element]:
        """Return the load."""
        return [Thing(self.load, *self._at(t))]

    def follow_up(self, duration_sec: float) -> Activity | None:
        """Return pushing it back."""
        return replace(
            self,
            start=self.end,
            end=self.start,
            label=self.other_label,
            other_label=self.label,
            duration_sec=duration_sec,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Carry(Activity):
    """A hand fetches things one by one and puts them down elsewhere."""

    before: tuple[Thing, ...]
    loads: tuple[Sprite, ...]
    sources: tuple[Point, ...]
    targets: tuple[Point, ...]
    source_lifts: tuple[float, ...]
    target_lifts: tuple[float, ...]
    arc: float
    load_height: float

    def _cycle(self, t: float) -> tuple[int, float]:
        """Return which thing is on its way, and the share of its trip, 0..1."""
        place = max(0.0, t - REACH_SEC) / (self.work_sec / len(self.loads))
        index = min(int(place), len(self.loads) - 1)
        return index, min(place - index, 1.0)

    def _load_at(self, index: int, u: float) -> tuple[Point, float]:
        share = smooth((u - self._fetch(index)) / (0.94 - self._fetch(index)))
        low, high = self.source_lifts[index], self.target_lifts[index]
        lift = low + (high - low) * share + self.arc * 4 * share * (1 - share)
        return between(self.sources[index], self.targets[index], share), lift

    def _fetch(self, index: int) -> float:
        """Return the share of a trip spent on reaching for the thing."""
        return 0.42 if index else 0.08

    def hand(self, t: float) -> HandPose:
        """Return the hand on its way to the next thing or carrying it."""
        index, u = self._cycle(t)
        fetch = self._fetch(index)
        if u < fetch and index:
            share = smooth(u / fetch)
            x, y = between(self.targets[index - 1], self.sources[index], share)
            low, high = self.target_lifts[index - 1], self.source_lifts[index]
            lift = low + (high - low) * share + self.arc * 0.7 * 4 * share * (1 - share)
        else:
            (x, y), lift = self._load_at(index, u)
        return HandPose(x, y, lift + self.load_height, "pinch")

    def elements(self, t: float) -> list[Element]:
        """Return the places, everything that lies at its place, and what is carried."""
        moving, u = self._cycle(t)
        # What stands on others casts no shadow of its own on the table.
        shades = [0.0 if lift else 1.0 for lift in self.target_lifts]
        waiting = range(len(self.loads) - 1, moving, -1)
        lying: list[Element] = [
            *(Thing(self.loads[i], *self.sources[i], self.source_lifts[i]) for i in waiting),
            *(
                Thing(self.loads[i], *self.targets[i], self.target_lifts[i], shade=shades[i])
                for i in range(moving)
            ),
        ]
        point, lift = self._load_at(moving, u)
        shade = 1 + (shades[moving] - 1) * smooth(u)
        carried = Thing(self.loads[moving], *point, lift=lift, shade=shade)
        return [*self.before, *lying, carried]
