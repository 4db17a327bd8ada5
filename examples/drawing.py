"""Pixels: sprites, the camera that places them, shadows, and the surface they stand on.

World units are pixels of a 640 x 360 picture at zoom 1; (0, 0) is the picture's centre, x goes
right, y goes down (nearer to the viewer). Colours are RGB from 0 to 255.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Point = tuple[float, float]
Pixels = NDArray[np.uint8]
Window = tuple[slice, slice]
Floats = NDArray[np.float32]

SPRITE_PX_PER_UNIT = 2
_PAINT_PX_PER_UNIT = 4
# What a circle on the table becomes for a camera that looks down at an angle.
GROUND_SQUASH = 0.62


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that lies `share` (0..1) of the way from first to second."""
    a, b, c = (x + (y - x) * share for x, y in zip(first, second, strict=True))
    return a, b, c


def lit(colour: Colour, factor: float) -> Colour:
    """Return the colour times a brightness factor, kept within 0..255."""
    a, b, c = (min(255.0, max(0.0, x * factor)) for x in colour)
    return a, b, c


@dataclass(frozen=True)
class Camera:
    """A fixed camera: world units to pixels of a picture of width_px x height_px."""

    zoom: float
    width_px: int
    height_px: int

    @property
    def half_width(self) -> float:
        """Half of the visible width, in world units."""
        return 320.0 / self.zoom

    @property
    def half_height(self) -> float:
        """Half of the visible height, in world units."""
        return 180.0 / self.zoom

    @property
    def px_per_unit(self) -> float:
        """How many pixels one world unit covers."""
        return self.zoom * self.width_px / 640.0

    def to_px(self, point: Point) -> Point:
        """Return where a world point lies in the picture, in pixels."""
        scale = self.px_per_unit
        return self.width_px / 2 + point[0] * scale, self.height_px / 2 + point[1] * scale


@dataclass(frozen=True, eq=False)
class Sprite:
    """A painted thing: (h, w, 4) colour times alpha and alpha, 0..255, and its anchor.

    A shadow has only the alpha: (h, w).
    """

    rgba: Pixels
    anchor_px: Point
    shadow: Sprite | None = None


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture being drawn, (height, width, 3) RGB, seen by a camera."""

    pixels: Pixels
    camera: Camera

    def blit(
        self, sprite: Sprite, at: Point, shape: NDArray[np.float64], opacity: float = 1.0
    ) -> None:
        """Draw a sprite with its anchor at a world point; shape is a 2x2 map of world units."""
        linear = shape * (self.camera.px_per_unit / SPRITE_PX_PER_UNIT)
        height, width = sprite.rgba.shape[:2]
        centre = np.array(self.camera.to_px(at))
        offset = centre - linear @ np.array(sprite.anchor_px)
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ linear.T + offset
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.minimum(
            np.ceil(corners.max(axis=0)).astype(int) + 1,
            (self.camera.width_px, self.camera.height_px),
        )
        if right <= left or bottom <= top:
            return
        matrix = np.column_stack([linear, offset - (left, top)])
        size = (int(right - left), int(bottom - top))
        warped = cv2.warpAffine(sprite.rgba, matrix, size, flags=cv2.INTER_LINEAR)
        if opacity < 1.0:
            warped = cv2.convertScaleAbs(warped, alpha=opacity)
        region = self.pixels[top:bottom, left:right]
        alpha = warped if warped.ndim == 2 else cv2.extractChannel(warped, 3)
        keep = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        behind = cv2.multiply(region, keep, scale=1 / 255)
        if warped.ndim == 3:
            behind = cv2.add(behind, cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB))
        region[:] = behind

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a line through world points, its width in world units."""
        if len(points) < 2:
            return
        pixels = np.array([self.camera.to_px(point) for point in points]) * 16
        thickness = max(1, round(width * self.camera.px_per_unit))
        line = np.round(pixels).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(
            self.pixels,
            [line],
            isClosed=False,
            color=colour,
            thickness=thickness,
            lineType=cv2.LINE_AA,
            shift=4,
        )


class Element(Protocol):
    """Something that stands in the scene at one instant."""

    def draw(self, canvas: Canvas) -> None:
        """Draw itself."""
        ...

    def draw_shadow(self, canvas: Canvas) -> None:
        """Draw its shadow on the table."""
        ...


def turned(angle: float, flatness: float = 1.0, size: float = 1.0) -> NDArray[np.float64]:
    """Return the 2x2 map that turns by angle (radians), then flattens y by the camera's slant."""
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    return np.array([[cos, -sin], [sin * flatness, cos * flatness]])


@dataclass(frozen=True, eq=False)
class Thing:
    """A sprite at a world point, lifted off the table, turned in the table's or picture's plane."""

    sprite: Sprite
    x: float
    y: float
    lift: float = 0.0
    angle: float = 0.0
    flatness: float = 1.0
    size: float = 1.0
    opacity: float = 1.0
    shade: float = 1.0

    def draw(self, canvas: Canvas) -> None:
        """Draw the sprite; what is lifted is nearer to the camera, so a little larger."""
        shape = turned(self.angle, self.flatness, self.size * (1 + self.lift / 700))
        canvas.blit(self.sprite, (self.x, self.y - self.lift), shape, self.opacity)

    def draw_shadow(self, canvas: Canvas) -> None:
        """Draw the soft shadow: further away and fainter the higher the thing is."""
        if self.sprite.shadow is None or self.shade == 0.0:
            return
        at = (self.x + 3 + self.lift * 0.35, self.y + 3 + self.lift * 0.12)
        strength = self.shade * self.opacity / (1 + self.lift / 60)
        canvas.blit(self.sprite.shadow, at, turned(self.angle, self.flatness, self.size), strength)


@dataclass(frozen=True)
class Stroke:
    """A line through world points: ink, a stream of tea, a handle."""

    points: tuple[Point, ...]
    width: float
    colour: Colour

    def draw(self, canvas: Canvas) -> None:
        """Draw the line."""
        canvas.stroke(self.points, self.width, self.colour)

    def draw_shadow(self, canvas: Canvas) -> None:
        """Cast no shadow: lines are thin."""


@dataclass(eq=False)
class Painter:
    """Paints one sprite in world units around its anchor (0, 0)."""

    left: float
    top: float
    right: float
    bottom: float
    x: Floats = field(init=False)
    y: Floats = field(init=False)
    rgba: Floats = field(init=False)

    def __post_init__(self) -> None:
        scale = _PAINT_PX_PER_UNIT
        width = math.ceil((self.right - self.left) * scale / 2) * 2
        height = math.ceil((self.bottom - self.top) * scale / 2) * 2
        xs = self.left + (np.arange(width, dtype=np.float32) + 0.5) / scale
        ys = self.top + (np.arange(height, dtype=np.float32) + 0.5) / scale
        self.x, self.y = (grid.astype(np.float32) for grid in np.meshgrid(xs, ys))
        self.rgba = np.zeros((height, width, 4), np.float32)

    def _window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """Return the part of the sprite that a shape can touch, with one unit of margin."""

        def reach(low: float, high: float, origin: float) -> slice:
            first, last = low - 1 - origin, high + 1 - origin
            return slice(max(0, int(first * _PAINT_PX_PER_UNIT)), int(last * _PAINT_PX_PER_UNIT))

        return reach(top, bottom, self.top), reach(left, right, self.left)

    def lay(
        self,
        mask: Floats,
        colour: Colour,
        shade: Floats | float = 1.0,
        window: Window = (slice(None), slice(None)),
    ) -> None:
        """Paint a colour times a shade over what is there, where the mask (0..1) says."""
        layer = np.clip(np.asarray(colour, np.float32) * np.atleast_3d(np.float32(shade)), 0, 255)
        cover = mask[:, :, None]
        part = self.rgba[window]
        part[:, :, :3] = part[:, :, :3] * (1 - cover) + layer * cover
        part[:, :, 3:] = part[:, :, 3:] * (1 - cover) + cover

    def capsule(self, start: Point, end: Point, radii: Point, colour: Colour) -> None:
        """Paint a round bar from start to end, its radii at both ends, shaded like a cylinder."""
        ax, ay = start
        widest = max(radii)
        window = self._window(
            min(ax, end[0]) - widest,
            min(ay, end[1]) - widest,
            max(ax, end[0]) + widest,
            max(ay, end[1]) + widest,
        )
        x, y = self.x[window], self.y[window]
        dx, dy = end[0] - ax, end[1] - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
        radius = radii[0] + (radii[1] - radii[0]) * along
        away_x, away_y = x - ax - along * dx, y - ay - along * dy
        distance = np.hypot(away_x, away_y)
        inside = np.clip((radius - distance) * _PAINT_PX_PER_UNIT + 0.5, 0, 1).astype(np.float32)
        relative = distance / np.maximum(radius, 0.1)
        shade = 1.06 - 0.26 * relative**2 - 0.1 * (away_x + away_y) / np.maximum(radius, 0.1)
        self.lay(inside, colour, shade.astype(np.float32), window)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, slope: float = 0.0) -> None:
        """Paint an ellipse; slope darkens it from left to right (0.2 = 20 % at the rim)."""
        (x, y), (rx, ry) = centre, radii
        window = self._window(x - rx, y - ry, x + rx, y + ry)
        dx, dy = (self.x[window] - x) / rx, (self.y[window] - y) / ry
        inside = np.clip((1 - np.hypot(dx, dy)) * min(rx, ry) * _PAINT_PX_PER_UNIT + 0.5, 0, 1)
        self.lay(inside.astype(np.float32), colour, (1 - slope * dx).astype(np.float32), window)

    def ball(self, centre: Point, radius: float, colour: Colour) -> None:
        """Paint a ball lit from the upper left."""
        x, y = centre
        window = self._window(x - radius, y - radius, x + radius, y + radius)
        dx, dy = (self.x[window] - x) / radius, (self.y[window] - y) / radius
        inside = np.clip((1 - np.hypot(dx, dy)) * radius * _PAINT_PX_PER_UNIT + 0.5, 0, 1)
        shade = 1.15 - 0.4 * np.hypot(dx + 0.35, dy + 0.4) ** 1.5
        self.lay(inside, colour, shade.astype(np.float32), window)
        shine = mix(colour, (255, 255, 255), 0.6)
        self.ellipse((x - radius * 0.35, y - radius * 0.4), (radius * 0.2, radius * 0.15), shine)

    def box(
        self, centre: Point, size: Point, corner: float, colour: Colour, slope: float = 0.0
    ) -> None:
        """Paint a rectangle with round corners; slope darkens it from left to right."""
        (x, y), (width, height) = centre, size
        window = self._window(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        dx, dy = self.x[window] - x, self.y[window] - y
        outside_x = np.abs(dx) - width / 2 + corner
        outside_y = np.abs(dy) - height / 2 + corner
        distance = np.hypot(np.maximum(outside_x, 0), np.maximum(outside_y, 0)) - corner
        distance = distance + np.minimum(np.maximum(outside_x, outside_y), 0)
        inside = np.clip(0.5 - distance * _PAINT_PX_PER_UNIT, 0, 1).astype(np.float32)
        self.lay(inside, colour, (1 - slope * 2 * dx / width).astype(np.float32), window)

    def polygon(self, points: Sequence[Point], colour: Colour, slope: float = 0.0) -> None:
        """Paint a polygon; slope darkens it from left to right over the sprite's width."""
        scale = _PAINT_PX_PER_UNIT
        corners = (np.array(points) - (self.left, self.top)) * scale * 16
        mask = np.zeros(self.x.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA, 4)
        span = max(self.right - self.left, 1.0)
        shade = 1 - slope * 2 * (self.x - (self.left + self.right) / 2) / span
        self.lay((mask / 255).astype(np.float32), colour, shade.astype(np.float32))

    def grain(self, rng: np.random.Generator, strength: float, stretch: Point) -> None:
        """Give everything painted so far a fine texture, stretched by (x, y) units."""
        height, width = self.x.shape
        noise = soft_noise(rng, (height, width), (stretch[0] * 4, stretch[1] * 4))
        self.rgba[:, :, :3] *= 1 + strength * noise[:, :, None]
        np.clip(self.rgba[:, :, :3], 0, 255 * self.rgba[:, :, 3:], out=self.rgba[:, :, :3])

    def finish(self, shadow: Sprite | None = None) -> Sprite:
        """Return the sprite at its stored resolution."""
        height, width = self.rgba.shape[:2]
        small = cv2.resize(self.rgba, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        # A clear margin, so that a turned sprite's edge fades instead of ending in a step.
        framed = np.pad(small, ((1, 1), (1, 1), (0, 0)))
        framed[:, :, 3] *= 255
        scale = SPRITE_PX_PER_UNIT
        anchor = 1 - self.left * scale, 1 - self.top * scale
        return Sprite(np.round(framed).astype(np.uint8), anchor, shadow)

    def finish_flat(self) -> Sprite:
        """Return the sprite with a shadow of its own outline, for things that lie flat."""
        plain = self.finish()
        return Sprite(plain.rgba, plain.anchor_px, outline_shadow(plain, 2.0, 0.42))

    def finish_upright(self, foot: Point, radii: Point) -> Sprite:
        """Return the sprite with a soft elliptic shadow around its foot, for things that stand."""
        return self.finish(soft_shadow(foot, radii))


def soft_shadow(foot: Point, radii: Point) -> Sprite:
    """Return a soft dark ellipse around a foot point given relative to the anchor."""
    rx, ry = radii[0] * 1.25, radii[1] * 1.25
    left, top = foot[0] - rx * 1.3, foot[1] - ry * 1.3
    painter = Painter(left, top, foot[0] + rx * 1.3, foot[1] + ry * 1.3)
    distance = np.hypot((painter.x - foot[0]) / rx, (painter.y - foot[1]) / ry)
    painter.rgba[:, :, 3] = 0.55 * np.clip(1.25 - distance, 0, 1) ** 1.3
    plain = painter.finish()
    return Sprite(plain.rgba[:, :, 3].copy(), plain.anchor_px)


def outline_shadow(sprite: Sprite, blur: float, strength: float) -> Sprite:
    """Return a dark blurred copy of a sprite's outline; blur is in world units."""
    margin = math.ceil(blur * SPRITE_PX_PER_UNIT * 3)
    alpha = np.pad(sprite.rgba[:, :, 3], margin).astype(np.float32)
    soft = cv2.GaussianBlur(alpha, (0, 0), blur * SPRITE_PX_PER_UNIT) * strength
    anchor = sprite.anchor_px[0] + margin, sprite.anchor_px[1] + margin
    return Sprite(np.round(soft).astype(np.uint8), anchor)


def soft_noise(rng: np.random.Generator, shape_px: tuple[int, int], stretch_px: Point) -> Floats:
    """Return smooth noise (h, w), about -1..1, with features of stretch_px = (x, y) pixels."""
    height, width = shape_px
    rows = max(2, math.ceil(height / max(1.0, stretch_px[1])) + 1)
    columns = max(2, math.ceil(width / max(1.0, stretch_px[0])) + 1)
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    noise = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return noise.astype(np.float32)
