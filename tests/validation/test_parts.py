"""The pieces that decide: how alike pictures are, what is a whole picture, what is plain JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.publish import FILES
from tests.schemas import samples
from three_stage.validation.codes import Code
from three_stage.validation.pictures import declared_size, decode_jpeg
from three_stage.validation.report import (
    MOST_LINES_A_CODE,
    Findings,
    folder_document,
    root_document,
)
from three_stage.validation.similarity import (
    Canvas,
    Image,
    block_difference,
    fitted,
    luma_ssim,
    padded,
    sketch,
    ssim,
)
from three_stage.validation.strict_json import StrictJsonError, parse_strict
from three_stage.validation.view import leads_outside, published_schema_problems, read_object

HONEST: dict[str, Callable[[], Any]] = {
    "draft_plan": samples.draft_plan,
    "localization_raw": samples.localization,
    "step_final": samples.refined_step,
    "causal_plan_with_keyframes": samples.causal_plan,
    "frame_manifest": samples.manifest,
    "step_segments": samples.step_segments,
    "step_meta": samples.step_meta,
    "run_summary": samples.run_summary,
    "call_record": samples.call_record,
    "run_record": samples.run_record,
}


def scene(x: int = 40, color: tuple[int, int, int] = (30, 200, 220)) -> Image:
    """A plain picture of 160 x 120 px with a disc in it, and some texture."""
    rng = np.random.default_rng(7)
    image = cv2.resize(rng.integers(60, 140, (12, 16, 3), dtype=np.uint8), (160, 120))
    return np.asarray(cv2.circle(np.ascontiguousarray(image), (x, 60), 12, color, -1), np.uint8)


def jpeg(image: Image, quality: int = 90) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


# SSIM


def ssim_by_definition(x: Image, y: Image) -> float:
    """Eq. 13 of the paper, window by window."""
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a = x[top : top + 11, left : left + 11].astype(float)
            b = y[top : top + 11, left : left + 11].astype(float)
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            variance_a = (weights * (a - mean_a) ** 2).sum()
            variance_b = (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + c1)
                * (2 * covariance + c2)
                / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
            )
    return float(np.mean(values))


@pytest.mark.parametrize("seed", range(3))
def test_ssim_is_that_of_the_paper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, (17, 23), dtype=np.uint8)
    noise = rng.integers(-40, 41, first.shape)
    second = np.clip(first.astype(int) + noise, 0, 255).astype(np.uint8)
    assert ssim(first, second) == pytest.approx(ssim_by_definition(first, second), abs=1e-9)


def test_ssim_of_plain_pictures_is_its_luminance_term() -> None:
    dark, bright = np.full((30, 30), 50, np.uint8), np.full((30, 30), 200, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 50 * 200 + c1) / (50**2 + 200**2 + c1)
    assert ssim(dark, bright) == pytest.approx(expected)
    assert ssim(dark, dark) == pytest.approx(1.0)


def test_ssim_is_symmetric_bounded_and_works_on_tiny_pictures() -> None:
    first, second = scene(40), scene(120)
    assert ssim(first, second) == pytest.approx(ssim(second, first))
    assert -1 <= ssim(first, 255 - first) < 0.5
    assert ssim(first[:1, :1], first[:1, :1]) == pytest.approx(1.0)


def test_ssim_refuses_pictures_of_two_sizes() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        ssim(scene(), scene()[:-1])


CANVAS = Canvas.of(160, 120, 256)


def test_compression_keeps_a_sketch_and_another_place_or_colour_does_not() -> None:
    original = sketch(scene(40), CANVAS)
    compressed = decode_jpeg(jpeg(scene(40), 60))
    assert compressed is not None
    same = sketch(compressed, CANVAS)
    assert luma_ssim(original, same) > 0.9
    assert block_difference(original, same) < 20
    assert block_difference(original, sketch(scene(46), CANVAS)) > 32
    assert block_difference(original, sketch(scene(color=(220, 200, 30)), CANVAS)) > 32


def test_sketches_of_two_sizes_of_one_picture_are_alike() -> None:
    small = fitted(scene(), 80, 60)
    first, second = sketch(scene(), CANVAS), sketch(small, CANVAS)
    assert luma_ssim(first, second) > 0.9
    assert block_difference(first, second) < 20


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), longest=st.integers(1, 300))
def test_a_canvas_fits_and_has_blocks_of_8_pixels_at_least(
    width: int, height: int, longest: int
) -> None:
    canvas = Canvas.of(width, height, longest)
    across, down = canvas.blocks
    assert 1 <= max(canvas.width_px, canvas.height_px) <= max(longest, 1)
    assert 1 <= min(across, down) <= max(across, down) <= 32
    assert max(across, down) * 8 <= max(canvas.width_px, canvas.height_px, 8)


def test_only_the_line_that_makes_odd_sides_even_is_padded() -> None:
    odd = scene()[:119, :159]
    assert padded(odd, 160, 120).shape == (120, 160, 3)
    assert (padded(odd, 160, 120)[119] == 0).all()
    assert padded(odd, 200, 120) is odd


# Pictures


@given(width=st.integers(1, 70), height=st.integers(1, 70))
def test_the_size_in_a_jpegs_header_is_that_of_its_picture(width: int, height: int) -> None:
    data = jpeg(np.zeros((height, width, 3), np.uint8))
    assert declared_size(data) == (width, height)


def test_a_header_that_declares_a_huge_picture_is_read_without_decoding() -> None:
    data = bytearray(jpeg(scene()))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", 65000, 64000)
    assert declared_size(bytes(data)) == (64000, 65000)


@given(data=st.binary(max_size=200))
def test_rubbish_declares_no_size_or_some_but_never_fails(data: bytes) -> None:
    size = declared_size(b"\xff\xd8\xff" + data)
    assert size is None or min(size) > 0
    assert decode_jpeg(data) is None


# JSON

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(value=json_values, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_plain_json_is_read_as_every_reader_reads_it(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert parse_strict(data) == value


@given(data=st.binary(max_size=300))
def test_any_bytes_are_json_or_a_clear_refusal(data: bytes) -> None:
    findings = Findings()
    if read_object(data, FILES["step_meta"], "step_meta", findings, "a.json") is None:
        (line, *_) = findings.report(Path("x"), "x").errors
        assert line.startswith(("E-JSON-", "E-SCHEMA"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NaN", Code.JSON_NUMBER),
        ("[-Infinity]", Code.JSON_NUMBER),
        ("1e400", Code.JSON_NUMBER),
        ("9007199254740993", Code.JSON_NUMBER),
        ("9" * 5000, Code.JSON_NUMBER),
        ("[" * 33 + "]" * 33, Code.JSON_DEPTH),
        ("[" * 100_000, Code.JSON_DEPTH),
        ('{"a": 1, "a": 1}', Code.JSON_DUPLICATE),
        ("", Code.JSON_SYNTAX),
        ('{"a": ', Code.JSON_SYNTAX),
        ("{'a': 1}", Code.JSON_SYNTAX),
        ("\ufeff{}", Code.JSON_ENCODING),
    ],
)
def test_what_not_every_reader_reads_alike_is_refused(text: str, code: Code) -> None:
    with pytest.raises(StrictJsonError) as caught:
        parse_strict(text.encode())
    assert caught.value.code is code


def test_brackets_in_strings_are_no_depth() -> None:
    assert parse_strict(json.dumps(["[" * 100, '\\"[{' * 50]).encode()) is not None


def codes_of(findings: Findings) -> set[str]:
    report = findings.report(Path("x"), "x")
    return {line.split()[0] for line in (*report.errors, *report.warnings)}


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_honest_object_of_every_file_passes_both_schemas(name: str) -> None:
    findings = Findings()
    data = json.dumps(HONEST[name]()).encode()
    assert read_object(data, FILES[name], name, findings, "a.json") is not None
    assert codes_of(findings) <= {"W-DEFAULT"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_both_schemas_refuse_the_same_spoilt_objects(name: str) -> None:
    """The published JSON Schema alone and pydantic alone, on every leaf retyped or deleted."""
    honest = HONEST[name]()
    for path in leaves(honest):
        for spoilt in (without(honest, path), retyped(honest, path)):
            findings = Findings()
            parsed = read_object(json.dumps(spoilt).encode(), FILES[name], name, findings, "a.json")
            published = published_schema_problems(name, spoilt)
            assert (parsed is None) == bool(published), (path, published, codes_of(findings))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for key, item in value.items() for p in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [p for i, item in enumerate(value[:1]) for p in leaves(item, (*path, i))]
    return [path]


def changed(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    copied = json.loads(json.dumps(value))
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return copied


def without(value: Any, path: tuple[Any, ...]) -> Any:
    return changed(value, path, lambda inner, key: inner.pop(key))


def retyped(value: Any, path: tuple[Any, ...]) -> Any:
    return changed(value, path, lambda inner, key: inner.__setitem__(key, [inner[key]]))


def test_a_name_is_stored_in_its_normal_form_and_a_default_is_said() -> None:
    findings = Findings()
    step = HONEST["step_final"]()
    step["causal_chain"]["agent"] = "Right Hand"
    for frame in step["critical_frames"]:
        frame["causal_chain"]["agent"] = "right_hand"
    read_object(json.dumps(step).encode(), FILES["step_final"], "step_final", findings, "a.json")
    report = findings.report(Path("x"), "x")
    assert len(report.errors) == 1
    assert report.errors[0].startswith("E-FORM a.json: causal_chain.agent: must be stored as")
    summary = HONEST["run_summary"]()
    summary.pop("generations", None)
    read_object(
        json.dumps(summary).encode(), FILES["run_summary"], "run_summary", findings, "b.json"
    )
    assert any("generations" in line for line in findings.report(Path("x"), "x").warnings)


# Paths in JSON files


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "\\\\host\\share", "C:/a", "c:a", "../../../x", "../..", "a/../../../x",
     "a\\..\\..\\..\\x"],
)  # fmt: skip
def test_a_path_that_leaves_the_folder_on_any_system_is_noticed(path: str) -> None:
    assert leads_outside(Path("/out/video"), Path("/out/video/stage2"), path)


@pytest.mark.parametrize("path", ["a.mp4", "../stage1/a.jpg", "step_clips/a.mp4", "../x/../y"])
def test_a_path_that_stays_inside_is_not(path: str) -> None:
    assert not leads_outside(Path("/out/video"), Path("/out/video/stage2"), path)


# The report


def test_every_finding_is_one_line_with_code_path_message_and_hint() -> None:
    findings = Findings()
    findings.add(Code.SCHEMA, "a\nb\udc80.json", "x: bad \x1b[31m value\u2028", hint="Do this.")
    assert findings.report(Path("f"), "f").errors == (
        "E-SCHEMA a\\nb\\udc80.json: x: bad \\x1b[31m value\\u2028. Do this.",
    )


def test_long_messages_and_endless_lists_are_cut() -> None:
    findings = Findings()
    for number in range(MOST_LINES_A_CODE + 7):
        findings.add(Code.LAYOUT_MISSING, f"{number}.jpg", "x" * 10_000)
    errors = findings.report(Path("f"), "f").errors
    assert len(errors) == MOST_LINES_A_CODE + 1
    assert "7 more of this kind" in errors[-1]
    assert max(map(len, errors)) < 1000


def test_the_same_finding_is_said_once() -> None:
    findings = Findings()
    findings.add(Code.LAYOUT_MISSING, "a", "is missing")
    findings.add(Code.LAYOUT_MISSING, "a", "is missing")
    assert len(findings.report(Path("f"), "f").errors) == 1


def test_the_report_documents_have_exactly_their_fields() -> None:
    findings = Findings()
    findings.add(Code.LAYOUT_SYSTEM, "a", "is there")
    good = findings.report(Path("out/a"), "a")
    findings.add(Code.LAYOUT_MISSING, "a", "is missing")
    bad = findings.report(Path("out/b\udc80"), "b\udc80")
    assert folder_document(good) == {
        "mode": "video_output_dir", "video_out": str(Path("out/a")), "ok": True, "errors": [],
        "warnings": list(good.warnings),
    }  # fmt: skip
    document = root_document(Path("out"), [good, bad])
    assert json.loads(json.dumps(document, ensure_ascii=False).encode()) == document
    assert {k: v for k, v in document.items() if k != "results"} == {
        "mode": "output_root", "output_root": "out", "checked_count": 2, "passed_count": 1,
        "failed_count": 1,
    }  # fmt: skip
    assert [set(result) for result in document["results"]] == [
        {"video_out", "video_id", "ok", "errors", "warnings"}
    ] * 2
    assert [result["ok"] for result in document["results"]] == [True, False]


def test_codes_are_different_and_each_tells_what_it_means() -> None:
    assert len({code.code for code in Code}) == len(Code)
    for code in Code:
        assert code.code.startswith(("E-", "W-"))
        assert code.meaning.endswith(".")
        assert code.hint.endswith(".")
        assert code.is_error == code.code.startswith("E-")


def test_every_code_is_in_the_docs_with_its_meaning() -> None:
    page = (Path(__file__).parents[2] / "docs" / "validator.md").read_text(encoding="utf-8")
    for code in Code:
        assert f"| `{code.code}` | {code.meaning} |" in page, code.code
