"""Which keywords every engine for constrained decoding understands, and why not the others.

Engines accept a keyword and break it silently, refuse the whole request for it, or take minutes
over it. So only what all of them do right is sent; the full models check the answer. What the
engines at hand make of each keyword is measured in ``docs/structured_output.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

PORTABLE = ("type", "enum", "const", "properties", "items", "required", "additionalProperties")
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")

_OPENAI = "OpenAI's strict mode refuses it"
_FINE_TUNED = "OpenAI refuses it for fine-tuned models"
_NO_LENGTHS = "llama.cpp refuses large ones, and xgrammar drops it beside a pattern or format"
_NO_COUNTS = "older vLLM refuses it with xgrammar; in a regular expression it multiplies the states"
_IGNORED = "outlines-core and xgrammar take and ignore it, llguidance refuses it"
FRAGILE: Mapping[str, str] = MappingProxyType(
    {
        "uniqueItems": _IGNORED,
        "contains": _IGNORED,
        "minContains": _IGNORED,
        "maxContains": _IGNORED,
        "prefixItems": f"older xgrammar gets it wrong; {_OPENAI}",
        "oneOf": f"llguidance compiles it only where it equals anyOf; {_OPENAI}",
        "allOf": f"outlines-core refuses what it allows, xgrammar ignores it; {_OPENAI}",
        "anyOf": "OpenAI refuses branches that begin with the same key",
        "not": f"{_IGNORED}; {_OPENAI}",
        "if": f"{_IGNORED}; {_OPENAI}",
        "then": f"{_IGNORED}; {_OPENAI}",
        "else": f"{_IGNORED}; {_OPENAI}",
        "patternProperties": "outlines-core refuses it, xgrammar what it allows, and under "
        "llguidance models wrote blanks without end (issue 265)",
        "propertyNames": f"outlines-core ignores it, llguidance refuses it; {_OPENAI}",
        "unevaluatedProperties": _OPENAI,
        "unevaluatedItems": _OPENAI,
        "dependentRequired": _OPENAI,
        "dependentSchemas": _OPENAI,
        "minProperties": _OPENAI,
        "maxProperties": _OPENAI,
        "default": _OPENAI,
        "pattern": "engines know different patterns, and beside it xgrammar drops a length (issues "
        "749 and 895, vLLM issue 45592)",
        "format": "engines know different formats, and beside it xgrammar drops a length (749)",
        "minLength": _NO_LENGTHS,
        "maxLength": _NO_LENGTHS,
        "minItems": _NO_COUNTS,
        "maxItems": _NO_COUNTS,
        "minimum": f"outlines-core ignores it; {_FINE_TUNED}",
        "maximum": f"outlines-core ignores it; {_FINE_TUNED}",
        "exclusiveMinimum": f"outlines-core ignores it; {_FINE_TUNED}",
        "exclusiveMaximum": f"outlines-core ignores it; {_FINE_TUNED}",
        "multipleOf": "outlines-core ignores it, and so does SGLang (issue 40083)",
        "$ref": "outlines-core writes it out, recursion to a depth of three only",
        "$defs": "it is of use with $ref only",
    }
)


def fragile_problems(schema: Mapping[str, Any], path: str = "$") -> Iterator[str]:
    """Yield a line for everything in a schema that some engine does not do right."""
    for keyword in sorted(schema.keys() - set(PORTABLE)):
        yield f"{path}: {keyword}: {FRAGILE.get(keyword, 'no engine is known to need it')}"
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        yield f"{path}: type: one of {', '.join(TYPES)}; lists of types are not known everywhere"
    if kind == "object":
        properties = schema.get("properties")
        if not properties:
            yield f"{path}: properties: llama.cpp writes a broken grammar for an object without"
        if list(schema.get("required", [])) != list(properties or ()):
            yield f"{path}: required: all properties, in their order"
        if schema.get("additionalProperties") is not False:
            yield f"{path}: additionalProperties: false, or a model may write any key"
    for name, item in schema.get("properties", {}).items():
        yield from fragile_problems(item, f"{path}.{name}")
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from fragile_problems(items, f"{path}[]")
    elif kind == "array":
        yield f"{path}: items: one schema for all items"
