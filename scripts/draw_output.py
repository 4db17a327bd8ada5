"""Draws what a run made of a video: ``python scripts/draw_output.py FOLDER PICTURE``.

FOLDER is ``<output root>/<video_id>``. The picture shows the steps on the video's timeline and,
below, each step's two key frames with their times. OpenCV's font knows ASCII alone: other letters
are drawn as question marks.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

WIDTH_PX, MARGIN_PX, BAR_PX, FRAME_WIDTH_PX = 1280, 24, 44, 300
COLORS = (
    (180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214),
    (189, 103, 148), (75, 86, 140), (194, 119, 227), (127, 127, 127),
)  # fmt: skip
INK, PAPER, GREY, WHITE = (40, 40, 40), 255, (120, 120, 120), (255, 255, 255)


def draw(folder: Path) -> Image:
    """Return the picture of one video's folder, BGR. Raises OSError and ValueError for bad ones."""
    plan = _read(folder / "causal_plan_with_keyframes.json")
    segments = _read(folder / "stage2" / "step_segments.json")["segments"]
    duration_sec = _read(folder / "stage1" / "frame_manifest.json")["video"]["duration_sec"]
    header = _header(folder.name, plan["high_level_goal"])
    cells = [_cell(folder, step, COLORS[i % len(COLORS)]) for i, step in enumerate(plan["steps"])]
    rows = [header, _timeline(segments, duration_sec)]
    for start in range(0, len(cells), 2):
        pair = cells[start : start + 2]
        pair += [np.full_like(cells[0], PAPER)] * (2 - len(pair))
        height = max(cell.shape[0] for cell in pair)
        row = np.hstack([_padded(cell, height, WIDTH_PX // 2) for cell in pair])
        rows.append(row)
    return np.vstack(rows)


def _header(name: str, goal: str) -> Image:
    image = np.full((84, WIDTH_PX, 3), PAPER, np.uint8)
    _text(image, name, (MARGIN_PX, 36), 0.8, INK, 2)
    _text(image, goal, (MARGIN_PX, 68), 0.5, GREY, 1)
    return image


def _timeline(segments: list[dict[str, Any]], duration_sec: float) -> Image:
    image = np.full((BAR_PX + 40, WIDTH_PX, 3), PAPER, np.uint8)
    span_px = WIDTH_PX - 2 * MARGIN_PX
    for i, segment in enumerate(segments):
        left = MARGIN_PX + round(span_px * segment["start_sec"] / duration_sec)
        right = MARGIN_PX + round(span_px * segment["end_sec"] / duration_sec)
        cv2.rectangle(image, (left, 0), (right - 2, BAR_PX), COLORS[i % len(COLORS)], -1)
        _text(image, str(segment["step_id"]), (left + 10, 30), 0.7, (255, 255, 255), 2)
        _text(image, f"{segment['start_sec']:.1f} s", (left, BAR_PX + 20), 0.45, GREY, 1)
    return image


def _cell(folder: Path, step: dict[str, Any], color: tuple[int, int, int]) -> Image:
    step_folder = next(
        path for path in folder.iterdir() if path.name.startswith(f"{step['step_id']:02d}_")
    )
    frames = sorted(step_folder.glob("frame_*_ts_*s.jpg"))
    pictures = []
    for path in frames:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if decoded is None:
            raise ValueError(f"{path} is no picture")
        height = round(decoded.shape[0] * FRAME_WIDTH_PX / decoded.shape[1])
        small: Image = cv2.resize(  # type: ignore[assignment]  # resizing keeps the type of pixels
            decoded, (FRAME_WIDTH_PX, height), interpolation=cv2.INTER_AREA
        )
        time_sec = re.search(r"_ts_([0-9.]+)s", path.name)
        _text(small, f"{time_sec[1]} s" if time_sec else "", (8, height - 10), 0.5, WHITE, 1)
        pictures.append(small)
    strip = np.hstack(
        [pictures[0], np.full((pictures[0].shape[0], 8, 3), PAPER, np.uint8), *pictures[1:]]
    )
    image = np.full((strip.shape[0] + 54, WIDTH_PX // 2, 3), PAPER, np.uint8)
    cv2.rectangle(image, (8, 8), (16, image.shape[0] - 12), color, -1)
    _text(image, f"{step['step_id']}. {step['step_goal']}", (MARGIN_PX, 26), 0.5, INK, 1)
    image[38 : 38 + strip.shape[0], MARGIN_PX : MARGIN_PX + strip.shape[1]] = strip
    return image


def _text(
    image: Image,
    text: str,
    at: tuple[int, int],
    scale: float,
    color: tuple[int, int, int],
    bold: int,
) -> None:
    if color == WHITE:
        cv2.putText(
            image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), bold + 3, cv2.LINE_AA
        )
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, color, bold, cv2.LINE_AA)


def _padded(image: Image, height_px: int, width_px: int) -> Image:
    padded = np.full((height_px, width_px, 3), PAPER, np.uint8)
    padded[: image.shape[0], : min(width_px, image.shape[1])] = image[:, :width_px]
    return padded


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    """Draw the folder of the first argument into the file of the second."""
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    folder, picture = Path(sys.argv[1]), Path(sys.argv[2])
    done, encoded = cv2.imencode(picture.suffix, draw(folder), [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        print(f"{picture}: OpenCV cannot write such a picture; use .jpg or .png")
        return 1
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(encoded.tobytes())
    print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
