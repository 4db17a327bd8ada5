"""What identifies a source, a file and the inputs of an answer."""

from __future__ import annotations

import hashlib
import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from three_stage.runs import changed_inputs, digest_of, file_sha256, identify_source
from three_stage.runs.digests import fingerprint_offsets

BLOCK = 64 * 1024


def fingerprint_by_hand(data: bytes) -> str:
    """SHA-256 over the size and sixteen 64-KiB blocks evenly spaced, first and last included."""
    if len(data) <= 16 * BLOCK:
        seen = data
    else:
        spacing = (len(data) - BLOCK) / 15
        seen = b"".join(data[int(spacing * i + 1e-6) :][:BLOCK] for i in range(16))
    return hashlib.sha256(str(len(data)).encode("ascii") + seen).hexdigest()


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 16 * BLOCK - 1, 16 * BLOCK, 16 * BLOCK + 1,
             17 * BLOCK, 5_000_123]
)  # fmt: skip
def test_the_fingerprint_is_the_one_of_the_specification(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    path = tmp_path / "视频.mp4"
    path.write_bytes(data)
    source = identify_source(path)
    assert source.fingerprint == fingerprint_by_hand(data)
    assert source.size_bytes == size
    assert source.path == path


@pytest.mark.parametrize("position", [0, BLOCK - 1, -1, -BLOCK])
def test_a_changed_beginning_or_end_changes_the_fingerprint(tmp_path: Path, position: int) -> None:
    path = tmp_path / "a.mp4"
    data = bytearray(3_000_000)
    path.write_bytes(data)
    before = identify_source(path).fingerprint
    data[position] = 1
    path.write_bytes(data)
    assert identify_source(path).fingerprint != before


def test_one_more_byte_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    prints = set()
    for size in (100, 101, 2_000_000, 2_000_001):
        path.write_bytes(bytes(size))
        prints.add(identify_source(path).fingerprint)
    assert len(prints) == 4


@given(st.integers(16 * BLOCK + 1, 10**13))
def test_blocks_are_evenly_spaced_from_the_first_to_the_last(size: int) -> None:
    offsets = fingerprint_offsets(size)
    assert len(offsets) == 16
    assert offsets[0] == 0
    assert offsets[-1] == size - BLOCK
    gaps = {b - a for a, b in itertools.pairwise(offsets)}
    assert max(gaps) - min(gaps) <= 1
    assert min(gaps) > 0


def test_the_path_of_a_source_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert identify_source(Path("a.mp4")).path == Path.cwd() / "a.mp4"


def test_a_source_that_cannot_be_read_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        identify_source(tmp_path / "absent.mp4")
    with pytest.raises(OSError, match=r"."):
        identify_source(tmp_path)


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(300_000)
    (tmp_path / "a").write_bytes(data)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_the_digest_of_a_value_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"b": "é", "a": [1, 2.5, None]}) == digest_of({"a": [1, 2.5, None], "b": "é"})
    expected = hashlib.sha256('{"a":[1,2.5,null],"b":"é"}'.encode()).hexdigest()
    assert digest_of({"b": "é", "a": [1, 2.5, None]}) == expected
    assert digest_of([1, 2]) != digest_of([2, 1])
    assert digest_of("1") != digest_of(1)
    assert digest_of("half a character \ud83d") != digest_of("half a character \ud83e")


def test_changed_inputs_are_named_in_the_order_of_now() -> None:
    recorded = {"prompt": "1", "model": "2", "gone": "3"}
    assert changed_inputs(recorded, {"new": "9", "model": "x", "prompt": "1"}) == [
        "new", "model", "gone",
    ]  # fmt: skip
    assert changed_inputs(recorded, dict(recorded)) == []
    assert changed_inputs({}, {}) == []
