"""A good output folder in memory, and what a piece of damage is: changes of its files."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from tests.support.finished_folder import restamp

SUMMARY, CALLS = "run_summary.json", "calls.jsonl"
RECORD = frozenset({SUMMARY, CALLS})
"""What the record does not record; damage to it cannot be made good by entering digests anew."""

Keys = tuple[str | int, ...]
Mode = Literal["as found", "made good"]
"""Made good: digests and sizes in run_summary.json are entered anew after the damage."""

MODES: tuple[Mode, ...] = ("as found", "made good")

_MAPPINGS = frozenset({"artifacts", "artifact_bytes", "tool_versions", "generations", "parts"})
"""Objects whose keys are data: paths, names, numbers of steps."""


@dataclass(frozen=True)
class Change:
    """One change of a folder: ``data`` of a write; ``target`` of a rename or of a link.

    The target of a rename is a path of the folder, that of a link anything.
    """

    action: Literal["write", "remove", "rename", "link", "folder"]
    relpath: str
    data: bytes = b""
    target: str = ""


@dataclass(frozen=True)
class Damage:
    """What is done to a copy of the good folder; ``group`` is the kind of place, ``what`` words."""

    kind: str
    mode: Mode
    group: str
    file: str
    where: str
    what: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Document:
    """A JSON object of the folder: a whole file, or one line (from 0) of calls.jsonl."""

    relpath: str
    line: int | None
    value: Any

    @cached_property
    def own_text(self) -> str:
        """The document as it is."""
        return self.text(self.value)

    @cached_property
    def kind(self) -> str:
        """What documents of one kind share; lines of calls.jsonl with their event."""
        return file_kind(self.relpath) + (
            f" {self.value['event']}" if self.line is not None else ""
        )

    def text(self, value: Any) -> str:
        """Write a value as the pipeline writes this document."""
        if self.line is None:
            return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Node:
    """A place in a document: a leaf, a list or an object."""

    document: Document
    keys: Keys
    value: Any

    @cached_property
    def where(self) -> str:
        """The place as ``steps[0].step_goal``; before it, the number of a line (from 1)."""
        line = self.document.line
        return path_text(self.keys if line is None else (line, *self.keys))

    @cached_property
    def kind(self) -> str:
        """What places of one kind share, as ``draft_plan.json steps[].step_goal``."""
        return f"{self.document.kind} {place_kind(self.keys)}"

    @property
    def is_leaf(self) -> bool:
        """Whether nothing lies below."""
        return not (isinstance(self.value, dict | list) and self.value)


@dataclass(frozen=True)
class GoodFolder:
    """A finished folder that passes: its files (relative paths with slashes) and its folders."""

    root: Path
    files: Mapping[str, bytes]
    folders: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> GoodFolder:
        """Read all of a folder."""
        paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
        files = {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}
        return cls(root, files, tuple(path for path in paths if path not in files))

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """Every JSON object, each written as ``Document.text`` writes it."""
        found = []
        for relpath, data in self.files.items():
            if relpath.endswith(".json"):
                found.append(Document(relpath, None, json.loads(data)))
            elif relpath == CALLS:
                lines = enumerate(data.decode("utf-8").splitlines())
                found += [Document(relpath, number, json.loads(line)) for number, line in lines]
        return tuple(found)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every place of every document but the roots."""
        return tuple(
            Node(document, keys, value)
            for document in self.documents
            for keys, value in _walk(document.value, ())
        )

    def written(self, document: Document, text: str) -> Change:
        """Return the change that puts a text in a document's place."""
        encoded = text.encode("utf-8", errors="surrogatepass")
        if document.line is not None:
            lines = self.files[document.relpath].splitlines(keepends=True)
            lines[document.line] = encoded + b"\n"
            encoded = b"".join(lines)
        return Change("write", document.relpath, encoded)

    def names(self, pattern: str) -> list[str]:
        """Return the files whose kind (``file_kind``) is this, sorted."""
        return [relpath for relpath in self.files if file_kind(relpath) == pattern]


def _walk(value: Any, keys: Keys) -> Iterator[tuple[Keys, Any]]:
    pairs: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        pairs = iter(value.items())
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        yield (*keys, key), inner
        yield from _walk(inner, (*keys, key))


def path_text(keys: Keys) -> str:
    """Write a place as ``steps[0].step_goal``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def place_kind(keys: Keys) -> str:
    """Return what places of one kind share: no numbers, no keys that the data chose."""
    plain: list[str | int] = []
    for key in keys:
        is_free = bool(plain) and plain[-1] in _MAPPINGS
        plain.append("*" if is_free else key)
    return re.sub(r"\[\d+\]", "[]", path_text(tuple(plain)))


def file_kind(relpath: str) -> str:
    """Return what files of one kind share: no step, no index, no time."""
    name = re.sub(r"^\d\d_[^/]+", "*", relpath)
    return re.sub(r"(sample_|frame_|step)\d[^/]*(\.\w+)$", r"\1*\2", name)


def with_value(value: Any, keys: Keys, new: Any) -> Any:
    """Return a copy of a JSON value in which one place holds something else."""
    if not keys:
        return new
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[keys[0]] = with_value(value[keys[0]], keys[1:], new)
    return copied


def without(value: Any, keys: Keys) -> Any:
    """Return a copy of a JSON value in which one place is gone."""
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(keys) == 1:
        del copied[keys[0]]
    else:
        copied[keys[0]] = without(value[keys[0]], keys[1:])
    return copied


def at(value: Any, keys: Keys) -> Any:
    """Return what lies at a place."""
    for key in keys:
        value = value[key]
    return value


# On disk


def spoilt_copy(good: Path, scratch: Path, damage: Damage) -> Path:
    """Put a damaged copy of a good folder below ``scratch`` and return it.

    What is not changed is the good folder's own file under a second name (a hard link), where the
    system can; a change never writes into a file, it puts another one in its place.
    """
    copy = scratch / good.name
    _link_tree(good, copy)
    for change in damage.changes:
        _apply(copy, change)
    if damage.mode == "made good":
        restamp(copy)
    return copy


def _link_tree(good: Path, copy: Path) -> None:
    copy.mkdir(parents=True)
    for folder, folders, files in os.walk(good):
        here = copy / Path(folder).relative_to(good)
        for name in folders:
            (here / name).mkdir()
        for name in files:
            _second_name(Path(folder) / name, here / name)


def _second_name(good: Path, copy: Path) -> None:
    if good.name != SUMMARY:  # restamp writes into that one
        try:
            os.link(good, copy)
        except OSError:  # a file system without hard links
            pass
        else:
            return
    shutil.copyfile(good, copy)


def _apply(root: Path, change: Change) -> None:
    path = root / PurePosixPath(change.relpath)
    if change.action == "rename":
        _rename(path, root / PurePosixPath(change.target))
        return
    if change.action != "folder":
        _remove(path)
    if change.action == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change.data)
    elif change.action == "link":
        path.symlink_to(change.target, target_is_directory=Path(change.target).is_dir())
    elif change.action == "folder":
        path.mkdir(parents=True)


def _rename(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.aside")  # so that a name in another case is another name
    path.rename(aside)
    aside.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
