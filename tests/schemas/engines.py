"""Engines for constrained decoding, each fed one byte at a time as if it were a token.

Servers take the mask that such an engine computes, so what an engine refuses no model can write.
Only an engine's own package is needed; ``xgrammar`` needs torch and is met by a script alone.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Protocol

END = 256
"""The token after the 256 bytes: the end of the answer."""

BYTES = tuple(bytes([value]) for value in range(END))


@dataclass(frozen=True)
class Walk:
    """How far a text was accepted, in bytes, and whether the answer may end there."""

    taken: int
    can_end: bool


Grammar = Callable[[bytes], Walk]
"""A compiled schema: feeds a text from its beginning."""


class EngineRefusesError(Exception):
    """An engine does not compile a schema."""


class Engine(Protocol):
    """One engine; ``compile`` raises EngineRefusesError."""

    package: str

    def compile(self, schema: Mapping[str, Any]) -> Grammar:
        """Make a grammar of a schema."""
        ...


class Llguidance:
    """The engine of vLLM's ``guidance`` backend, SGLang's ``llguidance`` and llama.cpp's option."""

    package = "llguidance"

    def compile(self, schema: Mapping[str, Any]) -> Grammar:
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(dict(schema))
        is_wrong, lines = LLMatcher.validate_grammar_with_warnings(grammar, _llg_tokenizer())
        if is_wrong or lines:
            raise EngineRefusesError("; ".join(lines))
        matcher = LLMatcher(_llg_tokenizer(), grammar)

        def walk(text: bytes) -> Walk:
            matcher.reset()
            taken = matcher.try_consume_tokens(list(text))
            can_end = taken == len(text) and matcher.is_accepting()
            return Walk(taken, can_end and matcher.consume_token(END))

        return walk


class OutlinesCore:
    """The engine of ``outlines``: a regular expression, and an index over all its states."""

    package = "outlines-core"

    def compile(self, schema: Mapping[str, Any]) -> Grammar:
        return _walk_of_index(self.index(schema, dict.fromkeys(BYTES)))

    def regex(self, schema: Mapping[str, Any]) -> str:
        """Return the regular expression of a schema."""
        module = importlib.import_module("outlines_core.json_schema")
        try:
            return str(module.build_regex_from_schema(json.dumps(schema)))
        except (ValueError, NotImplementedError) as error:
            raise EngineRefusesError(str(error)) from None

    def index(self, schema: Mapping[str, Any], tokens: Iterable[bytes]) -> Any:
        """Return the index over these tokens, which are numbered as they come."""
        module = importlib.import_module("outlines_core")
        ids = {token: [number] for number, token in enumerate(tokens)}
        try:
            return module.Index(self.regex(schema), module.Vocabulary(len(ids), ids))
        except ValueError as error:
            raise EngineRefusesError(str(error)) from None


class Xgrammar:
    """The default engine of vLLM and SGLang; ``any_whitespace`` as both have it."""

    package = "xgrammar"

    def compile(self, schema: Mapping[str, Any]) -> Grammar:
        xgrammar = importlib.import_module("xgrammar")
        tokens = xgrammar.TokenizerInfo(
            [*BYTES, b"</s>"], vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[END]
        )
        compiler = xgrammar.GrammarCompiler(tokens, cache_enabled=False)
        try:
            compiled = compiler.compile_json_schema(
                json.dumps(schema), any_whitespace=True, strict_mode=True
            )
        except (RuntimeError, ValueError) as error:
            raise EngineRefusesError(str(error)) from None

        def walk(text: bytes) -> Walk:
            matcher = xgrammar.GrammarMatcher(compiled)
            taken = _bytes_taken(text, matcher.accept_token)
            return Walk(taken, taken == len(text) and matcher.accept_token(END))

        return walk


def version_of(engine: Engine) -> str | None:
    """Return the version of an engine that is installed, or None."""
    try:
        return metadata.version(engine.package)
    except metadata.PackageNotFoundError:
        return None


def _walk_of_index(index: Any) -> Grammar:
    def walk(text: bytes) -> Walk:
        state = index.get_initial_state()
        for taken, byte in enumerate(text):
            following = index.get_next_state(state, byte)
            if following is None:
                return Walk(taken, can_end=False)
            state = following
        return Walk(len(text), can_end=index.is_final_state(state))

    return walk


def _bytes_taken(text: bytes, take: Callable[[int], bool]) -> int:
    for place, byte in enumerate(text):
        if not take(byte):
            return place
    return len(text)


@cache
def _llg_tokenizer() -> Any:
    from llguidance import LLTokenizer
    from llguidance._tokenizer import TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_ByteTokenizer()), slices=[])


class _ByteTokenizer:
    """A tokenizer as llguidance wants one: every byte is a token."""

    eos_token_id = END
    bos_token_id = None
    tokens = (*BYTES, b"</s>")
    special_token_ids = (END,)

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)
