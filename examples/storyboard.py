"""From a seed to a film: which steps, where the cuts are, who works, what stands where.

A boundary is soft when the camera stays and only the work changes, and hard when the film cuts to
another work place. At least half of the boundaries of a film are soft.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from examples import actors, props
from examples.activities import REACH_SEC, Activity, between, smooth
from examples.actors import Arm, ArmSprites, Edge, HandPose
from examples.drawing import Camera, Canvas, Colour, Element, Pixels, Point, Thing, lit
from examples.surfaces import SURFACES, paint_surface
from examples.trades import BUILDERS, FOLLOW_UPS, TRADES, TWO_SPOTS, Job, Place, Trade

WIDTH_PX, HEIGHT_PX = 640, 360
_FACING: dict[Edge, float] = {"bottom": 0.0, "top": math.pi}
_LONGEST_SHOT = 4


@dataclass(frozen=True, eq=False)
class Shot:
    """One uncut piece of film: a fixed camera on one work place, and the steps done there."""

    camera: Camera
    background: Pixels
    decor: tuple[Thing, ...]
    arms: tuple[Arm, ...]
    activities: tuple[Activity, ...]
    # For each activity: the number of its place, and which arm works.
    places: tuple[int, ...]
    working_arm: tuple[int, ...]

    @cached_property
    def _poses_after(self) -> list[tuple[HandPose, ...]]:
        """The pose of every arm after each step."""
        after: list[tuple[HandPose, ...]] = []
        poses = tuple(arm.rest for arm in self.arms)
        for step, activity in enumerate(self.activities):
            poses = self._poses(step, activity.duration_sec, poses)
            after.append(poses)
        return after

    def _poses(self, step: int, t: float, before: Sequence[HandPose]) -> tuple[HandPose, ...]:
        poses = []
        for index, (arm, start) in enumerate(zip(self.arms, before, strict=True)):
            goal, reach_sec = arm.rest, 0.8
            if index == self.working_arm[step]:
                goal, reach_sec = self.activities[step].hand(t), REACH_SEC
            share = smooth(t / reach_sec)
            x, y = between((start.x, start.y), (goal.x, goal.y), share)
            lift = start.lift + (goal.lift - start.lift) * share + 40 * share * (1 - share)
            poses.append(HandPose(x, y, lift, goal.grip if share > 0.5 else start.grip))
        return tuple(poses)

    def _resting(self, step: int) -> list[Element]:
        """Return what does not move during a step, furthest first."""
        shown: dict[int, tuple[float, list[Element]]] = {}
        for index, (place, activity) in enumerate(zip(self.places, self.activities, strict=True)):
            if index < step:
                shown[place] = activity.y, activity.elements(activity.duration_sec)
            elif place not in shown:
                shown[place] = activity.y, activity.elements(0.0)
        shown.pop(self.places[step])
        groups: list[tuple[float, Sequence[Element]]] = [
            *shown.values(),
            *((thing.y, (thing,)) for thing in self.decor),
        ]
        groups.sort(key=lambda group: group[0])
        return [element for _, elements in groups for element in elements]

    def stage(self, step: int) -> Pixels:
        """Return the picture of everything that does not move during a step."""
        canvas = Canvas(self.background.copy(), self.camera)
        _draw(canvas, self._resting(step))
        return canvas.pixels

    def draw(self, step: int, t: float, stage: Pixels) -> Pixels:
        """Return the picture at t seconds of a step, (height, width, 3) RGB."""
        canvas = Canvas(stage.copy(), self.camera)
        _draw(canvas, self.activities[step].elements(t))
        rest = tuple(arm.rest for arm in self.arms)
        before = self._poses_after[step - 1] if step else rest
        for arm, pose in zip(self.arms, self._poses(step, t, before), strict=True):
            arm.draw(canvas, pose)
        return canvas.pixels


def _draw(canvas: Canvas, elements: Sequence[Element]) -> None:
    for element in elements:
        element.draw_shadow(canvas)
    for element in elements:
        element.draw(canvas)


@dataclass(frozen=True, eq=False)
class Film:
    """A planned film: its shots, and for every step its number of frames."""

    fps: int
    shots: tuple[Shot, ...]
    step_frames: tuple[int, ...]


def plan_film(seed: int) -> Film:
    """Return the film of a seed: 5 to 7 steps of 5 to 12 s, 40 to 60 s in all."""
    rng = np.random.default_rng(seed)
    fps = int(rng.choice([25, 30]))
    trade = TRADES[int(rng.integers(len(TRADES)))]
    step_frames = _step_frames(rng, fps)
    sizes = _shot_sizes(rng, len(step_frames))
    sprites, edge = _actor(rng)
    kinds = [str(kind) for kind in rng.permutation(sorted(trade.work))]
    shots: list[Shot] = []
    first = 0
    for size, (material, tone) in zip(sizes, _surfaces(rng, trade, len(sizes)), strict=True):
        seconds = [frames / fps for frames in step_frames[first : first + size]]
        chosen = _choose_kinds(rng, kinds, size)
        camera = _camera(rng, chosen)
        background = paint_surface(rng, camera, material, tone)
        arms = _arms(sprites, edge, camera)
        shots.append(_shot(rng, trade, camera, background, arms, chosen, seconds))
        first += size
    return Film(fps, tuple(shots), tuple(step_frames))


def _step_frames(rng: np.random.Generator, fps: int) -> list[int]:
    """Return the number of frames of every step."""
    count = int(rng.choice([5, 6, 6, 7]))
    while True:
        seconds = rng.uniform(5.5, 11.8, count)
        if 42 <= seconds.sum() <= 58:
            return [round(second * fps) for second in seconds]


def _shot_sizes(rng: np.random.Generator, steps: int) -> list[int]:
    """Return how many steps each shot has: at least one cut, at most half of the boundaries."""
    while True:
        cuts = int(rng.integers(1, (steps - 1) // 2 + 1))
        places = sorted(rng.choice(np.arange(1, steps), cuts, replace=False).tolist())
        edges = [0, *places, steps]
        sizes = [end - start for start, end in pairwise(edges)]
        if max(sizes) <= _LONGEST_SHOT:
            return sizes


def _surfaces(rng: np.random.Generator, trade: Trade, count: int) -> list[tuple[str, Colour]]:
    """Return a table top for every shot, clearly unlike the one before."""
    chosen: list[tuple[str, Colour]] = []
    while len(chosen) < count:
        material = str(rng.choice(list(trade.surfaces)))
        tones = SURFACES[material]
        tone = lit(tones[int(rng.integers(len(tones)))], float(rng.uniform(0.92, 1.08)))
        if not chosen or math.dist(tone, chosen[-1][1]) > 60:
            chosen.append((material, tone))
    return chosen


def _actor(rng: np.random.Generator) -> tuple[tuple[ArmSprites, ...], Edge]:
    """Return who works: two hands or one, gloved or bare, or a gripper; and from which edge."""
    kind = str(rng.choice(["two hands", "two hands", "one hand", "gripper"]))
    if kind == "gripper":
        metals = ((206, 208, 210), (120, 126, 134), (226, 196, 96))
        accents = ((216, 110, 40), (52, 104, 170), (60, 62, 66))
        metal, accent = (options[int(rng.integers(3))] for options in (metals, accents))
        return (actors.robot_arm(metal, accent),), "top"
    looks = actors.SKINS if rng.random() < 0.65 else actors.GLOVES
    hand = looks[int(rng.integers(len(looks)))]
    sleeve = actors.SLEEVES[int(rng.integers(len(actors.SLEEVES)))]
    if kind == "two hands":
        return tuple(actors.human_arm(hand, sleeve, side) for side in (-1.0, 1.0)), "bottom"
    return (actors.human_arm(hand, sleeve, 1.0),), "bottom"


def _arms(sprites: tuple[ArmSprites, ...], edge: Edge, camera: Camera) -> tuple[Arm, ...]:
    """Return the arms with their places of rest at the picture's edge."""
    wide, high = camera.half_width, camera.half_height
    if len(sprites) == 2:
        places = [(-1.0, -0.5 * wide, 0.9 * high), (1.0, 0.5 * wide, 0.9 * high)]
    elif edge == "top":
        places = [(0.0, 0.1 * wide, -0.6 * high)]
    else:
        places = [(0.6, 0.25 * wide, 0.85 * high)]
    return tuple(
        Arm(sprite, edge, side, HandPose(x, y, 4, "flat"))
        for sprite, (side, x, y) in zip(sprites, places, strict=True)
    )


def _choose_kinds(rng: np.random.Generator, kinds: list[str], size: int) -> list[str | None]:
    """Take the next kinds of work from the list; None is another motion with the same things."""
    chosen: list[str | None] = []
    for _ in range(size):
        before = chosen[-1] if chosen else None
        if before in FOLLOW_UPS and rng.random() < 0.25:
            chosen.append(None)
            continue
        full = sum(kind in TWO_SPOTS for kind in chosen) >= 2
        index = next(i for i, kind in enumerate(kinds) if not (full and kind in TWO_SPOTS))
        chosen.append(kinds.pop(index))
    return chosen


def _spots_of(kind: str) -> int:
    return 2 if kind in TWO_SPOTS else 1


def _camera(rng: np.random.Generator, kinds: Sequence[str | None]) -> Camera:
    """Return a view of the whole table, or a close one where few places are needed."""
    if sum(_spots_of(kind) for kind in kinds if kind) <= 2 and rng.random() < 0.65:
        return Camera(float(rng.uniform(1.35, 1.5)), WIDTH_PX, HEIGHT_PX)
    return Camera(float(rng.uniform(1.04, 1.1)), WIDTH_PX, HEIGHT_PX)


def _free_spots(rng: np.random.Generator, camera: Camera, needed: int) -> list[tuple[Point, str]]:
    """Return the places of a table in random order, with their names."""
    if camera.zoom > 1.2 and needed == 1:
        spots = [((-10.0, 2.0), "middle")]
    elif camera.zoom > 1.2:
        spots = [((-108.0, 0.0), "left"), ((104.0, 4.0), "right")]
    else:
        spots = [
            ((x, y), f"{row} {column}")
            for y, row in ((-62.0, "back"), (58.0, "front"))
            for x, column in ((-190.0, "left"), (0.0, "middle"), (190.0, "right"))
        ]
    order = rng.permutation(len(spots))
    jitter = rng.uniform(-8, 8, (len(spots), 2))
    return [
        ((spots[i][0][0] + float(jitter[i, 0]), spots[i][0][1] + float(jitter[i, 1])), spots[i][1])
        for i in order
    ]


def _take_place(free: list[tuple[Point, str]], kind: str) -> Place:
    """Take the place for a kind of work from the free ones; two spots lie far apart.

    What is pushed goes to the nearest place in the same row, so that nothing is in its way.
    """
    (x, y), name = first = free.pop()
    if kind not in TWO_SPOTS:
        return Place(((x, y),), (name,))
    if kind == "push":
        second = min(free, key=lambda spot: abs(spot[0][0] - x) + 9 * abs(spot[0][1] - y))
    else:
        second = max(free, key=lambda spot: abs(spot[0][0] - x))
    free.remove(second)
    return Place((first[0], second[0]), (first[1], second[1]))


def _shot(
    rng: np.random.Generator,
    trade: Trade,
    camera: Camera,
    background: Pixels,
    arms: tuple[Arm, ...],
    kinds: Sequence[str | None],
    seconds: Sequence[float],
) -> Shot:
    # Pushing needs neighbours, so it chooses first; then whatever else needs two places.
    needs = [kind for kind in kinds if kind]
    free = _free_spots(rng, camera, sum(_spots_of(kind) for kind in needs))
    order = sorted(needs, key=lambda kind: (kind != "push", kind not in TWO_SPOTS))
    places = {kind: _take_place(free, kind) for kind in order}
    activities: list[Activity] = []
    numbers: list[int] = []
    workers: list[int] = []
    for kind, duration_sec in zip(kinds, seconds, strict=True):
        if kind is None:
            more = activities[-1].follow_up(duration_sec)
            if more is None:
                raise RuntimeError(f"no second motion after {activities[-1].label!r}")
            activities.append(more)
            numbers.append(numbers[-1])
            workers.append(workers[-1])
            continue
        words = trade.work[kind][int(rng.integers(len(trade.work[kind])))]
        job = Job(rng, duration_sec, places[kind], _FACING[arms[0].edge])
        activities.append(BUILDERS[kind](job, words))
        numbers.append(len(set(numbers)))
        right = activities[-1].x > (-60 if rng.random() < 0.5 else 60)
        workers.append(int(right) if len(arms) == 2 else 0)
    decor = _decor(rng, free, camera)
    return Shot(camera, background, decor, arms, tuple(activities), tuple(numbers), tuple(workers))


def _decor(
    rng: np.random.Generator, free: Sequence[tuple[Point, str]], camera: Camera
) -> tuple[Thing, ...]:
    """Return things that only stand there, on places that nobody needs."""
    spots = [point for point, _ in free]
    if camera.zoom > 1.2:
        corner = camera.half_width - 32
        spots = [(-corner, -camera.half_height + 50), (corner, -camera.half_height + 46)]
    colours = list(props.PALETTE.values())
    things = []
    for x, y in spots[: int(rng.integers(1, 4))]:
        one, two = (colours[int(i)] for i in rng.integers(0, len(colours), 2))
        makers = (
            lambda one=one: props.plant(rng, one),
            lambda one=one, two=two: props.jar(one, two, 15, 38),
            lambda one=one: props.book(one),
            lambda one=one: props.cup(one, lit(one, 0.5), 19),
            lambda one=one: props.plate(one, 40),
        )
        sprite = makers[int(rng.integers(len(makers)))]()
        things.append(Thing(sprite, x + float(rng.uniform(-16, 16)), y))
    return tuple(things)
