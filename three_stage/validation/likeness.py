"""Whether two pictures show the same frame, as a finding."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.files import CutRecord
from three_stage.validation.codes import Code
from three_stage.validation.similarity import Sketch, block_difference, coarse_ssim, luma_ssim
from three_stage.validation.view import FolderView

SAME_SSIM = 0.9
"""From here on two pictures are taken for the same frame."""

SAME_BLOCKS = 32
"""So many levels (of 255) the mean colour of a block may differ: docs/validator.md, figures."""

COARSE_SSIM = 0.5
"""Of very small pictures: below it, not even a strong compression explains the difference."""

FAITHFUL_CRF = 18
"""Up to this x264 quality (the default) an encoded frame stays within both limits."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, for the finding: the kind of finding, the file, and the other picture.

    ``cut`` is how the clip was made that lies between the two, if one does.
    """

    code: Code
    relpath: str
    other: str
    cut: CutRecord | None = None

    @property
    def is_lossy(self) -> bool:
        """Whether the person let the clip be compressed more strongly than by default."""
        return self.cut is not None and self.cut.mode == "reencode" and self.cut.crf > FAITHFUL_CRF


def are_alike(view: FolderView, what: Comparison, first: Sketch, second: Sketch) -> bool:
    """Compare two pictures by structure and by colour; report a difference, and tell.

    Behind a strong compression they can differ for that reason alone: then only the large things
    count, and the finding is a warning, one a folder.
    """
    structure, colour = luma_ssim(first, second), block_difference(first, second)
    if structure >= SAME_SSIM and colour <= SAME_BLOCKS:
        return True
    text = (
        f"differs from {what.other}: SSIM {structure:.3f} (at least {SAME_SSIM}), "
        f"largest difference of a block {colour} of 255 (at most {SAME_BLOCKS})"
    )
    if not (what.is_lossy and coarse_ssim(first, second) >= COARSE_SSIM):
        view.findings.add(what.code, what.relpath, text)
    elif not view.findings.has(Code.PICTURE_LOSS):
        view.findings.add(Code.PICTURE_LOSS, what.relpath, f"{text}; others may differ too")
    return False
