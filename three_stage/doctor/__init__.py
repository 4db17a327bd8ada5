"""Whether a run could start here: this machine, the disk, the endpoint.

``examine`` is imported when it is first used: what it looks at takes longer to load than a command
needs to print its help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from three_stage.doctor.findings import Finding, Level

if TYPE_CHECKING:
    from three_stage.doctor.examination import examine

__all__ = ["Finding", "Level", "examine"]


def __getattr__(name: str) -> Any:
    if name == "examine":
        from three_stage.doctor.examination import examine  # noqa: PLC0415

        return examine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
