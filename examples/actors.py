"""Who does the work: hands in sleeves or gloves, or a gripper, and how an arm reaches a point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from examples.drawing import (
    Camera,
    Canvas,
    Colour,
    Painter,
    Point,
    Sprite,
    lit,
    mix,
    outline_shadow,
    turned,
)

Grip = Literal["pinch", "grip", "flat"]
Edge = Literal["bottom", "top"]
GRIPS: tuple[Grip, ...] = ("pinch", "grip", "flat")
_ARM_LENGTH = 420.0

SKINS: tuple[Colour, ...] = ((224, 176, 146), (198, 146, 112), (150, 102, 74), (104, 70, 52))
GLOVES: tuple[Colour, ...] = ((92, 128, 178), (226, 226, 220), (70, 72, 78), (208, 158, 66))
SLEEVES: tuple[Colour, ...] = (
    (66, 78, 104),
    (150, 60, 56),
    (198, 194, 184),
    (74, 102, 82),
    (58, 58, 62),
    (176, 150, 110),
)


@dataclass(frozen=True)
class HandPose:
    """Where a hand touches: a world point, its height above the table, and how it holds."""

    x: float
    y: float
    lift: float
    grip: Grip


@dataclass(frozen=True, eq=False)
class ArmSprites:
    """An arm for every grip, fingers up, anchored at the point of contact."""

    by_grip: dict[Grip, Sprite]


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm of the actor: its sprites, the picture edge it comes from, where it rests."""

    sprites: ArmSprites
    edge: Edge
    side: float
    rest: HandPose

    def elbow(self, pose: HandPose, camera: Camera) -> Point:
        """Return the point outside the picture from which the arm reaches the pose."""
        wide, high = camera.half_width, camera.half_height
        sign = -1.0 if self.edge == "top" else 1.0
        return 0.5 * pose.x + 0.3 * self.side * wide, sign * (high + 130)

    def draw(self, canvas: Canvas, pose: HandPose) -> None:
        """Draw the arm's shadow and the arm."""
        sprite = self.sprites.by_grip[pose.grip]
        elbow = self.elbow(pose, canvas.camera)
        tip = (pose.x, pose.y - pose.lift)
        angle = math.atan2(tip[0] - elbow[0], elbow[1] - tip[1])
        shape = turned(angle, 1.0, 1 + pose.lift / 700)
        if sprite.shadow is not None:
            at = (pose.x + 9 + pose.lift * 0.3, pose.y + 9 + pose.lift * 0.1)
            canvas.blit(sprite.shadow, at, turned(angle), 0.9 / (1 + pose.lift / 90))
        canvas.blit(sprite, tip, shape)


def human_arm(hand: Colour, sleeve: Colour, side: float) -> ArmSprites:
    """Return a human arm; side is -1 for a left hand (thumb on its right), 1 for a right one."""
    return ArmSprites({grip: _with_shadow(_human(hand, sleeve, side, grip)) for grip in GRIPS})


def robot_arm(metal: Colour, accent: Colour) -> ArmSprites:
    """Return a robot's arm with two jaws, open or closed by grip."""
    return ArmSprites({grip: _with_shadow(_robot(metal, accent, grip)) for grip in GRIPS})


def _with_shadow(painter: Painter) -> Sprite:
    plain = painter.finish()
    return Sprite(plain.rgba, plain.anchor_px, outline_shadow(plain, 4.0, 0.34))


def _human(hand: Colour, sleeve: Colour, side: float, grip: Grip) -> Painter:
    painter = Painter(-42, -44, 42, _ARM_LENGTH)
    palm_y = {"pinch": 34.0, "grip": 10.0, "flat": 8.0}[grip]
    wrist = palm_y + 22
    dark = lit(hand, 0.86)
    _sleeve(painter, hand, sleeve, wrist)
    if grip == "pinch":
        for x, tip in ((6.0, (4.0, 4.0)), (0.5, (1.0, 1.0))):
            painter.capsule((x * side, palm_y - 10), (tip[0] * side, tip[1]), (5.4, 4.0), hand)
        painter.capsule((11 * side, palm_y - 6), (10 * side, 15), (5.2, 4.4), dark)
        painter.capsule((-9 * side, palm_y + 2), (-5 * side, 6), (5.6, 4.0), hand)
    elif grip == "flat":
        for x, length in ((-10.5, 22.0), (-3.6, 29.0), (3.6, 27.0), (10.2, 19.0)):
            painter.capsule((x, palm_y - 8), (x * 1.25, palm_y - 8 - length), (5.0, 3.9), hand)
        painter.capsule((-12 * side, palm_y + 6), (-27 * side, palm_y - 9), (5.6, 4.2), hand)
    painter.capsule((0, palm_y - 3), (0, palm_y + 12), (16.5, 13.5), hand)
    if grip == "grip":
        for x in (-11.5, -4.0, 3.8, 11.2):
            painter.capsule((x, palm_y - 5), (x * 0.95, palm_y - 17), (5.3, 5.0), hand)
            painter.ellipse((x * 0.95, palm_y - 10), (3.2, 1.2), dark)
        painter.capsule((-13 * side, palm_y + 4), (-7 * side, palm_y - 13), (5.4, 4.4), hand)
    return painter


def _sleeve(painter: Painter, hand: Colour, sleeve: Colour, wrist: float) -> None:
    painter.capsule((0, wrist - 8), (0, wrist + 26), (12.0, 14.0), hand)
    painter.capsule((0, wrist + 26), (0, _ARM_LENGTH), (19.0, 34.0), sleeve)
    for offset in (10.0, 46.0, 88.0):
        start, end = (-15.0, wrist + 26 + offset), (13.0, wrist + 30 + offset)
        painter.capsule(start, end, (1.2, 0.6), lit(sleeve, 0.8))
    painter.capsule((-15, wrist + 15), (15, wrist + 15), (5.5, 5.5), mix(sleeve, (0, 0, 0), 0.18))


def _robot(metal: Colour, accent: Colour, grip: Grip) -> Painter:
    painter = Painter(-42, -30, 42, _ARM_LENGTH)
    gap = {"pinch": 6.0, "grip": 10.0, "flat": 15.0}[grip]
    for sign in (-1.0, 1.0):
        painter.capsule((sign * gap, 2), (sign * (gap + 8), 22), (4.2, 5.4), lit(metal, 0.8))
        painter.capsule((sign * (gap + 8), 22), (sign * 8, 38), (5.4, 6.0), lit(metal, 0.7))
        painter.box((sign * gap, -1), (6, 9), 2, (52, 52, 56))
    painter.box((0, 42), (44, 20), 5, accent, 0.2)
    painter.capsule((0, 54), (0, 130), (13, 15), metal)
    painter.capsule((0, 128), (0, _ARM_LENGTH), (22, 26), lit(metal, 0.94))
    painter.ellipse((0, 124), (22, 22), accent, 0.2)
    painter.ellipse((0, 124), (11, 11), lit(metal, 0.6), 0.2)
    painter.box((14, 230), (5, 170), 2, (46, 46, 50))
    return painter
