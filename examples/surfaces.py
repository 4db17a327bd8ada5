"""Table tops, walls and light: the part of the picture that never moves."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.drawing import Camera, Colour, Floats, Pixels, soft_noise

SURFACES: dict[str, tuple[Colour, ...]] = {
    "wood": ((176, 128, 84), (201, 160, 112), (122, 84, 58), (214, 184, 142)),
    "planks": ((158, 116, 80), (190, 156, 120), (104, 76, 60)),
    "slate": ((74, 80, 88), (96, 98, 100), (60, 70, 78)),
    "linen": ((214, 206, 190), (186, 196, 204), (202, 182, 158)),
    "steel": ((160, 166, 172), (134, 142, 150)),
    "mat": ((52, 108, 92), (58, 82, 124), (88, 92, 98)),
    "marble": ((222, 220, 214), (206, 210, 214)),
}


def paint_surface(rng: np.random.Generator, camera: Camera, material: str, tone: Colour) -> Pixels:
    """Return the empty work place, (height_px, width_px, 3) RGB: surface, wall, light."""
    shape = (camera.height_px, camera.width_px)
    unit = camera.px_per_unit
    texture = {
        "wood": _wood,
        "planks": _planks,
        "slate": _slate,
        "linen": _linen,
        "steel": _steel,
        "mat": _mat,
        "marble": _marble,
    }[material](rng, shape, unit)
    picture = np.asarray(tone, np.float32) * (1 + texture[:, :, None])
    if camera.zoom < 1.2:
        _add_wall(rng, picture, tone, unit)
    picture *= _light(rng, shape)
    tint = np.array([1 + rng.uniform(-0.03, 0.05), 1, 1 + rng.uniform(-0.06, 0.03)], np.float32)
    return np.asarray(np.clip(picture * tint, 0, 255), np.uint8)


def _wood(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    bend = soft_noise(rng, shape, (260 * unit, 60 * unit))
    rows = np.arange(shape[0], dtype=np.float32)[:, None] / unit
    rings = np.sin(rows * rng.uniform(0.1, 0.2) + 6 * bend)
    streaks = soft_noise(rng, shape, (120 * unit, 3 * unit))
    fibres = soft_noise(rng, shape, (24 * unit, 1.2 * unit))
    return np.asarray(0.055 * rings + 0.06 * streaks + 0.04 * fibres, np.float32)


def _planks(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    texture = _wood(rng, shape, unit)
    height = rng.uniform(38, 64) * unit
    edges = np.arange(rng.uniform(0, height), shape[0], height)
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    plank = np.searchsorted(edges, rows[:, 0])
    texture += rng.uniform(-0.09, 0.09, len(edges) + 1).astype(np.float32)[plank][:, None]
    for edge in edges:
        texture -= 0.5 * np.exp(-(((rows - edge) / (1.1 * unit)) ** 2))
    return np.asarray(texture, np.float32)


def _slate(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    clouds = soft_noise(rng, shape, (90 * unit, 60 * unit))
    blots = soft_noise(rng, shape, (18 * unit, 10 * unit))
    grit = soft_noise(rng, shape, (1.6 * unit, 1.6 * unit))
    return np.asarray(0.08 * clouds + 0.05 * blots + 0.05 * grit, np.float32)


def _linen(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    weave = soft_noise(rng, shape, (14 * unit, 1.4 * unit))
    weave = weave + soft_noise(rng, shape, (1.4 * unit, 14 * unit))
    columns = np.arange(shape[1], dtype=np.float32)[None, :] / unit
    period, phase = rng.uniform(70, 130), rng.uniform(0, 100)
    stripes = ((columns + phase) % period < period * 0.14).astype(np.float32)
    soft = cv2.GaussianBlur(np.repeat(stripes, shape[0], axis=0), (0, 0), 0.8)
    return np.asarray(0.035 * weave - 0.2 * soft, np.float32)


def _steel(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    brushed = soft_noise(rng, shape, (180 * unit, 1.2 * unit))
    sheen = soft_noise(rng, shape, (220 * unit, 400 * unit))
    return np.asarray(0.045 * brushed + 0.09 * sheen, np.float32)


def _mat(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    texture = 0.04 * soft_noise(rng, shape, (2 * unit, 2 * unit))
    for axis, pitch in ((0, 24 * unit), (1, 30 * unit)):
        places = np.arange(shape[axis], dtype=np.float32)
        away = np.abs((places + pitch * 0.4) % pitch - pitch / 2)
        lines = 0.16 * np.exp(-((away / (0.7 * unit)) ** 2))
        texture = texture + (lines[:, None] if axis == 0 else lines[None, :])
    return np.asarray(texture, np.float32)


def _marble(rng: np.random.Generator, shape: tuple[int, int], unit: float) -> Floats:
    clouds = soft_noise(rng, shape, (110 * unit, 70 * unit))
    detail = soft_noise(rng, shape, (26 * unit, 18 * unit))
    veins = np.exp(-(((clouds + 0.4 * detail) / 0.07) ** 2))
    return np.asarray(0.03 * detail - 0.16 * veins, np.float32)


def _add_wall(rng: np.random.Generator, picture: Floats, tone: Colour, unit: float) -> None:
    """Paint an out-of-focus wall with things on it behind the table's far edge."""
    edge = round(rng.uniform(30, 44) * unit)
    width = picture.shape[1]
    wall = np.empty((edge, width, 3), np.float32)
    wall[:] = np.asarray(tone, np.float32) * rng.uniform(0.45, 0.8)
    for _ in range(int(rng.integers(5, 10))):
        left, size = int(rng.integers(0, width)), int(rng.uniform(18, 60) * unit)
        top = int(rng.uniform(-0.2, 0.6) * edge)
        hue = rng.uniform(0.7, 1.3, 3)
        wall[max(0, top) :, left : left + size] = rng.uniform(50, 150) * hue
    picture[:edge] = cv2.GaussianBlur(wall, (0, 0), 6 * unit, borderType=cv2.BORDER_REPLICATE)
    picture[edge - 1 : edge + math.ceil(1.5 * unit)] *= 1.12
    picture[edge + math.ceil(1.5 * unit) : edge + math.ceil(3 * unit)] *= 0.9


def _light(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Return a lamp's pool of light, (h, w, 1), about 0.7..1.1."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    centre = rng.uniform(0.25, 0.75) * shape[1], rng.uniform(0.1, 0.5) * shape[0]
    distance = np.hypot(columns - centre[0], (rows - centre[1]) * 1.3) / shape[1]
    light = 1.1 - rng.uniform(0.3, 0.55) * distance**1.6
    return np.asarray(light[:, :, None], np.float32)
