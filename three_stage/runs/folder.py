"""The folder of one video while a run works on it: its summary, its artifacts, what is stale."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.files import RunSummary, StageRecord
from schemas.problems import ModelT, SchemaError, parse_json
from three_stage.runs.atomic import TEMPORARY_PREFIX, write_bytes, write_json, write_text
from three_stage.runs.clock import utc_now
from three_stage.runs.digests import file_sha256
from three_stage.runs.layout import VideoLayout


class RunFolder:
    """Reads and changes one video's folder; every change is on disk when a method returns.

    Not safe for several threads at once: one run holds the folder's lock and calls in order.
    """

    def __init__(self, root: Path, summary: RunSummary) -> None:
        self.layout = VideoLayout(root)
        self.summary = summary

    def update(self, **changes: Any) -> None:
        """Change fields of the summary and save it."""
        self.summary = self.summary.model_copy(update={**changes, "updated_at_utc": utc_now()})
        write_json(self.layout.summary, self.summary)

    def stage(self, name: str) -> StageRecord | None:
        """Return the record of ``stage1``, ``stage2``, ``stage3`` or ``post_validate``."""
        record = getattr(self.summary, name)
        assert record is None or isinstance(record, StageRecord)  # noqa: S101 - a type, not a check
        return record

    def update_stage(self, name: str, **changes: Any) -> None:
        """Change fields of a stage's record and save the summary."""
        record = self.stage(name)
        assert record is not None  # noqa: S101 - a stage is begun before it is changed
        self.update(**{name: record.model_copy(update=changes)})

    def write(self, path: Path, content: BaseModel | str | bytes) -> str:
        """Write an artifact whole and return its path for ``record``."""
        if isinstance(content, bytes):
            write_bytes(path, content)
        elif isinstance(content, str):
            write_text(path, content)
        else:
            write_json(path, content)
        return self.layout.relpath(path)

    def record(self, relpaths: Iterable[str]) -> None:
        """Enter files that are on disk into the summary: digest and size."""
        digests, sizes = dict(self.summary.artifacts), dict(self.summary.artifact_bytes)
        relpaths = list(relpaths)
        if not relpaths:
            return
        for relpath in relpaths:
            path = self.layout.root / relpath
            digests[relpath] = file_sha256(path)
            sizes[relpath] = path.stat().st_size
        self.update(
            artifacts=dict(sorted(digests.items())), artifact_bytes=dict(sorted(sizes.items()))
        )

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files and folders of this folder from the disk and from the record.

        What else of the record is no longer on the disk leaves it, too: a kill may have come in
        between.
        """
        removed = [path for path in paths if self._holds(path)]
        for path in removed:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        gone = {self.layout.relpath(path) for path in removed}

        def stays(relpath: str) -> bool:
            is_gone = any(relpath == g or relpath.startswith(f"{g}/") for g in gone)
            return not is_gone and (self.layout.root / relpath).exists()

        kept = {relpath for relpath in self.summary.artifacts if stays(relpath)}
        self.update(
            artifacts={k: v for k, v in self.summary.artifacts.items() if k in kept},
            artifact_bytes={k: v for k, v in self.summary.artifact_bytes.items() if k in kept},
        )

    def _holds(self, path: Path) -> bool:
        """Tell whether a path lies in this folder, and not beyond a link out of it."""
        if not path.is_relative_to(self.layout.root) or path == self.layout.root:
            return False
        if ".." in path.relative_to(self.layout.root).parts:
            return False
        return path.parent.resolve().is_relative_to(self.layout.root.resolve())

    def changed(self, relpaths: Iterable[str]) -> list[str]:
        """Return which files are not recorded as they are on disk, digest by digest."""
        recorded = self.summary.artifacts
        return [r for r in relpaths if recorded.get(r) != file_sha256(self.layout.root / r)]

    def remove_temporaries(self, *other_prefixes: str) -> None:
        """Remove what a killed run left half-written, also under names of other writers."""
        for prefix in (TEMPORARY_PREFIX, *other_prefixes):
            for path in list(self.layout.root.rglob(f"{prefix}*")):
                with contextlib.suppress(OSError):
                    path.unlink()


def missing_artifact(summary: RunSummary, root: Path, relpaths: Iterable[str]) -> str | None:
    """Say which file is absent, of another size, or not recorded; None when all are well."""
    for relpath in relpaths:
        size = summary.artifact_bytes.get(relpath)
        if size is None:
            return f"{relpath} is not recorded"
        try:
            actual = (root / relpath).stat().st_size
        except OSError:
            return f"{relpath} is missing"
        if actual != size:
            return f"{relpath} has {actual} bytes, {size} were recorded"
        # JSON is small, and what people edit: there the same size is not enough.
        if relpath.endswith(".json") and file_sha256(root / relpath) != summary.artifacts[relpath]:
            return f"{relpath} is not as it was recorded"
    return None


def read_model(model: type[ModelT], path: Path) -> ModelT:
    """Read a JSON file of ours. Raises SchemaError with the reason, also when it is not there."""
    try:
        return parse_json(model, path.read_bytes())
    except FileNotFoundError:
        raise SchemaError((f"{path.name} is missing",)) from None
    except OSError as error:
        raise SchemaError((f"{path.name} cannot be read: {error.strerror or error}",)) from error
    except SchemaError as error:
        raise SchemaError(tuple(f"{path.name} {line}" for line in error.problems)) from None
