"""What engines for constrained decoding make of the schemas that we send.

    python -m benchmarks.engines --output docs/structured_output.md

Meets llguidance and outlines-core, which the extra ``test`` installs, and xgrammar where it is
installed (``pip install torch xgrammar``; a torch for CPUs is enough). Every text is fed byte by
byte: a valid one must be accepted to its end and may end only there, a spoilt one must be refused
at the first byte that is wrong.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from hypothesis import HealthCheck, Phase, given, seed, settings

from schemas.portable import FRAGILE, fragile_problems
from schemas.publish import SENT, sent_schema
from schemas.strict_mode import strict_mode_problems
from tests.schemas.engine_texts import (
    EXAMPLES,
    as_written,
    cut_texts,
    spoilt_texts,
    written,
)
from tests.schemas.engines import (
    BYTES,
    Engine,
    EngineRefusesError,
    Grammar,
    Llguidance,
    OutlinesCore,
    Walk,
    Xgrammar,
    version_of,
)
from tests.schemas.strategies import fitting

ENGINES: tuple[Engine, ...] = (Llguidance(), OutlinesCore(), Xgrammar())
COMPILATIONS = 20
ANSWERS = 50
LARGE_VOCABULARY = 150_000
"""About as many tokens as Qwen3's vocabulary has (151,643)."""

_ROOT = Path(__file__).parents[1]

HEAD = """# Structured output

What engines for constrained decoding make of the schemas that we send. Made by
`python -m benchmarks.engines --output docs/structured_output.md`, which meets llguidance and
outlines-core (extra `test`) and, where it is installed, xgrammar (`pip install torch xgrammar`; a
torch for CPUs is enough; neither is a dependency of this package).

Servers mask with such an engine what a model may write: vLLM and SGLang with xgrammar by default
and with llguidance on demand, llama.cpp with a grammar of its own or llguidance.

## What is sent

A reduced schema (`schemas/sent/`): types, keys, all required, no others. Counts, lengths and
patterns are not sent, since some engine ignores each of them, refuses the request for it, or takes
long over it; the full models check the answer, and what they find wrong goes back to the model.
`python -m schemas.publish` refuses to publish a schema with any other keyword
(`schemas/portable.py`) or one that breaks a rule of OpenAI's strict mode
(`schemas/strict_mode.py`); a test holds whatever the stages really send to both."""

TEXTS = """## Valid and spoilt answers

Valid: a real answer and {answers} generated ones from the models. Spoilt: a real one with a key
missing, renamed, in another place or followed by a further key, with a value of another type, in a
list, in an object or null, prose or a code fence around it, a second object behind it. *At the
place*: refused at the very byte where it goes wrong. *Cut*: beginnings of it that were accepted,
but not as an end."""

ORDER = """All three engines have the keys written in the order of the schema, whatever the model
would like: our prompts show and list them in that order, which a test holds. For an engine a list
or a text may be empty: that is for our own check to find.

Where they differ, without harm for us: outlines-core lets a model write one blank or none between
the parts, and no control character that needs a `\\u` escape; llguidance has DEL written as an
escape only. xgrammar (as vLLM and SGLang have it) and llguidance allow any white space: a model
that loops on it runs into `--max-tokens`, and the answer counts as cut."""

INDEX = """## A vocabulary of real size

llguidance and xgrammar look at the vocabulary while a model writes. outlines-core computes for
every state which tokens may follow, before the first token is written: here with {tokens:,} tokens
(pieces of the words in this repository), about as many as Qwen3 has. A server pays it once a
schema, and the first request waits for it. Nothing in these schemas could be left out to make it
cheap, because each text in them costs a row of the whole vocabulary. Where a server offers a
choice, take xgrammar (the default) or guidance; else `--structured-mode json_object`."""

KEYWORDS = """## What is kept out

For each keyword a small schema and a text that it forbids. *holds*: refused. *ignores*: the schema
compiles without a word, and the forbidden text is accepted. *refuses*: it does not compile, so a
server answers 400. *breaks*: a text that it allows is refused. Why each is kept out is in
`schemas/portable.py`."""


@dataclass(frozen=True)
class Met:
    """What an engine made of one schema."""

    compile_ms: float
    valid: int
    valid_accepted: int
    spoilt: int
    spoilt_refused: int
    refused_at_the_place: int
    cut: int
    cut_not_ended: int


@dataclass(frozen=True)
class Probe:
    """A schema with one fragile keyword, a value that it allows, and one that it forbids."""

    keyword: str
    schema: Mapping[str, Any]
    allowed: Any
    forbidden: Any


def meet(engine: Engine, name: str) -> Met:
    """Compile a sent schema and feed every text."""
    schema, example = sent_schema(name), EXAMPLES[name]
    walk, compile_ms = _compiled(engine, schema)
    valid = [written(as_written(v, schema, engine.package)) for v in (example, *_generated(name))]
    spoilt = list(spoilt_texts(example))
    walks = [walk(one.text) for one in spoilt]
    cuts = list(cut_texts(example, every_bytes=25))
    return Met(
        compile_ms=compile_ms,
        valid=len(valid),
        valid_accepted=sum(walk(text) == Walk(len(text), can_end=True) for text in valid),
        spoilt=len(spoilt),
        spoilt_refused=sum(not found.can_end for found in walks),
        refused_at_the_place=sum(
            found == Walk(one.right_bytes, can_end=False)
            for found, one in zip(walks, spoilt, strict=True)
        ),
        cut=len(cuts),
        cut_not_ended=sum(walk(text) == Walk(len(text), can_end=False) for text in cuts),
    )


def verdict(engine: Engine, probe: Probe) -> str:
    """Say in a word what an engine makes of a fragile keyword."""
    try:
        walk = engine.compile(probe.schema)
    except EngineRefusesError:
        return "refuses"
    allowed = written(probe.allowed)
    if walk(allowed) != Walk(len(allowed), can_end=True):
        return "breaks"
    return "ignores" if walk(written(probe.forbidden)).can_end else "holds"


def probes() -> tuple[Probe, ...]:
    """Return a probe for each fragile keyword of which engines could make something."""
    text, number = {"type": "string"}, {"type": "integer"}
    texts, numbers = {"type": "array", "items": text}, {"type": "array", "items": number}
    return (
        _probe("minItems", {**texts, "minItems": 2}, ["a", "b"], ["a"]),
        _probe("maxItems", {**texts, "maxItems": 2}, ["a", "b"], ["a", "b", "c"]),
        _probe("uniqueItems", {**numbers, "uniqueItems": True}, [1, 2], [1, 1]),
        _probe("contains", {**numbers, "contains": {"const": 7}}, [7], [1]),
        _probe(
            "prefixItems",
            {"type": "array", "prefixItems": [number, text], "items": False, "minItems": 2},
            [1, "a"],
            ["a", 1],
        ),
        _probe("minLength", {**text, "minLength": 2}, "ab", "a"),
        _probe("maxLength", {**text, "maxLength": 2}, "ab", "abc"),
        _probe("pattern", {**text, "pattern": "^[a-z]+$"}, "ab", "A"),
        _probe(
            "pattern with a length", {**text, "pattern": "^[a-z]+$", "maxLength": 2}, "ab", "abc"
        ),
        _probe("pattern with a lookahead", {**text, "pattern": "^(?!none$).*$"}, "ab", "none"),
        _probe("format", {**text, "format": "date"}, "2026-01-31", "soon"),
        _probe("minimum", {**number, "minimum": 1}, 1, 0),
        _probe("maximum", {**number, "maximum": 50}, 50, 51),
        _probe("multipleOf", {**number, "multipleOf": 7}, 14, 15),
        _probe("anyOf", {"anyOf": [text, number]}, "a", None),
        _probe("oneOf", {"oneOf": [text, number]}, 1, None),
        _probe("oneOf that overlap", {"oneOf": [{"minimum": 1, **number}, number]}, 0, 1),
        _probe("allOf", {"allOf": [{**number, "minimum": 1}, {**number, "maximum": 9}]}, 5, 10),
        _probe("not", {**text, "not": {"const": "none"}}, "ab", "none"),
        _probe("if/then", {**number, "if": {"minimum": 5}, "then": {"multipleOf": 5}}, 5, 6),
        Probe(
            "patternProperties",
            {"type": "object", "patternProperties": {"^n_": number}, "additionalProperties": False},
            {"n_a": 1},
            {"n_a": "x"},
        ),
        Probe(
            "propertyNames",
            {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z]+$"},
                "additionalProperties": number,
            },
            {"ab": 1},
            {"A1": 1},
        ),
        Probe(
            "$ref",
            {**_object(number), "properties": {"v": {"$ref": "#/$defs/n"}}, "$defs": {"n": number}},
            {"v": 1},
            {"v": "a"},
        ),
    )


def page(engines: Iterable[Engine]) -> str:
    """Return the page."""
    met = [engine for engine in engines if version_of(engine) is not None]
    lines = [HEAD, "", *_size_lines(), "", TEXTS.format(answers=ANSWERS), ""]
    lines += [
        "| engine | version | schema | compile, ms | valid | spoilt refused | at the place | cut |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for engine in met:
        for name in SENT:
            lines.append(_row(engine, name, meet(engine, name)))
    lines += ["", ORDER, ""]
    if version_of(OutlinesCore()) is not None:
        lines += [*_index_lines(), ""]
    lines += [KEYWORDS, ""]
    lines.append(f"| keyword | {' | '.join(engine.package for engine in met)} |")
    lines.append(f"|---|{'---|' * len(met)}")
    for probe in probes():
        words = " | ".join(verdict(engine, probe) for engine in met)
        lines.append(f"| {probe.keyword} | {words} |")
    lines += ["", f"Kept out altogether: {', '.join(f'`{keyword}`' for keyword in FRAGILE)}."]
    return "\n".join(lines) + "\n"


def _probe(keyword: str, schema: Mapping[str, Any], allowed: Any, forbidden: Any) -> Probe:
    return Probe(keyword, _object(schema), {"v": allowed}, {"v": forbidden})


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": {"v": schema}, "required": ["v"],
        "additionalProperties": False,
    }  # fmt: skip


def _compiled(engine: Engine, schema: Mapping[str, Any]) -> tuple[Grammar, float]:
    """Compile a few times; return the grammar and the shortest time in milliseconds."""
    times_ms = []
    for _ in range(COMPILATIONS):
        began_sec = time.perf_counter()
        grammar = engine.compile(schema)
        times_ms.append(1000 * (time.perf_counter() - began_sec))
    return grammar, min(times_ms)


def _generated(name: str) -> list[Any]:
    """Return valid answers, the same ones on every machine."""
    found: list[Any] = []

    @seed(1)
    @settings(
        max_examples=ANSWERS, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(fitting(SENT[name].model_json_schema()))
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found[:ANSWERS]


def _row(engine: Engine, name: str, met: Met) -> str:
    return (
        f"| {engine.package} | {version_of(engine)} | {name} | {met.compile_ms:.1f} | "
        f"{met.valid_accepted}/{met.valid} | {met.spoilt_refused}/{met.spoilt} | "
        f"{met.refused_at_the_place}/{met.spoilt} | {met.cut_not_ended}/{met.cut} |"
    )


def _size_lines() -> Iterable[str]:
    yield "| schema | bytes | properties | levels | strict mode | fragile keywords |"
    yield "|---|---:|---:|---:|---|---|"
    for name in SENT:
        schema = sent_schema(name)
        text = json.dumps(schema, separators=(",", ":"))
        yield (
            f"| {name} | {len(text)} | {_count(schema)} | {_levels(schema)} | "
            f"{'; '.join(strict_mode_problems(name, schema)) or 'passes'} | "
            f"{'; '.join(fragile_problems(schema)) or 'none'} |"
        )


def _count(schema: Mapping[str, Any]) -> int:
    inner = [*schema.get("properties", {}).values()]
    inner += [schema["items"]] if "items" in schema else []
    return len(schema.get("properties", {})) + sum(map(_count, inner))


def _levels(schema: Mapping[str, Any]) -> int:
    inner = [*schema.get("properties", {}).values()]
    inner += [schema["items"]] if "items" in schema else []
    return int(schema["type"] in ("object", "array")) + max(map(_levels, inner), default=0)


def _index_lines() -> Iterable[str]:
    engine, tokens = OutlinesCore(), _vocabulary()
    yield INDEX.format(tokens=len(tokens))
    yield ""
    yield "| schema | regular expression, characters | index, CPU s | states | transitions |"
    yield "|---|---:|---:|---:|---:|"
    for name in SENT:
        yield _index_row(engine, name, sent_schema(name), tokens)
    counted = {**sent_schema("draft_plan")}
    steps = {**counted["properties"]["steps"], "minItems": 3, "maxItems": 8}
    counted["properties"] = {**counted["properties"], "steps": steps}
    states = len(engine.index(counted, BYTES).get_transitions())
    yield ""
    yield (
        "Were the bounds of the number of steps sent too (`minItems`, `maxItems`), draft_plan "
        f"would have\n{states:,} states, and the rest would grow with them."
    )


def _index_row(
    engine: OutlinesCore, name: str, schema: Mapping[str, Any], tokens: list[bytes]
) -> str:
    began_sec = time.process_time()
    index = engine.index(schema, tokens)
    took_sec = time.process_time() - began_sec
    transitions = index.get_transitions()
    return (
        f"| {name} | {len(engine.regex(schema)):,} | {took_sec:.1f} | {len(transitions):,} | "
        f"{sum(map(len, transitions.values())):,} |"
    )


def _vocabulary() -> list[bytes]:
    """Return all bytes and the most frequent pieces of the words of this repository."""
    counts: Counter[bytes] = Counter()
    folders = ("docs", "schemas", "stages", "tests", "three_stage")
    for path in sorted(path for folder in folders for path in (_ROOT / folder).rglob("*.*")):
        if path.suffix in (".md", ".py", ".tsv"):
            for word in re.findall(r"\s?\w+|\s?[^\w\s]+|\s+", path.read_text(encoding="utf-8")):
                counts.update(
                    word[start:end].encode()
                    for start in range(len(word))
                    for end in range(start + 1, min(len(word), start + 12) + 1)
                )
    pieces = sorted((piece for piece in counts if len(piece) > 1), key=lambda p: (-counts[p], p))
    return [*(bytes([value]) for value in range(256)), *pieces][:LARGE_VOCABULARY]


@click.command()
@click.option("--output", type=click.Path(path_type=Path), help="Write the page here.")
def main(output: Path | None) -> None:
    """Meet every engine that is installed."""
    text = page(ENGINES)
    if output is not None:
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(text)


if __name__ == "__main__":
    main()
