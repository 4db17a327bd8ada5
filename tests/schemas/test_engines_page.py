"""The page about engines: what it counts, and what it says of a keyword."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.engines import Met, meet, probes, verdict
from schemas.portable import FRAGILE
from tests.schemas.engines import Engine, Llguidance, OutlinesCore, version_of

PROBES = {probe.keyword: probe for probe in probes()}


def engine(package: str) -> Engine:
    found: dict[str, Any] = {"llguidance": Llguidance(), "outlines-core": OutlinesCore()}
    if version_of(found[package]) is None:
        pytest.skip(f"no {package} for this system")
    return found[package]  # type: ignore[no-any-return]


@pytest.mark.parametrize("package", ["llguidance", "outlines-core"])
def test_an_engine_that_judges_everything_right_gets_full_marks(package: str) -> None:
    met = meet(engine(package), "localization")
    assert met == Met(
        compile_ms=met.compile_ms, valid=51, valid_accepted=51, spoilt=met.spoilt,
        spoilt_refused=met.spoilt, refused_at_the_place=met.spoilt, cut=met.cut,
        cut_not_ended=met.cut,
    )  # fmt: skip
    assert met.spoilt > 30
    assert met.cut > 10


@pytest.mark.parametrize(
    ("package", "keyword", "said"),
    [
        ("llguidance", "minItems", "holds"),
        ("llguidance", "uniqueItems", "refuses"),
        ("outlines-core", "uniqueItems", "ignores"),
        ("outlines-core", "allOf", "breaks"),
    ],
)
def test_a_keyword_is_held_refused_ignored_or_broken(package: str, keyword: str, said: str) -> None:
    assert verdict(engine(package), PROBES[keyword]) == said


def test_every_probe_is_of_a_keyword_that_is_kept_out() -> None:
    """A probe may combine two: "pattern with a length"."""
    assert {keyword.partition(" ")[0].partition("/")[0] for keyword in PROBES} <= set(FRAGILE)
