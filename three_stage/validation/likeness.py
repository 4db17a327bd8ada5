"""Whether two pictures show the same, as a finding."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.files import CutRecord
from three_stage.validation.codes import Code
from three_stage.validation.similarity import SAME_SSIM, Image, coarse_likeness, likeness
from three_stage.validation.view import FolderView

COARSE_SSIM = 0.5
"""Of very small pictures: below it, not even a strong compression explains the difference."""

FAITHFUL_CRF = 18
"""Up to this x264 quality (the default) an encoded frame keeps an SSIM of 0.9 with its source."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, for the finding: the file, the kind of finding, and the other picture."""

    code: Code
    relpath: str
    other: str


def check_alike(
    view: FolderView, what: Comparison, first: Image, second: Image, cut: CutRecord | None
) -> None:
    """Compare at the size of ``second``; ``cut`` is given when an encoded clip lies between them.

    A clip that the person let be compressed strongly can differ for that reason alone: then only
    the large things are compared, and the finding is a warning.
    """
    found = likeness(first, second)
    if found >= SAME_SSIM:
        return
    text = f"SSIM {found:.3f} with {what.other}, less than {SAME_SSIM}"
    is_lossy = cut is not None and cut.mode == "reencode" and cut.crf > FAITHFUL_CRF
    if is_lossy and coarse_likeness(first, second) >= COARSE_SSIM:
        view.findings.add(Code.PICTURE_LOSS, what.relpath, text)
    else:
        view.findings.add(what.code, what.relpath, text)
