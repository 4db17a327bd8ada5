"""The mutation campaign plants what it says, and tells noticed faults from the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.mutation import ROOT, TARGETS, Target, mutants, places, report, survivors

TARGET = Target("inner/module.py", ("tests/test_module.py",))


def planted(source: str) -> list[tuple[int, str, str]]:
    return [(m.line, m.before, m.after) for m in mutants(TARGET, source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", [(1, "a < b", "a <= b"), (1, "a < b", "a >= b")]),
        ("a == b", [(1, "a == b", "a != b")]),
        ("a not in b", [(1, "a not in b", "a in b")]),
        ("x = 7", [(1, "7", "8"), (1, "7", "6")]),
        ("x = True", [(1, "True", "False")]),
        ("x = 'text'", []),
        ("x = a + b", [(1, "a + b", "a - b")]),
        ("x = a and b", [(1, "a and b", "a or b")]),
        ("x = not a", [(1, "not a", "not not a")]),
        ("x = a if b else c", [(1, "a if b else c", "a if not b else c")]),
        ("x = [a for a in b if a]", [(1, " for a in b if a", " for a in b if not a")]),
        (
            "def f(a: Literal[3]) -> Annotated[int, 4]:\n    return a",
            [(2, "return a", "return None")],
        ),
        ("def f():\n    return None", []),
        ("def f():\n    g()", [(2, "g()", "pass")]),
        ("x = 'a', 'b'", [(1, "('a', 'b')", "('b',)"), (1, "('a', 'b')", "('a',)")]),
        ("x = a, b", []),
    ],
)
def test_each_kind_of_fault_is_planted(source: str, expected: list[tuple[int, str, str]]) -> None:
    found = planted(source)
    assert [(line, b.strip(), a.strip()) for line, b, a in found] == [
        (line, b.strip(), a.strip()) for line, b, a in expected
    ]


def test_a_mutant_differs_from_its_module_in_one_place() -> None:
    source = "def f(a):\n    # a remark\n    if a > 3:\n        return a * 2\n    return 0\n"
    texts = [mutant.text for mutant in mutants(TARGET, source)]
    plain = "def f(a):\n    if a > 3:\n        return a * 2\n    return 0\n".splitlines()
    assert len(texts) == len(set(texts))
    for text in texts:
        assert sum(a != b for a, b in zip(text.splitlines(), plain, strict=True)) == 1


@pytest.mark.slow
def test_every_target_is_there_and_has_faults_to_plant() -> None:
    for target in TARGETS:
        source = (ROOT / target.module).read_text(encoding="utf-8")
        assert len(places(source)) > 20
        assert (ROOT / target.tests[0]).is_file()


def test_the_report_counts_and_names_what_nobody_noticed() -> None:
    found = list(mutants(TARGET, "x = 7\ny = a == b\n"))
    text = report(found, found[-1:], "the command")
    assert "| `inner/module.py` | 3 | 2 | 67% |" in text
    assert "| all | 3 | 2 | 67% |" in text
    assert "| `inner/module.py:2` | `` a == b `` | `` a != b `` |" in text


@pytest.mark.slow
def test_noticed_faults_are_told_from_the_others(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "schemas").mkdir(parents=True)
    (tree / "tests").mkdir()
    source = (
        "def positive(number):\n    while number < -5:\n        number += 1\n"
        "    return number > 0\n"
    )
    (tree / "schemas" / "__init__.py").write_text("", encoding="utf-8")
    (tree / "schemas" / "module.py").write_text(source, encoding="utf-8")
    (tree / "tests" / "test_module.py").write_text(
        "from schemas.module import positive\n\n\n"
        "def test_positive():\n"
        "    assert positive(5)\n    assert not positive(-9)\n",
        encoding="utf-8",
    )
    (tree / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    target = Target("schemas/module.py", ("tests/test_module.py",))
    chosen = [m for m in mutants(target, source) if m.line in (1, 4)]
    alive = survivors(tree, chosen, workers=2)
    assert {(mutant.before, mutant.after) for mutant in alive} == {
        ("number > 0", "number >= 0"), ("0", "1"), ("0", "-1"),
    }  # fmt: skip
    assert (tree / "schemas" / "module.py").read_text(encoding="utf-8") == source
