"""From the text of an answer to a JSON object: tolerant about how it is written, never inventing.

What is forgiven: a thinking part, code fences and prose around the object, raw line breaks in
strings, trailing commas, an object written as a JSON string, a list around a single object, and
what json-repair can mend in an object that has its end. What is not: a text without an object, and
one that stops before its end, because a mended cut answer looks whole and is not.

Of several objects, the last that passes the check is taken: models first think or quote an
example, then answer. When none passes, the errors are those of the longest one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from three_stage.vlm.errors import AnswerRejected, UnreadableAnswer

T = TypeVar("T")

_ENDLESS_BLANKS = 1000
_TAIL_CHARACTERS = 4000
_REPEATED_TIMES = 4

MAX_ANSWER_CHARACTERS = 4_000_000
"""A longer text is no answer of ours: the largest one has some ten thousand tokens."""

_MOST_REPAIRED_CHARACTERS = 30_000
"""json-repair takes as long as the square of a text: some ten seconds for this much."""

_REPAIRED = "repaired by json-repair"
_THINK_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_THINK_OPEN = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
# An object begins where a key follows the brace; braces in prose mostly do not.
_START = re.compile(r"""\{(?=\s*(?:["'“}]|[\w$]+\s*:|//|/\*))|\[(?=\s*\{)""")
_INSIDE = re.compile(r"""["\\{}\[\]]""")
_STRING_TOKEN = re.compile(r'["\\]')
_COMMA_BEFORE_CLOSER = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_CLOSER_OF = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Candidate:
    """A JSON value found in a text, how long its text is, and what had to be forgiven."""

    value: object
    characters: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Checked(Generic[T]):
    """What a check made of an answer."""

    value: T
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Region:
    """A balanced piece of text, or (``is_open``) one whose end was not found."""

    text: str
    is_open: bool
    in_string: bool


def read_checked(text: str, check: Callable[[object], T]) -> Checked[T]:
    """Read a text and check it: the last object in it that passes.

    Raises UnreadableAnswer when there is no object, AnswerRejected when none passes.
    """
    candidates = read_candidates(text)
    rejections: list[tuple[int, AnswerRejected]] = []
    for candidate in candidates:
        try:
            value = check(candidate.value)
        except AnswerRejected as rejected:
            rejections.append((candidate.characters, rejected))
            continue
        notes = candidate.notes
        if len(candidates) > 1:
            notes += (f"the answer holds {len(candidates)} objects; the last valid one was taken",)
        return Checked(value, notes)
    raise max(rejections, key=lambda pair: pair[0])[1]


def read_candidates(text: str) -> tuple[Candidate, ...]:
    """Return the objects in a text, the last first; repaired ones after the others.

    Raises UnreadableAnswer, with words for the model, when there is none.
    """
    if len(text) > MAX_ANSWER_CHARACTERS:
        raise UnreadableAnswer((f"The answer has {len(text)} characters, far too many.",))
    whole = _whole(text)
    if whole is not None:
        return (whole,)
    errors: list[str] = []
    for part, notes in _parts(text):
        found = _candidates_in(part, notes, errors)
        if found:
            return found
    raise UnreadableAnswer((errors[0],))


def _whole(text: str) -> Candidate | None:
    """Read a text that is nothing but strict JSON, perhaps as a string in JSON."""
    duplicates: list[str] = []
    value = _parse(text, duplicates)
    notes: tuple[str, ...] = ()
    if isinstance(value, str):
        duplicates.clear()
        value = _parse(value, duplicates)
        notes = ("the object was written as a JSON string",)
    return _candidate(value, len(text), notes, duplicates)


def _parts(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield where to look: after the thinking part, then everywhere."""
    ends = list(_THINK_END.finditer(text))
    if ends:
        yield text[ends[-1].end() :], ("a thinking part was dropped",)
        yield text, ("the object was found in the thinking part",)
    elif _THINK_OPEN.match(text.lstrip()) is not None:
        yield text, ("the object was found in a thinking part without an end",)
    else:
        yield text, ()


def _candidates_in(part: str, notes: tuple[str, ...], errors: list[str]) -> tuple[Candidate, ...]:
    """Return the candidates of a part, or add to ``errors`` why there is none."""
    plain: list[Candidate] = []
    repaired: list[Candidate] = []
    error = "The answer is empty." if not part.strip() else "The answer holds no JSON object."
    for region in _regions(part):
        around = () if region.text == part.strip() else ("text around the object was dropped",)
        if not region.is_open:
            candidate = _lenient(region.text, notes + around)
            if candidate is not None:
                plain.append(candidate)
                continue
        if region.is_open and not _only_quotes_are_wrong(region):
            error = "The answer stops before its end: brackets are still open."
            continue
        is_too_long = len(region.text) > _MOST_REPAIRED_CHARACTERS
        candidate = None if is_too_long else _repaired(region.text, notes + around)
        if candidate is not None:
            repaired.append(candidate)
        else:
            error = "The answer is not valid JSON."
    errors.append(error)
    return tuple(reversed(plain)) + tuple(reversed(repaired))


def _regions(text: str) -> Iterator[_Region]:
    """Find the outermost objects and lists of objects, in one pass, brackets in strings aside."""
    position = 0
    while (start := _START.search(text, position)) is not None:
        end, in_string = _end_of(text, start.start())
        if end is None:
            yield _Region(text[start.start() :].strip(), is_open=True, in_string=in_string)
            return
        yield _Region(text[start.start() : end], is_open=False, in_string=False)
        position = end


def _end_of(text: str, start: int) -> tuple[int | None, bool]:
    """Return where the value that starts here ends (None: nowhere), and if a string is open."""
    expected: list[str] = []
    in_string = False
    position = start
    while True:
        token = (_STRING_TOKEN if in_string else _INSIDE).search(text, position)
        if token is None:
            return None, in_string
        character = token.group()
        position = token.end()
        if character == "\\":
            position += 1
        elif character == '"':
            in_string = not in_string
        elif character in _CLOSER_OF:
            expected.append(_CLOSER_OF[character])
        elif character == expected[-1]:
            expected.pop()
            if not expected:
                return position, False


def _only_quotes_are_wrong(region: _Region) -> bool:
    """Tell a whole object with a stray quote from a cut one: it ends as an object does."""
    return region.in_string and re.search(r"[}\]]\s*(?:```\s*)?$", region.text) is not None


def _lenient(text: str, notes: tuple[str, ...]) -> Candidate | None:
    duplicates: list[str] = []
    value = _parse(text, duplicates)
    if value is None:
        duplicates.clear()
        value = _parse(text, duplicates, strict=False)
        notes += ("raw line breaks in strings were accepted",)
    if value is None:
        duplicates.clear()
        value = _parse(_without_trailing_commas(text), duplicates, strict=False)
        notes = (*notes[:-1], "trailing commas were dropped")
    return _candidate(value, len(text), notes, duplicates)


def _repaired(text: str, notes: tuple[str, ...]) -> Candidate | None:
    from json_repair import repair_json  # noqa: PLC0415 - slow to import, rarely needed

    try:
        value = repair_json(text, return_objects=True, skip_json_loads=True)
    except (RecursionError, ValueError):
        return None
    return _candidate(value, len(text), (*notes, _REPAIRED), [])


def _candidate(
    value: object, characters: int, notes: tuple[str, ...], duplicates: list[str]
) -> Candidate | None:
    """Accept an object, or a list with something in it (the check says what it thinks of it)."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0]
        notes += ("a list around the object was dropped",)
    if not isinstance(value, (dict, list)) or (isinstance(value, list) and not value):
        return None
    if duplicates:
        named = ", ".join(sorted(set(duplicates)))
        notes += (f"keys are written twice, the last one counts: {named}",)
    try:
        clean = _without_lone_surrogates(value)
        is_changed = clean != value
    except RecursionError:
        return None
    if is_changed:
        notes += ("characters that are no Unicode text were replaced",)
    return Candidate(clean, characters, notes)


def _parse(text: str, duplicates: list[str], *, strict: bool = True) -> Any:
    """Parse JSON (None when it is not); names of keys that stand twice go to ``duplicates``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            names = [name for name, _ in items]
            duplicates.extend(name for name in result if names.count(name) > 1)
        return result

    try:
        return json.loads(
            text, strict=strict, object_pairs_hook=pairs, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_trailing_commas(text: str) -> str:
    """Drop a comma before a closing bracket, outside strings."""
    return _COMMA_BEFORE_CLOSER.sub(lambda match: match.group(1) or "", text)


def _without_lone_surrogates(value: Any) -> Any:
    """Replace half characters, which no UTF-8 file can hold, by U+FFFD."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value


def printable(text: str) -> str:
    """Return a text that UTF-8 can hold: lone surrogates become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "�", text)


def endless_part(text: str) -> str | None:
    """Say what a cut text goes on with until its end, as of a model that cannot stop; or None."""
    if len(text) - len(text.rstrip()) >= _ENDLESS_BLANKS:
        return "white space"
    tail = text[-_TAIL_CHARACTERS:]
    is_loop = len(tail) == _TAIL_CHARACTERS and _period(tail) * _REPEATED_TIMES <= len(tail)
    return "the same words" if is_loop else None


def _period(text: str) -> int:
    """Return after how many characters a text repeats itself (its length: never).

    Knuth, Morris and Pratt's table of borders: a text of n characters whose longest border has b
    repeats itself every n - b.
    """
    borders = [0] * len(text)
    border = 0
    for place in range(1, len(text)):
        while border and text[place] != text[border]:
            border = borders[border - 1]
        border += text[place] == text[border]
        borders[place] = border
    return len(text) - borders[-1]


def stops_while_thinking(text: str) -> bool:
    """Tell whether a text ends inside its thinking part."""
    is_thinking = _THINK_OPEN.match(text.lstrip()) is not None
    return is_thinking and _THINK_END.search(text) is None
