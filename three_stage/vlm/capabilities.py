"""What the endpoint can do, learnt from what it refuses and remembered for the run.

The ladder of structured output is json_schema → json_object → prompt. A refusal counts only after
the same request got an answer without the refused feature: an endpoint that refuses every request
for another reason teaches nothing. A refusal of a feature that already worked for another schema
counts for that schema only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from loguru import logger

Mode = Literal["json_schema", "json_object", "prompt"]
Feature = Literal[
    "json_schema", "json_object", "tokens_field", "temperature", "frame_rate", "stream_options"
]
TokensField = Literal["max_tokens", "max_completion_tokens"]

LADDER: tuple[Mode, ...] = ("json_schema", "json_object", "prompt")
_OTHER_FIELD: Mapping[TokensField, TokensField] = MappingProxyType(
    {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
)
_NO_FEATURES: frozenset[Feature] = frozenset()


@dataclass(frozen=True, kw_only=True)
class WireOptions:
    """How a request is put: its structured mode, and whether the schema stands in the text too.

    ``sends_frame_rate`` is about the hint beside a video: servers that refuse it look into the
    video, which says the same. ``sends_stream_options`` is about the wish, in a stream only, to be
    told what was used.
    """

    mode: Mode
    shows_schema: bool
    tokens_field: TokensField
    sends_temperature: bool
    sends_frame_rate: bool = True
    sends_stream_options: bool = True


class Capabilities:
    """The memory of one endpoint and model; ``structured_mode`` other than auto pins the mode."""

    def __init__(self, structured_mode: str, tokens_field: TokensField) -> None:
        self._pinned = None if structured_mode == "auto" else cast("Mode", structured_mode)
        self._tokens_field = tokens_field
        self._refused: frozenset[Feature] = _NO_FEATURES
        self._refused_for: dict[str, frozenset[Feature]] = {}
        self._worked: set[Mode] = set()
        self._ignores_schema = False

    @property
    def refused(self) -> frozenset[Feature]:
        """What the endpoint was seen to refuse, whatever the schema."""
        return self._refused

    def options(
        self, schema_name: str, refused: frozenset[Feature] = _NO_FEATURES
    ) -> WireOptions | None:
        """Return how to ask with this schema without the refused features; None: no way is left."""
        refused |= self._refused | self._refused_for.get(schema_name, _NO_FEATURES)
        rungs = LADDER if self._pinned is None else (self._pinned,)
        mode = next((rung for rung in rungs if rung not in refused), None)
        if mode is None:
            return None
        swapped = "tokens_field" in refused
        return WireOptions(
            mode=mode,
            shows_schema=mode != "json_schema" or self._ignores_schema,
            tokens_field=_OTHER_FIELD[self._tokens_field] if swapped else self._tokens_field,
            sends_temperature="temperature" not in refused,
            sends_frame_rate="frame_rate" not in refused,
            sends_stream_options="stream_options" not in refused,
        )

    def worked(self, schema_name: str, mode: Mode, refused: frozenset[Feature]) -> None:
        """Remember that a request got an answer in this mode, without the refused features."""
        for feature in refused - self._refused - self._refused_for.get(schema_name, _NO_FEATURES):
            if feature in self._worked:
                known = self._refused_for.get(schema_name, _NO_FEATURES)
                self._refused_for[schema_name] = known | {feature}
                said = self._said(feature)
                logger.info("The endpoint refuses {} for the schema {}.", said, schema_name)
            else:
                self._refused |= {feature}
                logger.info(
                    "The endpoint refuses {}; this run goes on without.", self._said(feature)
                )
        self._worked.add(mode)

    def _said(self, feature: Feature) -> str:
        """Name a feature as a person knows it."""
        names = {"tokens_field": self._tokens_field, "frame_rate": "a frame rate beside a video"}
        return names.get(feature, feature)

    def schema_was_ignored(self) -> None:
        """Remember that a server took the schema and did not follow it: show it in the text too."""
        if not self._ignores_schema:
            self._ignores_schema = True
            logger.info("The endpoint took a JSON Schema and ignored it; the text shows it now.")
