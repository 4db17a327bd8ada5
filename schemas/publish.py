"""Published JSON Schemas, generated from the models: ``python -m schemas.publish``.

``json/`` holds one document a file of an output folder (draft 2020-12), for consumers in any
language. ``sent/`` holds the reduced ones that go to models: only keywords that every engine for
constrained decoding understands, everything required, no further keys, no references. A schema
that could not be sent everywhere is not published.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.files import CallRecord, FrameManifest, RunSummary, StepMeta, StepSegments
from schemas.localization import Localization
from schemas.plan import CausalPlan, DraftPlan, RefinedStep
from schemas.portable import PORTABLE, fragile_problems
from schemas.runs import RunRecord
from schemas.strict_mode import strict_mode_problems

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILES: Mapping[str, type[BaseModel]] = {
    "draft_plan": DraftPlan,
    "localization_raw": Localization,
    "step_final": RefinedStep,
    "causal_plan_with_keyframes": CausalPlan,
    "frame_manifest": FrameManifest,
    "step_segments": StepSegments,
    "step_meta": StepMeta,
    "run_summary": RunSummary,
    "call_record": CallRecord,
    "run_record": RunRecord,
}
SENT: Mapping[str, type[BaseModel]] = {
    "draft_plan": DraftPlan,
    "localization": Localization,
    "refined_step": RefinedStep,
}


class NotSendableError(ValueError):
    """A schema cannot be sent to every model; ``problems`` holds one line a reason."""

    def __init__(self, name: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"the schema {name} cannot be sent: {'; '.join(problems)}")
        self.problems = problems


def documents() -> Iterator[tuple[str, str]]:
    """Yield (path below schemas/, text) of every published document. Raises NotSendableError."""
    for name, model in FILES.items():
        yield f"json/{name}.schema.json", _text(file_schema(name, model))
    for name, model in SENT.items():
        yield f"sent/{name}.schema.json", _text(sendable(name, reduced(model.model_json_schema())))


def file_schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the full JSON Schema of a file."""
    return {"$schema": DIALECT, "$id": f"{name}.schema.json", **model.model_json_schema()}


@cache
def sent_schema(name: str) -> dict[str, Any]:
    """Read the reduced schema that is sent to models: a name of SENT."""
    return _load(f"sent/{name}.schema.json")


@cache
def published_schema(name: str) -> dict[str, Any]:
    """Read the full schema of a file: a name of FILES."""
    return _load(f"json/{name}.schema.json")


def reduced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Inline references and drop every keyword that some engine refuses or ignores."""
    return _reduced(schema, schema.get("$defs", {}))


def sendable(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that may be sent under this name. Raises NotSendableError."""
    problems = (*fragile_problems(schema), *strict_mode_problems(name, schema))
    if problems:
        raise NotSendableError(name, problems)
    return schema


def write(folder: Path) -> list[Path]:
    """Write all documents below ``folder`` and return their paths. Raises NotSendableError."""
    written = []
    for relpath, text in list(documents()):  # all or none
        path = folder / relpath
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _reduced(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _reduced(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    kept: dict[str, Any] = {key: schema[key] for key in PORTABLE if key in schema}
    if "properties" in kept:
        kept["properties"] = {
            name: _reduced(item, definitions) for name, item in kept["properties"].items()
        }
        kept["required"] = list(kept["properties"])
        kept["additionalProperties"] = False
    if "items" in kept:
        kept["items"] = _reduced(kept["items"], definitions)
    return kept


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"  # patterns hold spaces that nobody could see


def _load(relpath: str) -> dict[str, Any]:
    loaded = json.loads(resources.files("schemas").joinpath(relpath).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)  # noqa: S101 - our own file, held by a test
    return loaded


if __name__ == "__main__":
    try:
        for path_written in write(Path(__file__).parent):
            print(path_written)  # noqa: T201
    except NotSendableError as error:
        sys.exit(str(error))
