"""/docs: the interface as a page, made from the OpenAPI document; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

WEB = Path(__file__).parent / "web"
_TEMPLATE = "docs.html.j2"


def docs_page(document: Mapping[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("summary", ""),
            "text": operation.get("description", ""),
            "tag": (operation.get("tags") or ["other"])[0],
            "parameters": [_parameter(each) for each in operation.get("parameters", [])],
            "body": _body(operation.get("requestBody", {})),
            "answers": [_answer(status, each) for status, each in operation["responses"].items()],
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    tags = list(dict.fromkeys(operation["tag"] for operation in operations))
    schemas = document.get("components", {}).get("schemas", {})
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            title=document["info"]["title"],
            version=document["info"]["version"],
            about=document["info"].get("description", ""),
            tags=tags,
            operations=operations,
            schemas={name: _fields(schema) for name, schema in sorted(schemas.items())},
            notes={name: schema.get("description", "") for name, schema in schemas.items()},
        )
    )


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "kind": _kind(parameter.get("schema", {})),
        "is_needed": parameter.get("required", False),
    }


def _body(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(media_type, _kind(content.get("schema", {})))
            for media_type, content in body.get("content", {}).items()]  # fmt: skip


def _answer(status: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [_kind(content.get("schema", {})) or media_type
             for media_type, content in answer.get("content", {}).items()]  # fmt: skip
    return {"status": status, "text": answer.get("description", ""), "kinds": kinds}


def _fields(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    needed = schema.get("required", [])
    return [
        {"name": name, "kind": _kind(field), "is_needed": name in needed}
        for name, field in schema.get("properties", {}).items()
    ]


def _kind(schema: Mapping[str, Any]) -> str:
    """Say in a few words what a schema allows."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return " or ".join(dict.fromkeys(_kind(each) for each in schema[name]))
    if "enum" in schema or "const" in schema:
        return " | ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    bounds = [f"{sign} {schema[key]:g}" for key, sign in (("minimum", "≥"), ("maximum", "≤"))
              if key in schema]  # fmt: skip
    return " ".join([str(schema.get("title" if schema.get("type") == "object" else "type", "")),
                     *bounds]).strip()  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(WEB), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
