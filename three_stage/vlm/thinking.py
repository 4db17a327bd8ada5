"""Tells in a stream what a model thinks (``<think>…</think>``) from what it answers.

Thinking stands before the answer: an opening mark further on is a word of the answer. Templates
that open the thinking themselves make models write the closing mark only. Then what came before it
was taken for the answer, which cannot be taken back; ``closed_unopened`` says so, and the next
answer of that model is read with ``begins_inside``.
"""

from __future__ import annotations

from enum import Enum

from three_stage.vlm.conversation import Piece, Thought

_OPENERS = ("<think>", "<thinking>")
_CLOSERS = ("</think>", "</thinking>")
# Elsewhere than at the beginning of a line it is a word about the mark.
_CLOSERS_OF_A_LINE = tuple(f"\n{mark}" for mark in _CLOSERS)
_BETWEEN = "\n\n"

Said = Piece | Thought


class _Where(Enum):
    BEFORE = "before the first word"
    INSIDE = "in the thinking"
    BEHIND = "between the thinking and the answer"
    ANSWER = "in the answer"


class ThinkFilter:
    """Takes an answer's text piece by piece; white space between thinking and answer is dropped."""

    def __init__(self, *, begins_inside: bool = False) -> None:
        self._begins_inside = begins_inside
        self._where = _Where.BEFORE
        self._held = ""
        self._was_opened = False
        self._unopened: list[str] = []
        self.closed_unopened = False
        """Whether the thinking ended without having been opened."""

    def feed(self, text: str) -> list[Said]:
        """Return what is certain now."""
        self._held += text
        said: list[Said] = []
        steps = {
            _Where.BEFORE: self._before,
            _Where.INSIDE: self._inside,
            _Where.BEHIND: self._before,
            _Where.ANSWER: self._answer,
        }
        while self._held and steps[self._where](said):
            pass
        return said

    def close(self) -> list[Said]:
        """Return what was held back, when nothing more comes.

        Thinking that should have been opened unannounced and never ended was the answer.
        """
        if self._unopened:
            held, self._held = self._held, ""
            return [Piece("".join(self._unopened) + held)]
        return self.break_off()

    def break_off(self) -> list[Said]:
        """Return what was held back of a text that breaks off: thinking without an end stays so."""
        held, self._held = self._held, ""
        if self._where is _Where.INSIDE:
            return [Thought(held)] if held else []
        if self._where is _Where.BEHIND:
            held = held.lstrip()
        return [Piece(held)] if held else []

    def _before(self, _said: list[Said]) -> bool:
        """Look for a mark before the first word; tell whether there is more to look at."""
        begun = self._held.lstrip()
        mark = _mark_at_start(begun, _OPENERS)
        if mark is not None:
            self._was_opened = True
            self._where, self._held = _Where.INSIDE, begun[len(mark) :]
            return True
        mark = None if self._was_opened else _mark_at_start(begun, _CLOSERS)
        if mark is not None:
            self._was_opened = self.closed_unopened = True
            self._where, self._held = _Where.BEHIND, begun[len(mark) :]
            return True
        if _may_become(begun, (*_OPENERS, *_CLOSERS)):
            return False
        if self._where is _Where.BEHIND:
            self._held = begun
            self._where = _Where.ANSWER
        else:
            self._where = _Where.INSIDE if self._begins_inside else _Where.ANSWER
        return True

    def _inside(self, said: list[Said]) -> bool:
        """Pass the thinking on until it is closed."""
        start, mark = _first_mark(self._held, _CLOSERS)
        if mark is None:
            self._think(said, len(self._held) - _held_back(self._held, _CLOSERS))
            return False
        self._think(said, start)
        self._held = self._held[len(mark) :]
        self.closed_unopened = self.closed_unopened or not self._was_opened
        self._was_opened = True
        self._unopened.clear()
        self._where = _Where.BEHIND
        return True

    def _think(self, said: list[Said], end: int) -> None:
        thought, self._held = self._held[:end], self._held[end:]
        if thought:
            said.append(Thought(thought))
            if not self._was_opened:
                self._unopened.append(thought)

    def _answer(self, said: list[Said]) -> bool:
        """Pass the answer on; an unopened thinking may still end in it."""
        marks = () if self._was_opened else _CLOSERS_OF_A_LINE
        start, mark = _first_mark(self._held, marks)
        end = len(self._held) - _held_back(self._held, marks) if mark is None else start
        text, self._held = self._held[:end], self._held[end:]
        if mark is None:
            if text:
                said.append(Piece(text))
            return False
        said.append(Piece(text + _BETWEEN))
        self._held = self._held[len(mark) :]
        self._was_opened = self.closed_unopened = True
        self._where = _Where.BEHIND
        return True


def _mark_at_start(text: str, marks: tuple[str, ...]) -> str | None:
    return next((mark for mark in marks if text[: len(mark)].lower() == mark), None)


def _may_become(text: str, marks: tuple[str, ...]) -> bool:
    """Tell whether a text is the beginning of a mark; nothing is the beginning of all."""
    return any(mark.startswith(text.lower()) for mark in marks)


def _first_mark(text: str, marks: tuple[str, ...]) -> tuple[int, str | None]:
    """Return the first mark in a text and where it begins."""
    lowered = text.lower() if marks and "<" in text else ""
    found = [(start, mark) for mark in marks if (start := lowered.find(mark)) >= 0]
    return min(found, default=(0, None))


def _held_back(text: str, marks: tuple[str, ...]) -> int:
    """Return how many characters at the end may be the beginning of a mark."""
    longest = max(map(len, marks), default=1) - 1
    sizes = range(min(longest, len(text)), 0, -1)
    return next((size for size in sizes if _may_become(text[-size:], marks)), 0)
