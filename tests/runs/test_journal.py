"""calls.jsonl: what was paid for is on disk, and what was rejected is not replayed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from schemas.files import CallRecord
from schemas.problems import parse
from tests.schemas import samples
from three_stage.runs import CallJournal, OutputError

ROOT = Path(__file__).parents[2]
OTHER_KEY = "f" * 64


def record(call_id: str, **changes: Any) -> CallRecord:
    value = {**samples.call_record(), "call_id": call_id, "raw_answer": f"answer of {call_id}"}
    return parse(CallRecord, {**value, **changes})


def verdict(call_id: str, *errors: str) -> CallRecord:
    return record(call_id, event="verdict", raw_answer=None, errors=list(errors))


def stored(path: Path, key: str = samples.DIGEST) -> list[str]:
    return [answer.call_id for answer in CallJournal(path).stored_answers(key)]


def test_an_answer_is_found_again_under_its_key(tmp_path: Path) -> None:
    path = tmp_path / "video" / "calls.jsonl"
    journal = CallJournal(path)
    assert journal.stored_answers(samples.DIGEST) == []
    one, two = record("1"), record("2")
    journal.append(one)
    journal.append(record("3", ask_key=OTHER_KEY))
    journal.append(two)
    assert list(journal.stored_answers(samples.DIGEST)) == [one, two]
    assert list(CallJournal(path).stored_answers(samples.DIGEST)) == [one, two]
    assert stored(path, OTHER_KEY) == ["3"]
    assert stored(path, "0" * 64) == []


def test_a_record_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    journal = CallJournal(path)
    for number in range(1, 4):
        journal.append(record(str(number), raw_answer="zwei\nZeilen 切\u2028"))
        lines = path.read_bytes().decode("utf-8").split("\n")
        assert len(lines) == number + 1
        assert lines[-1] == ""
        assert all(CallRecord.model_validate_json(line) for line in lines[:-1])


def test_a_rejected_answer_is_not_replayed(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    journal = CallJournal(path)
    for call_id in ("1", "2", "3"):
        journal.append(record(call_id))
    journal.append(verdict("1", "steps: this key is missing"))
    journal.append(verdict("2"))
    assert [a.call_id for a in journal.stored_answers(samples.DIGEST)] == ["2", "3"]
    assert stored(path) == ["2", "3"]


def test_half_a_character_in_an_answer_does_not_lose_it(tmp_path: Path) -> None:
    """A server that cuts an answer within an emoji sends half of a surrogate pair."""
    path = tmp_path / "calls.jsonl"
    plain = record("1")
    fields = {name: getattr(plain, name) for name in CallRecord.model_fields}
    cut = CallRecord(**{**fields, "raw_answer": '{"a": "cup \ud83d', "errors": ("got \udfff",)})
    CallJournal(path).append(cut)
    (found,) = CallJournal(path).stored_answers(samples.DIGEST)
    assert found.raw_answer == '{"a": "cup \ufffd'
    assert found == cut


def test_a_failure_and_an_answer_without_text_are_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    journal = CallJournal(path)
    journal.append(record("1", event="failure", raw_answer=None, errors=["503"]))
    journal.append(record("2", event="answer", raw_answer=None))
    journal.append(record("3", event="answer", raw_answer=""))
    assert stored(path) == ["3"]


def test_a_line_that_a_kill_cut_is_passed_over_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    CallJournal(path).append(record("1"))
    whole = path.read_bytes()
    for cut in (1, 40, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        journal = CallJournal(path)
        assert [a.call_id for a in journal.stored_answers(samples.DIGEST)] == ["1"] * (
            2 if cut == len(whole) - 1 else 1
        )
        journal.append(record("2"))
        journal.append(record("3"))
        assert stored(path)[-2:] == ["2", "3"]
        assert path.read_bytes().startswith(whole + whole[:cut] + b"\n")
        assert path.read_bytes().count(b"\n\n") == 0


@pytest.mark.parametrize(
    "garbage",
    [b"\n", b"nonsense\n", b"[]\n", b'{"event": "answer"}\n', b"\xff\xfe\x00\n", b"\x00" * 4096,
     b"\r\n", b"null\n", b'"text"\n', b"{" * 100_000 + b"\n"],
)  # fmt: skip
def test_lines_of_others_are_passed_over(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "calls.jsonl"
    line = record("1").model_dump_json().encode() + b"\n"
    path.write_bytes(garbage + (b"" if garbage.endswith(b"\n") else b"\n") + line + garbage)
    assert stored(path) == ["1"]
    CallJournal(path).append(record("2"))
    assert stored(path) == ["1", "2"]


def test_nothing_of_what_was_there_is_ever_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"a line of another program\n")
    CallJournal(path).append(record("1"))
    assert path.read_bytes().startswith(b"a line of another program\n")


def test_a_journal_that_cannot_be_written_says_so_and_goes_on_when_it_can(tmp_path: Path) -> None:
    path = tmp_path / "video" / "calls.jsonl"
    journal = CallJournal(path)
    (tmp_path / "video").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(OutputError, match=r"calls\.jsonl: cannot be written: .*Check the free"):
        journal.append(record("1"))
    assert journal.stored_answers(samples.DIGEST) == []
    (tmp_path / "video").unlink()
    journal.append(record("2"))
    assert stored(path) == ["2"]


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"calls\.jsonl: cannot be read"):
        CallJournal(tmp_path / "calls.jsonl")


def test_threads_may_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    journal = CallJournal(path)

    def append(thread: int) -> None:
        for number in range(10):
            journal.append(record(f"{thread}-{number}", raw_answer="x" * 20_000))

    threads = [threading.Thread(target=append, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored(path)) == sorted(f"{t}-{n}" for t in range(4) for n in range(10))


APPENDER = """
import sys
from pathlib import Path
from tests.runs.test_journal import record
from three_stage.runs import CallJournal
journal = CallJournal(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    journal.append(record(str(number), raw_answer="x" * 50_000))
    print(number, flush=True)
"""


def test_what_was_appended_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    said = 0
    while said < 20:
        said = int(child.stdout.readline())
    child.kill()
    said = max([said, *(int(line) for line in child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    found = stored(path)
    assert found[:said] == [str(number) for number in range(1, said + 1)]
    assert len(found) <= said + 1
