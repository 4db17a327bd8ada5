"""Mutation testing: small faults are planted one by one, and the fast tests must notice.

``python -m tests.campaigns.mutation --output docs/mutation.md`` does all of it; ``--sample 60
--seed 7`` a part, for CI. A fault that no test notices (a survivor) is a behaviour that nobody
holds, or a change that makes no difference.

Why our own: mutmut 3 plants faults inside functions alone, and half of our rules are patterns,
bounds and types at the top of modules; cosmic-ray edits the working tree itself and knows no seeded
sample. Here every worker has a copy of the tree, and nothing is installed.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import queue
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

if TYPE_CHECKING:  # Windows has no such thing to import
    from multiprocessing.context import ForkServerContext, SpawnContext

ROOT = Path(__file__).parents[2]
COPIED = ("schemas", "prompts", "stages", "three_stage", "tests", "examples", "pyproject.toml")
PRELOADED = ("pytest", "hypothesis", "hypothesis.strategies", "jsonschema", "numpy", "pydantic")
SHORTEST_LIMIT_SEC = 20.0
ENVIRONMENT = {
    "HYPOTHESIS_PROFILE": "mutation",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # half of the time of a run is their import
}
LIMIT_OF_BASELINE = 8.0
"""A mutant that runs this many times as long as the code itself loops for ever: it is noticed."""


@dataclass(frozen=True)
class Target:
    """A module, and the arguments of pytest that test it."""

    module: str
    tests: tuple[str, ...]


TARGETS = (
    Target("three_stage/media/timeline.py", ("tests/media/test_timeline.py",)),
    Target("schemas/rules.py", ("tests/schemas/test_rules.py",)),
    Target(
        "schemas/base.py",
        (
            "tests/schemas/test_values.py",
            "tests/schemas/test_agreement.py",
            *("-k", "not test_agreement or published_documents"),
        ),
    ),
    Target("schemas/text_rules.py", ("tests/schemas/test_text_rules.py", "-k", "not hostile")),
    Target("three_stage/runs/names.py", ("tests/runs/test_names.py",)),
)


@dataclass(frozen=True)
class Mutant:
    """One planted fault: where, what stood there and what stands there now, and the whole text."""

    target: Target
    line: int
    before: str
    after: str
    text: str


# Faults

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip
Fault = Callable[[], object]


def faults(node: ast.AST) -> Iterator[Fault]:
    """Yield the changes that can be made to a node in place, each meant for a tree of its own."""
    if isinstance(node, ast.Compare):
        yield from _other_comparisons(node)
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield lambda: setattr(node, "op", _ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield lambda: setattr(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda: setattr(node, "operand", _negated(node.operand))
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield lambda: setattr(node, "value", ast.Constant(None))
    elif isinstance(node, ast.Tuple | ast.List) and _is_table(node):
        yield from (partial(node.elts.pop, position) for position in range(len(node.elts)))
    yield from _other_conditions(node)
    yield from _dropped_statements(node)


def _other_comparisons(node: ast.Compare) -> Iterator[Fault]:
    for position, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            yield partial(node.ops.__setitem__, position, other())


def _other_constants(node: ast.Constant) -> Iterator[Fault]:
    if isinstance(node.value, bool):
        yield partial(setattr, node, "value", not node.value)
    elif isinstance(node.value, int | float):
        yield partial(setattr, node, "value", node.value + 1)
        yield partial(setattr, node, "value", node.value - 1)


def _other_conditions(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not _is_turned_already(node.test):
        yield lambda: setattr(node, "test", _negated(node.test))
    for position, condition in enumerate(node.ifs if isinstance(node, ast.comprehension) else ()):
        if isinstance(node, ast.comprehension) and not _is_turned_already(condition):
            yield partial(node.ifs.__setitem__, position, _negated(condition))


def _dropped_statements(node: ast.AST) -> Iterator[Fault]:
    for name in ("body", "orelse"):
        block = getattr(node, name, None)
        body: list[ast.AST] = block if isinstance(block, list) else []  # a lambda's is no list
        for position, statement in enumerate(body):
            is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            if is_call or isinstance(statement, ast.AugAssign | ast.Continue | ast.Break):
                yield partial(body.__setitem__, position, ast.Pass())


def _is_table(node: ast.Tuple | ast.List) -> bool:
    """Tell whether values stand in a row; to shorten a pair would only break what reads it."""
    return isinstance(node.ctx, ast.Load) and (
        len(node.elts) > 2 or all(isinstance(item, ast.Constant) for item in node.elts)
    )


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _is_turned_already(condition: ast.expr) -> bool:
    """Tell whether another fault makes the contrary of a condition: == to !=, or a dropped not."""
    if isinstance(condition, ast.Compare):
        return len(condition.ops) == 1
    return isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not)


def _negated(condition: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), condition)


def mutants(target: Target, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its lines."""
    found = [plant(target, source, *place) for place in places(source)]
    return iter(sorted(found, key=lambda mutant: mutant.line))


def places(source: str) -> list[tuple[int, int]]:
    """Return where faults can be planted: the node's place in ast.walk, and which of its faults."""
    return [
        (number, kind)
        for number, node in _meant(ast.parse(source))
        for kind in range(sum(1 for _ in faults(node)))
    ]


def plant(target: Target, source: str, number: int, kind: int) -> Mutant:
    """Return the mutant with one fault at one place."""
    node, changed = list(ast.walk(ast.parse(source)))[number], ast.parse(source)
    twin = list(ast.walk(changed))[number]
    list(faults(twin))[kind]()
    text = ast.unparse(ast.fix_missing_locations(changed)) + "\n"
    return Mutant(target, *_difference(node, twin), text)


def _meant(tree: ast.Module) -> list[tuple[int, ast.AST]]:
    """Return the nodes to change, each with its place in ast.walk; annotations do nothing."""
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if part is not None
        for inner in ast.walk(part)
    }
    return [(n, node) for n, node in enumerate(ast.walk(tree)) if id(node) not in annotations]


def _difference(node: ast.AST, twin: ast.AST) -> tuple[int, str, str]:
    """Return the line of the fault, and the words before and after it."""
    before, after = ast.unparse(node).splitlines(), ast.unparse(twin).splitlines()
    pairs = [(b, a) for b, a in zip(before, after, strict=False) if a != b]
    old, new = pairs[0] if pairs else (before[-1], after[-1])
    lines = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.expr | ast.stmt)]
    for inner in ast.walk(node):  # a dropped statement stands deeper than the node that held it
        if isinstance(inner, ast.stmt) and ast.unparse(inner).splitlines()[0] == old.strip():
            return inner.lineno, old.strip(), new.strip()
    return min(lines, default=0), old.strip(), new.strip()


# Running


def _pytest(folder: str, arguments: tuple[str, ...], keep_bytecode: bool) -> None:
    """Run pytest in a copy of the tree; this process is a fresh one, forked with pytest loaded."""
    for name in [name for name in sys.modules if name.split(".", maxsplit=1)[0] in COPIED]:
        del sys.modules[name]
    sys.path[:] = [folder, *(path for path in sys.path if path not in ("", str(ROOT)))]
    sys.dont_write_bytecode = not keep_bytecode
    os.environ.update(ENVIRONMENT)
    os.chdir(folder)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *arguments]))


def _context() -> ForkServerContext | SpawnContext:
    """Return the way to start a process: forked from one that has pytest loaded, where that is."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Tree:
    """A copy of the working tree in which one mutant at a time is tested."""

    folder: Path

    @classmethod
    def of(cls, root: Path, folder: Path) -> Tree:
        """Copy what the tests need."""
        skipped = shutil.ignore_patterns("__pycache__", ".*", "*.mp4")
        for name in COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, folder / name, ignore=skipped)
            elif (root / name).exists():
                shutil.copy2(root / name, folder / name)
        return cls(folder)

    def passes(self, target: Target, text: str, limit_sec: float | None = None) -> bool:
        """Tell whether the target's tests pass with ``text`` in its place; a time-out is a no."""
        module = self.folder / target.module
        original = module.read_bytes()
        module.write_text(text, encoding="utf-8", newline="\n")
        arguments = (str(self.folder), target.tests, limit_sec is None)
        process = _context().Process(target=_pytest, args=arguments)
        try:
            process.start()
            process.join(limit_sec)
            if process.is_alive():
                process.kill()
                process.join()
            return process.exitcode == 0
        finally:
            module.write_bytes(original)


def survivors(root: Path, chosen: Sequence[Mutant], workers: int) -> list[Mutant]:
    """Test every mutant and return those that no test noticed.

    Raises RuntimeError when the tests fail without a fault.
    """
    _context().set_forkserver_preload([*PRELOADED, "__main__"])
    with tempfile.TemporaryDirectory() as scratch:
        first = Tree.of(root, Path(scratch) / "0")
        limits = _limits(first, {mutant.target for mutant in chosen})
        trees: queue.Queue[Tree] = queue.Queue()
        trees.put(first)
        for number in range(1, workers):  # with the compiled tests, which are half of the work
            trees.put(Tree(Path(shutil.copytree(first.folder, Path(scratch) / str(number)))))

        def survives(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                return tree.passes(mutant.target, mutant.text, limits[mutant.target])
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(workers) as pool:
            alive = list(pool.map(survives, chosen))
    return [mutant for mutant, lives in zip(chosen, alive, strict=True) if lives]


def _limits(tree: Tree, targets: set[Target]) -> dict[Target, float]:
    """Return how long the tests of each target may take, measured without a fault."""
    limits = {}
    for target in sorted(targets, key=lambda target: target.module):
        module = tree.folder / target.module
        # Rewritten as a mutant is: comments gone, so that this cannot be what a test notices.
        text = ast.unparse(ast.parse(module.read_text(encoding="utf-8"))) + "\n"
        start = time.monotonic()
        if not tree.passes(target, text):
            raise RuntimeError(f"without a fault, this fails: pytest {' '.join(target.tests)}")
        limits[target] = max(SHORTEST_LIMIT_SEC, LIMIT_OF_BASELINE * (time.monotonic() - start))
        for compiled in (module.parent / "__pycache__").glob(f"{module.stem}.*"):
            compiled.unlink()  # or Python would take it for the mutant's, written the same second
    return limits


# Report


def report(chosen: Sequence[Mutant], alive: Sequence[Mutant], command: str) -> str:
    """Return the campaign as Markdown: a line a module, then the survivors."""
    lines = [
        "# Mutation testing", "",
        f"Made by `{command}`.", "Each fault is planted alone; *noticed*: a test failed.", "",
        "| module | faults | noticed | share |", "|---|---:|---:|---:|",
    ]  # fmt: skip
    for target in dict.fromkeys(mutant.target for mutant in chosen):
        count = sum(mutant.target == target for mutant in chosen)
        noticed = count - sum(mutant.target == target for mutant in alive)
        lines.append(f"| `{target.module}` | {count} | {noticed} | {noticed / count:.0%} |")
    noticed = len(chosen) - len(alive)
    lines.append(f"| all | {len(chosen)} | {noticed} | {noticed / max(1, len(chosen)):.0%} |")
    lines += ["", "## Not noticed", "", "| where | before | after |", "|---|---|---|"]
    for mutant in alive:
        cells = " | ".join(f"`` {_cell(text)} ``" for text in (mutant.before, mutant.after))
        lines.append(f"| `{mutant.target.module}:{mutant.line}` | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return (text if len(text) <= 80 else text[:79] + "…").replace("|", "\\|")


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
@click.option("--output", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--sample", type=click.IntRange(1), help="Plant only this many faults.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the sample.")
@click.option("--only", default="", help="Only modules whose path holds this text.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--fail-under", type=click.IntRange(0, 100), default=80, show_default=True,
              help="Exit with 1 when a smaller share (in %) is noticed.")  # fmt: skip
def main(
    output: Path | None, sample: int | None, seed: int, only: str, workers: int, fail_under: int
) -> None:
    """Run the campaign."""
    sources = {
        target: (ROOT / target.module).read_text(encoding="utf-8")
        for target in TARGETS
        if only in target.module
    }
    every = [(target, place) for target, source in sources.items() for place in places(source)]
    if sample is not None and sample < len(every):
        every = random.Random(seed).sample(every, sample)
    found = [plant(target, sources[target], *place) for target, place in every]
    chosen = sorted(found, key=lambda mutant: (TARGETS.index(mutant.target), mutant.line))
    start = time.monotonic()
    alive = survivors(ROOT, chosen, workers)
    part = f" --sample {sample} --seed {seed}" if sample else ""
    text = report(chosen, alive, f"python -m tests.campaigns.mutation{part}")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(text)
    click.echo(f"{time.monotonic() - start:.0f} s")
    if 100 * (len(chosen) - len(alive)) < fail_under * len(chosen):
        raise click.ClickException(f"less than {fail_under} % of the faults were noticed")


if __name__ == "__main__":
    main()
