"""What the scripts that photograph pages share: a browser, and pictures small enough for docs."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Playwright

CHECKOUT = Path(__file__).resolve().parent.parent
IMAGES = CHECKOUT / "docs" / "images"
MOST_BYTES = 300_000
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium(playwright: Playwright) -> Browser:
    """Start the Chromium that is on the PATH."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)


def write_png(path: Path, png: bytes) -> None:
    """Write a picture, with fewer shades where it would be too large for a page of text."""
    for bits in range(8, 3, -1):
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None  # noqa: S101 - Chromium's own picture
        step = 2 ** (8 - bits)
        coarse = np.round(image / step) * step
        data = cv2.imencode(
            ".png", np.minimum(coarse, 255).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9]
        )[1].tobytes()
        if len(data) <= MOST_BYTES:
            path.write_bytes(data)
            print(f"{path.relative_to(CHECKOUT)}: {len(data)} bytes")
            return
    raise SystemExit(f"{path.name} is larger than {MOST_BYTES} bytes")
