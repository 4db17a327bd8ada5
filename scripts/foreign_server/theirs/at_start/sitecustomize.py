"""Lets torchvision be used beside a torch that its compiled half does not fit.

PyPI's torchvision for Linux is built for CUDA; beside a CPU build of torch its libraries do not
load. The import then fails at two operators that nobody calls here: naming them is enough. Pictures
are decoded by Pillow instead. Python runs this file at its start where this folder is on
PYTHONPATH; so every process of a server does, and nothing else. Where torchvision works, or is not
there, nothing happens.
"""

from __future__ import annotations

import importlib
import io
from typing import Any

NAMED = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def _decode_image(data: Any, *_mode: Any, **_options: Any) -> Any:
    """Decode the bytes in a tensor to a tensor (3, height, width) of RGB, as torchvision does."""
    numpy = importlib.import_module("numpy")
    picture = importlib.import_module("PIL.Image").open(io.BytesIO(bytes(data.numpy())))
    pixels = numpy.array(picture.convert("RGB"))
    return importlib.import_module("torch").from_numpy(pixels).permute(2, 0, 1).contiguous()


def _mend() -> Any:
    """Return what must stay alive, or None where nothing is to mend."""
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return None
    except RuntimeError:
        library = importlib.import_module("torch").library.Library("torchvision", "DEF")
        for signature in NAMED:
            library.define(signature)
        vars(importlib.import_module("torchvision.io"))["decode_image"] = _decode_image
        return library
    return None


kept = _mend()
