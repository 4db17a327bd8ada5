"""The things on the table: each function paints one sprite, anchored where it is held or stands."""

from __future__ import annotations

import math

import numpy as np

from examples.drawing import Colour, Floats, Painter, Point, Sprite, lit, mix

PALETTE: dict[str, Colour] = {
    "red": (188, 58, 50),
    "blue": (58, 96, 158),
    "green": (78, 134, 84),
    "yellow": (222, 180, 70),
    "white": (226, 224, 216),
    "grey": (120, 124, 128),
    "black": (50, 50, 54),
    "orange": (214, 124, 50),
    "purple": (118, 84, 142),
    "teal": (54, 130, 134),
    "brown": (124, 82, 54),
    "pink": (212, 138, 142),
}
WOOD: Colour = (186, 138, 92)
STEEL: Colour = (176, 182, 188)
PAPER: Colour = (232, 228, 214)


def bowl(colour: Colour, content: Colour, radius: float) -> Sprite:
    """A bowl seen from above at a slant; anchor: centre of its rim."""
    rim = radius * 0.56
    painter = Painter(-radius - 4, -rim - 4, radius + 4, rim + radius * 0.5 + 4)
    steps = np.linspace(0, math.pi, 24)
    outer = [(radius * math.cos(a), rim * 0.3 * math.sin(a)) for a in steps]
    base = [(-radius * 0.5 * math.cos(a), radius * 0.55 + rim * 0.45 * math.sin(a)) for a in steps]
    painter.polygon([*outer, *base][::-1], lit(colour, 0.82), 0.22)
    painter.ellipse((0, 0), (radius, rim), lit(colour, 1.08), 0.1)
    painter.ellipse((0, 1), (radius * 0.93, rim * 0.92), lit(colour, 0.66), -0.2)
    painter.ellipse((0, 4), (radius * 0.85, rim * 0.8), content, 0.06)
    return painter.finish_upright((2, radius * 0.5), (radius * 0.95, radius * 0.48))


def swirl(rng: np.random.Generator, content: Colour, radius: float) -> Sprite:
    """A stirred surface with spiral streaks, drawn flat and turned; anchor: its centre."""
    painter = Painter(-radius, -radius, radius, radius)
    away = np.hypot(painter.x, painter.y) / radius
    angle = np.arctan2(painter.y, painter.x)
    arms, twist = int(rng.integers(2, 4)), rng.uniform(3, 5)
    streaks = np.sin(angle * arms + twist * away) * np.clip(1 - away, 0, 1)
    inside = np.clip((1 - away) * radius * 4, 0, 1).astype(np.float32)
    painter.lay(inside, content, (1 + 0.3 * streaks).astype(np.float32))
    return painter.finish()


def plate(colour: Colour, radius: float) -> Sprite:
    """A plate; anchor: its centre."""
    squash = 0.6
    painter = Painter(-radius - 3, -radius * squash - 3, radius + 3, radius * squash + 5)
    painter.ellipse((0, 2.5), (radius, radius * squash), lit(colour, 0.72))
    painter.ellipse((0, 0), (radius, radius * squash), lit(colour, 1.02), 0.05)
    painter.ellipse((0, 1), (radius * 0.7, radius * squash * 0.7), lit(colour, 0.88), -0.06)
    painter.ellipse((0, 1.6), (radius * 0.66, radius * squash * 0.66), lit(colour, 0.98), 0.04)
    return painter.finish_upright((1, 3), (radius * 0.98, radius * squash))


def cup(colour: Colour, inside: Colour, radius: float) -> Sprite:
    """A cup with a handle on its right; anchor: centre of its rim."""
    rim, height = radius * 0.58, radius * 1.25
    painter = Painter(-radius - 3, -rim - 3, radius * 1.9, height + rim + 3)
    painter.capsule((radius, height * 0.25), (radius * 1.5, height * 0.4), (2.6, 2.6), colour)
    painter.capsule((radius * 1.5, height * 0.4), (radius * 0.9, height * 0.8), (2.6, 2.4), colour)
    painter.ellipse((0, height), (radius * 0.72, rim * 0.72), lit(colour, 0.8), 0.3)
    body = [(-radius, 0), (radius, 0), (radius * 0.72, height), (-radius * 0.72, height)]
    painter.polygon(body, lit(colour, 0.92), 0.3)
    painter.ellipse((0, 0), (radius, rim), lit(colour, 1.08))
    painter.ellipse((0, 0.8), (radius * 0.88, rim * 0.86), inside, -0.2)
    return painter.finish_upright((2, height), (radius * 0.95, rim * 0.85))


def liquid(colour: Colour, radius: float) -> Sprite:
    """What fills a cup, seen through its rim; anchor: its centre."""
    painter = Painter(-radius, -radius, radius, radius)
    painter.ellipse((0, 0), (radius, radius * 0.58), colour, 0.12)
    painter.ellipse((-radius * 0.3, -radius * 0.2), (radius * 0.3, radius * 0.1), lit(colour, 1.4))
    return painter.finish()


def jar(colour: Colour, lid: Colour, radius: float, height: float) -> Sprite:
    """A closed jar or bottle; anchor: its foot."""
    rim = radius * 0.5
    painter = Painter(-radius - 3, -height - rim - 3, radius + 3, rim + 3)
    painter.ellipse((0, 0), (radius, rim), lit(colour, 0.7), 0.3)
    painter.box((0, -height / 2), (radius * 2, height), 1, colour, 0.3)
    painter.box((0, -height * 0.45), (radius * 2, height * 0.4), 0, mix(colour, PAPER, 0.75), 0.2)
    painter.ellipse((0, -height * 0.25), (radius, rim * 0.35), mix(colour, PAPER, 0.7), 0.2)
    painter.ellipse((0, -height), (radius, rim), lit(lid, 0.9), 0.2)
    painter.ellipse((0, -height - 2.5), (radius * 0.94, rim * 0.92), lit(lid, 1.12), 0.1)
    return painter.finish_upright((2, 1), (radius * 1.05, rim * 1.05))


def crate(colour: Colour, half_width: float, height: float) -> Sprite:
    """An open box; anchor: centre of its opening."""
    depth = half_width * 0.42
    painter = Painter(-half_width - 3, -depth - 3, half_width + 3, depth + height + 3)
    painter.box((0, depth + height / 2), (half_width * 2, height), 1, lit(colour, 0.84), 0.06)
    painter.box((0, depth + height * 0.2), (half_width * 0.5, 4), 2, lit(colour, 0.5))
    painter.box((0, 0), (half_width * 2, depth * 2), 1.5, lit(colour, 1.12), 0.05)
    painter.box((0, 0), (half_width * 2 - 6, depth * 2 - 5), 1, lit(colour, 0.5), -0.1)
    painter.box((0, 2.5), (half_width * 2 - 6, depth * 2 - 10), 1, lit(colour, 0.62), -0.1)
    return painter.finish_upright((3, depth + height * 0.6), (half_width * 1.12, depth * 0.9))


def carton(rng: np.random.Generator, colour: Colour, half_width: float, height: float) -> Sprite:
    """A closed carton with tape; anchor: the middle of its front edge on the table."""
    depth = half_width * 0.8
    painter = Painter(-half_width - 3, -height - depth - 3, half_width + 3, 3)
    painter.box((0, -height / 2), (half_width * 2, height), 1, lit(colour, 0.8), 0.06)
    painter.box((0, -height - depth / 2), (half_width * 2, depth), 1, lit(colour, 1.06), 0.05)
    painter.grain(rng, 0.04, (10, 2))
    painter.box((0, -height - depth / 2), (half_width * 0.3, depth), 0, mix(colour, PAPER, 0.6))
    painter.box((0, -height * 0.86), (half_width * 0.3, height * 0.28), 0, mix(colour, PAPER, 0.4))
    label = (half_width * 0.55, -height * 0.45)
    painter.box(label, (half_width * 0.6, height * 0.4), 0.5, PAPER)
    painter.box(label, (half_width * 0.4, 1.5), 0, (90, 90, 90))
    return painter.finish_upright((4, -depth * 0.35), (half_width * 1.15, depth * 0.62))


def tray(colour: Colour, half_width: float, half_height: float) -> Sprite:
    """A flat tray with a rim; anchor: its centre."""
    painter = Painter(-half_width - 3, -half_height - 3, half_width + 3, half_height + 5)
    size = (half_width * 2, half_height * 2)
    painter.box((0, 2.5), size, 7, lit(colour, 0.6))
    painter.box((0, 0), size, 7, lit(colour, 1.1), 0.05)
    painter.box((0, 0.6), (size[0] - 7, size[1] - 7), 5, lit(colour, 0.86), -0.05)
    return painter.finish_flat()


def board(
    rng: np.random.Generator, colour: Colour, half_width: float, half_height: float
) -> Sprite:
    """A wooden board lying on the table; anchor: its centre."""
    painter = Painter(-half_width - 3, -half_height - 3, half_width + 3, half_height + 6)
    size = (half_width * 2, half_height * 2)
    painter.box((0, 3), size, 4, lit(colour, 0.62))
    painter.box((0, 0), size, 4, colour, 0.04)
    painter.grain(rng, 0.09, (50, 1.6))
    return painter.finish_flat()


def sheet(colour: Colour, half_width: float, half_height: float, lines: int) -> Sprite:
    """A sheet of paper with faint ruled lines; anchor: its centre."""
    painter = Painter(-half_width - 2, -half_height - 2, half_width + 2, half_height + 2)
    painter.box((0, 0), (half_width * 2, half_height * 2), 0.5, colour, 0.03)
    for row in np.linspace(-half_height, half_height, lines + 2)[1:-1]:
        painter.box((0, float(row)), (half_width * 1.8, 0.6), 0, lit(colour, 0.85))
    return painter.finish_flat()


def disc(rng: np.random.Generator, colour: Colour, radius: float) -> Sprite:
    """A wheel's top, painted round: drawn flattened and turned; anchor: its centre."""
    painter = Painter(-radius - 2, -radius - 2, radius + 2, radius + 2)
    painter.ellipse((0, 0), (radius, radius), lit(colour, 0.8))
    painter.ellipse((0, 0), (radius * 0.94, radius * 0.94), colour)
    spokes, other = int(rng.integers(3, 6)), mix(colour, (245, 240, 225), 0.55)
    for index in range(spokes):
        a, b = (2 * math.pi * (index + side) / spokes for side in (0.0, 0.42))
        wedge = [(radius * 0.82 * math.cos(t), radius * 0.82 * math.sin(t)) for t in (a, b)]
        painter.polygon([(0, 0), *wedge], other)
    painter.ellipse((0, 0), (radius * 0.24, radius * 0.24), lit(colour, 0.55))
    painter.ellipse((radius * 0.62, 0), (radius * 0.1, radius * 0.1), (60, 58, 56))
    return painter.finish()


def pedestal(colour: Colour, radius: float) -> Sprite:
    """The thick edge and foot below a wheel's top; anchor: the top's centre."""
    squash, depth = 0.62, 12.0
    painter = Painter(-radius - 3, -radius * squash, radius + 3, radius * squash + depth + 4)
    painter.ellipse((0, depth), (radius, radius * squash), lit(colour, 0.5), 0.2)
    painter.box((0, depth / 2), (radius * 2, depth), 0, lit(colour, 0.6), 0.25)
    return painter.finish_upright((3, depth), (radius * 1.08, radius * squash * 1.08))


def dough(rng: np.random.Generator, colour: Colour, radius: float) -> Sprite:
    """A flat lump with an uneven outline; anchor: its centre."""
    painter = Painter(-radius - 6, -radius - 6, radius + 6, radius + 6)
    bumps = rng.uniform(0.9, 1.08, 9)
    turn = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    smooth = np.interp(turn, np.linspace(0, 2 * math.pi, 10), [*bumps, bumps[0]])
    outline = [
        (radius * r * math.cos(a), radius * r * math.sin(a))
        for r, a in zip(smooth, turn, strict=True)
    ]
    painter.polygon([(x, y + 2.5) for x, y in outline], lit(colour, 0.75))
    painter.polygon(outline, colour, 0.05)
    painter.grain(rng, 0.04, (9, 9))
    return painter.finish_flat()


def kettle(colour: Colour, kind: str) -> Sprite:
    """A vessel to pour from, seen from the side, spout left at (-46, 10); anchor: its handle."""
    painter = Painter(-54, -16, 40, 58)
    if kind == "kettle":
        for a, b in (((-22, 20), (-20, -2)), ((-20, -2), (0, -9)), ((0, -9), (20, -2))):
            painter.capsule(a, b, (3.2, 3.2), (58, 50, 46))
        painter.capsule((20, -2), (22, 20), (3.2, 3.2), (58, 50, 46))
        painter.capsule((-18, 38), (-45, 11), (7, 3), lit(colour, 0.95))
        painter.ellipse((0, 33), (30, 22), colour, 0.28)
        painter.ellipse((0, 16), (13, 5), lit(colour, 0.8))
        painter.ball((0, 10), 4.5, (70, 60, 54))
    elif kind == "bottle":
        painter.capsule((4, 14), (24, 34), (12, 15), colour)
        painter.capsule((-45, 10), (0, 14), (4, 6), lit(colour, 0.9))
        painter.capsule((12, 22), (22, 32), (12.5, 13.5), mix(colour, PAPER, 0.7))
    else:
        painter.capsule((14, 2), (26, 14), (3.2, 3.2), lit(colour, 0.8))
        painter.capsule((26, 14), (16, 40), (3.2, 3.2), lit(colour, 0.8))
        body = [(-28, 4), (16, 0), (20, 46), (-22, 48)]
        painter.polygon(body, colour, 0.3)
        painter.ellipse((-1, 47), (21, 6), lit(colour, 0.9), 0.3)
        painter.polygon([(-30, 2), (-47, 10), (-24, 20)], lit(colour, 0.95))
        painter.ellipse((-6, 3), (22, 6), lit(colour, 0.6), -0.2)
    return painter.finish_upright((2, 50), (28, 12))


def item(colour: Colour, kind: str) -> Sprite:
    """A small thing to carry; anchor: its middle."""
    painter = Painter(-14, -16, 14, 16)
    if kind == "ball":
        painter.ball((0, 0), 10, colour)
        painter.capsule((0, -10), (2, -13), (1.3, 0.8), (76, 98, 52))
    elif kind == "egg":
        painter.ball((0, 0), 9, colour)
    elif kind == "cube":
        painter.box((0, 5), (18, 14), 1, lit(colour, 0.75), 0.1)
        painter.box((0, -5), (18, 11), 1, lit(colour, 1.12), 0.05)
    elif kind == "vial":
        painter.capsule((0, -6), (0, 9), (5, 6), mix(colour, PAPER, 0.3))
        painter.capsule((0, 2), (0, 9), (5, 5.4), colour)
        painter.box((0, -12), (9, 5), 1.5, (60, 62, 66), 0.2)
    else:
        painter.ellipse((0, 3), (12, 7.6), lit(colour, 0.65))
        painter.ellipse((0, 0), (12, 7.6), colour, 0.1)
        for x, y in ((-5, -1), (3, -3), (5, 2), (-2, 3)):
            painter.ellipse((x, y), (1.6, 1.1), lit(colour, 0.45))
    return painter.finish_upright((1, 8), (11, 6))


def block(rng: np.random.Generator, colour: Colour) -> Sprite:
    """A building block, 44 wide and 15 high; anchor: the middle of its front face's foot."""
    painter = Painter(-24, -36, 24, 2)
    painter.box((0, -7.5), (44, 15), 1, lit(colour, 0.78), 0.08)
    painter.box((0, -24), (44, 19), 1, lit(colour, 1.1), 0.05)
    painter.grain(rng, 0.05, (14, 2))
    return painter.finish_upright((3, -8), (26, 12))


def tile(colour: Colour, mark: Colour) -> Sprite:
    """A flat card or tile, 30 x 22; anchor: its centre."""
    painter = Painter(-17, -13, 17, 14)
    painter.box((0, 1.5), (30, 22), 2, lit(colour, 0.6))
    painter.box((0, 0), (30, 22), 2, colour, 0.05)
    painter.box((0, 0), (20, 13), 2, mark)
    return painter.finish_flat()


def cloth(rng: np.random.Generator, colour: Colour) -> Sprite:
    """A crumpled cloth; anchor: its middle."""
    painter = Painter(-36, -28, 36, 28)
    turn = np.linspace(0, 2 * math.pi, 14, endpoint=False)
    reach = rng.uniform(0.8, 1.12, 14)
    outline = [
        (31 * r * math.cos(a), 22 * r * math.sin(a)) for r, a in zip(reach, turn, strict=True)
    ]
    painter.polygon(outline, colour, 0.1)
    for _ in range(6):
        x, y, a = rng.uniform(-16, 16), rng.uniform(-11, 11), rng.uniform(0, math.pi)
        end = (float(x + 14 * math.cos(a)), float(y + 7 * math.sin(a)))
        fold: Floats = np.asarray(
            0.3 * np.exp(-(((painter.x - x) * math.sin(a) - (painter.y - y) * math.cos(a)) ** 2)),
            np.float32,
        )
        near = np.exp(-((painter.x - end[0]) ** 2 + (painter.y - end[1]) ** 2) / 200)
        painter.rgba[:, :, :3] *= 1 - (fold * near)[:, :, None]
    painter.grain(rng, 0.1, (9, 7))
    return painter.finish_flat()


def stamp(colour: Colour) -> Sprite:
    """A hand stamp or cutter; anchor: its lower face's middle."""
    painter = Painter(-18, -44, 18, 12)
    painter.ellipse((0, 0), (15, 9), lit(colour, 0.6), 0.3)
    painter.box((0, -5), (30, 10), 0, lit(colour, 0.8), 0.3)
    painter.ellipse((0, -10), (15, 9), lit(colour, 1.05), 0.1)
    painter.capsule((0, -12), (0, -28), (5, 4), WOOD)
    painter.ball((0, -33), 8, WOOD)
    return painter.finish_upright((2, 2), (16, 9))


def rolling_pin(rng: np.random.Generator) -> Sprite:
    """A rolling pin along x; anchor: its middle."""
    painter = Painter(-66, -11, 66, 11)
    painter.capsule((-60, 0), (60, 0), (4, 4), lit(WOOD, 0.8))
    painter.capsule((-40, 0), (40, 0), (9.5, 9.5), lit(WOOD, 1.1))
    painter.grain(rng, 0.08, (30, 1.5))
    return painter.finish_flat()


def knife(colour: Colour) -> Sprite:
    """A knife, blade up (away from the hand); anchor: the blade's middle."""
    painter = Painter(-8, -34, 10, 62)
    painter.polygon([(-4, 26), (-5, -16), (-1, -30), (6, -8), (6, 26)], STEEL, 0.35)
    painter.polygon([(-5, 26), (-5, -16), (-3, -20), (-3, 26)], (226, 230, 234))
    painter.capsule((0, 28), (1, 56), (4.6, 5.2), colour)
    return painter.finish_flat()


def shaker(colour: Colour) -> Sprite:
    """A shaker held upside down; anchor: its holes."""
    painter = Painter(-14, -40, 14, 8)
    painter.ellipse((0, 0), (11, 5), lit(STEEL, 0.7), 0.3)
    painter.box((0, -5), (22, 10), 1, STEEL, 0.4)
    painter.box((0, -22), (20, 26), 3, colour, 0.3)
    painter.ellipse((0, -35), (10, 4), lit(colour, 1.1))
    return painter.finish_upright((2, 4), (11, 6))


def brush(colour: Colour, paint: Colour) -> Sprite:
    """A flat brush, bristles up; anchor: the bristles' tip."""
    painter = Painter(-14, -4, 14, 66)
    painter.box((0, 7), (22, 16), 2, paint, 0.1)
    painter.box((0, 19), (24, 9), 1, STEEL, 0.3)
    painter.capsule((0, 26), (0, 60), (6, 3.5), colour)
    return painter.finish_flat()


def pen(colour: Colour) -> Sprite:
    """A pen; anchor: its tip."""
    painter = Painter(-4, -2, 34, 46)
    painter.capsule((0, 0), (5, 7), (0.6, 2.6), (40, 40, 44))
    painter.capsule((5, 7), (27, 38), (2.8, 3.2), colour)
    return painter.finish_flat()


def sander(colour: Colour) -> Sprite:
    """A sanding block; anchor: its middle."""
    painter = Painter(-30, -20, 30, 22)
    painter.box((0, 6), (52, 26), 3, (92, 74, 60))
    painter.box((0, 0), (52, 26), 4, colour, 0.15)
    painter.box((0, -2), (40, 12), 5, lit(colour, 1.15), 0.1)
    return painter.finish_flat()


def blot(colour: Colour, radius: float) -> Sprite:
    """A small flat spot: a crumb, a grain, a drop; anchor: its middle."""
    painter = Painter(-radius - 1, -radius - 1, radius + 1, radius + 1)
    painter.ellipse((0, 0), (radius, radius * 0.7), colour, 0.1)
    return painter.finish()


def ring_mark(colour: Colour) -> Sprite:
    """The mark that a stamp leaves; anchor: its middle."""
    painter = Painter(-14, -10, 14, 10)
    painter.ellipse((0, 0), (13, 8), colour)
    painter.ellipse((0, 0), (10.5, 6), mix(colour, PAPER, 0.7))
    painter.box((0, 0), (12, 3), 1, colour)
    return painter.finish()


def band(colour: Colour, half_width: float, half_height: float) -> Sprite:
    """A stripe of fresh paint or glaze; anchor: its centre."""
    painter = Painter(-half_width - 1, -half_height - 1, half_width + 1, half_height + 1)
    painter.box((0, 0), (half_width * 2, half_height * 2), 2, colour)
    return painter.finish()


def vegetable(rng: np.random.Generator, colour: Colour, half_length: float) -> Sprite:
    """A long vegetable or rod along x; anchor: its middle."""
    painter = Painter(-half_length - 9, -10, half_length + 9, 10)
    painter.capsule((-half_length, 0), (half_length, 0), (7, 8.5), colour)
    painter.grain(rng, 0.07, (4, 12))
    return painter.finish_flat()


def slice_of(colour: Colour) -> Sprite:
    """One cut slice standing on its edge; anchor: its middle."""
    painter = Painter(-6, -10, 6, 10)
    painter.ellipse((0.8, 0), (4.4, 8.6), lit(colour, 0.7))
    painter.ellipse((-0.6, 0), (4.2, 8.4), mix(colour, (240, 236, 200), 0.65), 0.1)
    return painter.finish_flat()


def plant(rng: np.random.Generator, pot: Colour) -> Sprite:
    """A small plant in a pot; anchor: the pot's foot."""
    painter = Painter(-34, -72, 34, 8)
    painter.polygon([(-15, -24), (15, -24), (10, 2), (-10, 2)], pot, 0.4)
    painter.ellipse((0, -24), (15, 7), lit(pot, 0.7))
    for _ in range(16):
        a, r = rng.uniform(-math.pi, 0), rng.uniform(10, 28)
        tip: Point = (float(r * math.cos(a)), float(-28 + 1.3 * r * math.sin(a)))
        green = lit((70, 120, 62), float(rng.uniform(0.7, 1.25)))
        painter.capsule((tip[0] * 0.3, -28 + (tip[1] + 28) * 0.3), tip, (2.0, 4.6), green)
    return painter.finish_upright((2, 1), (14, 6))


def book(colour: Colour) -> Sprite:
    """A closed book; anchor: its centre."""
    painter = Painter(-30, -22, 30, 26)
    painter.box((0, 6), (54, 36), 1, PAPER)
    painter.box((0, 0), (54, 36), 2, colour, 0.08)
    painter.box((-22, 0), (4, 36), 1, lit(colour, 0.75))
    painter.box((6, -4), (26, 4), 1, mix(colour, PAPER, 0.7))
    return painter.finish_flat()
