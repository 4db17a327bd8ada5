"""One video's folder as the checks see it: what lies there, read carefully, and the findings."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from schemas.problems import ModelT, SchemaError, parse_json
from schemas.publish import published_schema
from three_stage.runs import VideoLayout, json_text
from three_stage.validation.codes import Code
from three_stage.validation.inventory import Inventory
from three_stage.validation.report import Findings
from three_stage.validation.strict_json import StrictJsonError, parse_strict

MAX_JSON_BYTES = 16 * 1024 * 1024
MAX_TEXT_BYTES = 64 * 1024 * 1024
_MOST_SCHEMA_LINES = 20


@dataclass(frozen=True)
class FolderView:
    """A folder's layout, inventory and findings; paths in findings are relative to the root."""

    layout: VideoLayout
    inventory: Inventory
    findings: Findings

    @property
    def root(self) -> Path:
        """The folder."""
        return self.layout.root

    def relpath(self, path: Path) -> str:
        """Return a path of this folder relative to it, with slashes."""
        return self.layout.relpath(path)

    def has_file(self, path: Path) -> bool:
        """Whether a plain file stands there."""
        return self.relpath(path) in self.inventory.files

    def require(self, path: Path) -> bool:
        """Report a file that is not there; tell whether it is."""
        relpath = self.relpath(path)
        if relpath in self.inventory.files:
            return True
        if relpath in self.inventory.folders:
            self.findings.add(Code.LAYOUT_KIND, relpath, "is a folder; a file belongs there")
        elif relpath not in self.inventory:
            self.findings.add(Code.LAYOUT_MISSING, relpath, "is missing")
        return False

    def read_bytes(self, path: Path, *, limit_bytes: int) -> bytes | None:
        """Read a plain file, or report why not."""
        if not self.require(path):
            return None
        relpath = self.relpath(path)
        size = self.inventory.files[relpath]
        if size > limit_bytes:
            self.findings.add(Code.FILE_SIZE, relpath, f"has {size} bytes, far too many")
            return None
        try:
            return path.read_bytes()
        except OSError as error:
            self.findings.add(Code.FILE_READ, relpath, f"cannot be read: {error.strerror or error}")
            return None

    def read_text(self, path: Path) -> str | None:
        """Read a UTF-8 text that must say something, or report why not."""
        data = self.read_bytes(path, limit_bytes=MAX_TEXT_BYTES)
        if data is None:
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.findings.add(
                Code.TEXT, self.relpath(path), f"is not UTF-8 text (byte {error.start})"
            )
            return None
        if not text.strip():
            self.findings.add(Code.TEXT, self.relpath(path), "is empty")
        return text

    def read_model(self, path: Path, model: type[ModelT], schema_name: str) -> ModelT | None:
        """Read a JSON file, checked against its published schema and its model; or report why not.

        ``schema_name`` is a name of ``schemas.publish.FILES``.
        """
        data = self.read_bytes(path, limit_bytes=MAX_JSON_BYTES)
        if data is None:
            return None
        parsed = read_object(data, model, schema_name, self.findings, self.relpath(path))
        if parsed is not None and not is_written_as_ours(data):
            self.findings.add(Code.JSON_FORM, self.relpath(path), "is written in another form")
        return parsed

    def check_path(self, path: Path, field: str, value: str, *, base: Path, wanted: Path) -> None:
        """Check that a path written in the file ``path`` is ``wanted``, relative to ``base``."""
        expected = relative_path(base, wanted)
        if value == expected:
            return
        code = Code.PATH_OUTSIDE if leads_outside(self.root, base, value) else Code.PATH_WRONG
        self.findings.add(code, self.relpath(path), f"{field}: must be {expected!r}; got {value!r}")


def is_written_as_ours(data: bytes) -> bool:
    """Whether the bytes of a JSON object are those that ``write_json`` writes for it."""
    return json_text(json.loads(data)).encode("utf-8", errors="surrogatepass") == data


def relative_path(base: Path, target: Path) -> str:
    """Return ``target`` relative to the folder ``base``, with slashes and ``..`` where needed."""
    return posixpath.relpath(target.as_posix(), base.as_posix())


def leads_outside(root: Path, base: Path, value: str) -> bool:
    """Whether a path in a JSON file, read in ``base``, leaves ``root`` on any system."""
    slashed = value.replace("\\", "/")
    if slashed.startswith("/") or re.match(r"[A-Za-z]:", slashed):
        return True
    inside = posixpath.normpath(posixpath.join(relative_path(root, base), slashed))
    return inside == ".." or inside.startswith("../")


def read_object(
    data: bytes, model: type[ModelT], schema_name: str, findings: Findings, relpath: str
) -> ModelT | None:
    """Parse and check one JSON text; what is wrong becomes findings about ``relpath``."""
    try:
        value = parse_strict(data)
    except StrictJsonError as error:
        findings.add(error.code, relpath, str(error))
        return None
    try:
        parsed = parse_json(model, data)
    except SchemaError as error:
        findings.add_all(Code.SCHEMA, relpath, error.problems)
        return None
    lines = published_schema_problems(schema_name, value)
    if lines:
        findings.add_all(Code.SCHEMA, relpath, lines)
        return None
    for code, line in _stored_differently(value, parsed.model_dump(mode="json"), ""):
        findings.add(code, relpath, line)
    return parsed


def published_schema_problems(schema_name: str, value: object) -> list[str]:
    """Check a parsed JSON value against its published JSON Schema: ``path: what is wrong``."""
    lines = []
    for error in _validator(schema_name).iter_errors(value):
        cause = best_match([error]) or error
        lines.append(f"{cause.json_path}: {cause.message}")
        if len(lines) == _MOST_SCHEMA_LINES:
            break
    return lines


@cache
def _validator(schema_name: str) -> Any:
    return Draft202012Validator(published_schema(schema_name))


def _stored_differently(stored: Any, normal: Any, path: str) -> Iterator[tuple[Code, str]]:
    if isinstance(normal, dict) and isinstance(stored, dict):
        for key, item in normal.items():
            here = f"{path}.{key}" if path else key
            if key not in stored:
                yield Code.DEFAULT, f"{here}: this key is missing; {item!r} is assumed"
            else:
                yield from _stored_differently(stored[key], item, here)
    elif isinstance(normal, list) and isinstance(stored, list):
        for position, (have, want) in enumerate(zip(stored, normal, strict=True)):
            yield from _stored_differently(have, want, f"{path}[{position}]")
    elif stored != normal:
        yield Code.FORM, f"{path}: must be stored as {normal!r}; got {stored!r}"
