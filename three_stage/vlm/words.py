"""What this room itself says to a model, as templates: re-asks, and what a request cannot carry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Words:
    """Templates for ``str.format``; the caller may bring his own.

    ``errors``: one error a line. ``schema``: the JSON Schema as text. ``labels``: the pictures'
    labels in order. ``picture_count``: how many pictures there are.
    """

    reask: str = (
        "Your answer breaks these rules:\n{errors}\n\n"
        "Answer again with the whole corrected JSON object, and nothing else."
    )
    reask_shorter: str = (
        "Your answer was cut before its end because it was too long. "
        "Answer again with the whole JSON object and nothing else, "
        "with shorter texts and without needless white space."
    )
    schema: str = (
        "Answer with one JSON object, and nothing else, that follows this JSON Schema:\n{schema}"
    )
    video: str = (
        "The {picture_count} pictures are sent as one video that shows one picture a second: "
        "picture 1 is shown at second 0, picture 2 at second 1, and so on."
    )
    frame_list: str = "The {picture_count} pictures are sent as one list of video frames, in order."
    labels: str = "The names of the pictures, in order: {labels}."
