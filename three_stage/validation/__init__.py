"""A finished folder → a report. Nothing in it is trusted; nothing in it is changed.

``validate_folder`` is imported when it is first used: what decodes pictures takes longer to load
than a command needs to print its help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from three_stage.validation.codes import Code
from three_stage.validation.outputs import video_folders
from three_stage.validation.report import FolderReport, folder_document, root_document

if TYPE_CHECKING:
    from three_stage.validation.dependencies import Dependency, check_dependencies
    from three_stage.validation.folder import validate_folder
    from three_stage.validation.many import validate_folders

_LATER = {
    "Dependency": "dependencies",
    "check_dependencies": "dependencies",
    "validate_folder": "folder",
    "validate_folders": "many",
}

__all__ = [
    "Code",
    "Dependency",
    "FolderReport",
    "check_dependencies",
    "folder_document",
    "root_document",
    "validate_folder",
    "validate_folders",
    "video_folders",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - not needed by most

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
