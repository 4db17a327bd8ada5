"""What decides how a clip is cut: the one formula that makes the keys and checks them."""

from __future__ import annotations

from schemas.files import CutRecord
from three_stage.runs.digests import digest_of


def cut_inputs(cut: CutRecord) -> dict[str, str]:
    """Return what decides how every clip is cut; a copy is not encoded."""
    encoding = {"crf": str(cut.crf), "preset": cut.preset}
    return {
        "cut mode": cut.mode,
        "audio": str(cut.keep_audio),
        **(encoding if cut.mode == "reencode" else {}),
    }


def clip_key(
    cut: CutRecord, fingerprint: str, generation: int, start_sec: float, end_sec: float
) -> str:
    """Return the key of one clip: the source, the range (its seconds) and how it is cut."""
    return digest_of([fingerprint, generation, start_sec, end_sec, cut_inputs(cut)])
