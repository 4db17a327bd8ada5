"""A good folder passes; each way to spoil it is found, under the code that says what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.support.drawn import drawn
from tests.support.finished_folder import make_finished_folder, restamp
from tests.validation.mutations import ALL, Mutation
from three_stage.validation import FolderReport, validate_folder


def codes(report: FolderReport) -> set[str]:
    return {line.split(" ", maxsplit=1)[0] for line in (*report.errors, *report.warnings)}


def test_a_finished_folder_is_good(finished: Path) -> None:
    report = validate_folder(finished)
    assert (report.errors, report.warnings) == ((), ())
    assert report.ok
    assert report.video_id == finished.name


def test_a_copy_elsewhere_is_good_too(folder: Path) -> None:
    assert validate_folder(folder).errors == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "warnings"),
    [
        (("--cut-mode", "copy"), set()),
        (("--crf", "51"), {"W-PICTURE-LOSS"}),
        (("--frame-max-side", "96", "--jpeg-quality", "60"), set()),
        (("--pool-mode", "keyframe", "--keep-audio"), set()),
    ],
)
def test_folders_made_with_other_options_are_good(
    tmp_path: Path, options: tuple[str, ...], warnings: set[str]
) -> None:
    report = validate_folder(make_finished_folder(tmp_path, *options))
    assert report.errors == ()
    assert codes(report) - {"W-DRAFT-ADVICE"} == warnings


def first_of_each(mutations: Sequence[Mutation], key: Callable[[Mutation], str]) -> list[Mutation]:
    """Return the first mutation of each key, in their order."""
    found: dict[str, Mutation] = {}
    for mutation in mutations:
        found.setdefault(key(mutation), mutation)
    return list(found.values())


def area(mutation: Mutation) -> str:
    """Return what a code is about: E-JSON-DEPTH is about JSON."""
    return mutation.code.split("-")[1]


def cases() -> list[ParameterSet]:
    """The first mutation of each area always; that of each other code, and more, with the slow."""
    fast = first_of_each(ALL, area)
    of_codes = [m for m in first_of_each(ALL, lambda m: m.code) if m not in fast]
    rest = [m for m in ALL if m not in fast and m not in of_codes]
    return [
        *(pytest.param(mutation, id=mutation.name) for mutation in fast),
        *(
            pytest.param(mutation, id=mutation.name, marks=pytest.mark.slow)
            for mutation in (*of_codes, *drawn(rest, 12))
        ),
    ]


@pytest.mark.parametrize("mutation", cases())
def test_a_spoilt_folder_is_found_out(folder: Path, mutation: Mutation) -> None:
    try:
        mutation.spoil(folder)
    except (OSError, NotImplementedError):
        pytest.skip("this system cannot make such a folder")
    if mutation.forged:
        restamp(folder)
    report = validate_folder(folder)
    assert mutation.code in codes(report), (report.errors, report.warnings)
    assert "E-CHECK-STOPPED" not in codes(report), report.errors
    assert report.ok == (not report.errors)
    for line in (*report.errors, *report.warnings):
        assert "\n" not in line
        assert line.endswith((".", "?", "!"))
