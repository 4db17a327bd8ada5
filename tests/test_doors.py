"""The plan of the house: which room may know which, and that our packages are ours."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRONT_DOORS = ("pipeline", "validate_output", "chat_server", "run_eval")
PACKAGES = ("stages", "schemas", "prompts", "three_stage")
CLIENT = ("openai", "httpx2", "httpx")
# What a program names by address is no question to a model.
FETCHES = Path("three_stage/chat/fetching.py")


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted name of every module that a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def of(name: str, packages: tuple[str, ...]) -> bool:
    return name.split(".", maxsplit=1)[0] in packages


FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_the_rooms_keep_their_doors() -> None:
    """The contracts stand in setup.cfg."""
    pytest.importorskip("importlinter", reason="import-linter comes with the extra dev")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--no-cache"],
        cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_nothing_imports_a_front_door() -> None:
    found = [(p.relative_to(ROOT), n) for p in FILES for n in imported(p) if of(n, FRONT_DOORS)]
    assert found == []


def test_front_doors_do_not_import_each_other() -> None:
    for door in FRONT_DOORS:
        path = ROOT / f"{door}.py"
        if path.exists():
            assert [name for name in imported(path) if of(name, FRONT_DOORS)] == []


def test_only_vlm_touches_the_openai_client() -> None:
    vlm = ROOT / "three_stage" / "vlm"
    found = [
        (path.relative_to(ROOT), name)
        for path in FILES
        if not path.is_relative_to(vlm)
        for name in imported(path)
        if of(name, CLIENT)
    ]
    assert found == [(FETCHES, "httpx2")]


def test_the_embedded_model_knows_only_the_schemas() -> None:
    offline = ROOT / "three_stage" / "vlm" / "offline"
    for path in offline.rglob("*.py"):
        for name in imported(path):
            if of(name, PACKAGES):
                assert name.startswith(("schemas", "three_stage.vlm.offline")), (path, name)
            assert not of(name, ("openai",)), (path, name)


def test_a_file_that_imports_a_front_door_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def f():\n    import pipeline.x\n    from openai import OpenAI\n", "utf-8")
    assert list(imported(path)) == ["pipeline.x", "openai"]


# Common names: another package called schemas or prompts


def import_three_stage(*first_on_path: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(path) for path in (*first_on_path, ROOT)]
    code = f"import sys; sys.path[:0] = {paths!r}; import three_stage; print('imported')"
    return subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["schemas", "prompts"])
@pytest.mark.parametrize("content", ["", "OWNER = 'someone'"])
def test_a_package_that_hides_ours_is_said_clearly(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(content, encoding="utf-8")
    done = import_three_stage(tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: three-stage needs its own package '{name}', but ")
    assert str(tmp_path / name / "__init__.py") in last
    assert "virtual environment of its own" in last


@pytest.mark.parametrize("name", ["schemas", "prompts"])
def test_a_single_module_that_hides_ours_is_said_clearly(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("x = 1", encoding="utf-8")
    done = import_three_stage(tmp_path)
    assert f"three-stage needs its own package '{name}'" in done.stderr


def test_a_plain_folder_of_that_name_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "prompts").mkdir()
    done = import_three_stage(tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "imported"), done.stderr


def test_a_python_without_the_dependencies_is_told_so() -> None:
    """``-S`` leaves out the packages that are installed, ``-E`` what PYTHONPATH adds."""
    done = subprocess.run(
        [sys.executable, "-E", "-S", str(ROOT / "pipeline.py"), "--help"],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "is not installed for" in done.stderr
    assert "Traceback" not in done.stderr
