"""The kitchen of three-stage: what the pipeline is made with (see ARCHITECTURE.md)."""

import prompts
import schemas

__version__ = "0.1.0"

for _package in (schemas, prompts):
    if getattr(_package, "OWNER", None) != "three-stage":
        _place = getattr(_package, "__file__", None) or "a folder without __init__.py"
        raise ImportError(
            f"three-stage needs its own package {_package.__name__!r}, but {_place} hides it. "
            "Install three-stage into a virtual environment of its own, or run it from a folder "
            f"that has no other {_package.__name__!r}."
        )
