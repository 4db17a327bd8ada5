"""One case of the kill campaign: kill, run again at once, compare with an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.children import MARK, Outliving
from tests.campaigns.kill_cases import Case, Extent, Instant, Kill, Scenario
from tests.campaigns.kill_points import KillPoint
from tests.campaigns.same_folder import Folder, differences, read_folder, read_records
from tests.support.served_offline import Body, Served
from three_stage.runs.layout import CALLS_NAME, PLAN_NAME, SUMMARY_NAME
from three_stage.runs.names import LOCKS_FOLDER, RUNS_FOLDER

A_RUN_TAKES_AT_MOST_SEC = 180.0
LONGEST_ORPHAN_SEC = 5.0
SHOWN = 8
"""Of the differences of one folder; the others are counted."""

UNWANTED_VARIABLES = (
    *("API_KEY", "API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME"),
    "PYTHONDONTWRITEBYTECODE",  # the copy of the product has none yet: each run would compile it
)


@dataclass(frozen=True)
class Undisturbed:
    """A scenario run without a kill: what it leaves and asks; ``base`` is what lay there before."""

    extent: Extent
    folders: dict[str, Folder]
    asked: Counter[str]
    base: Path | None

    @property
    def scenario(self) -> Scenario:
        """What ran."""
        return self.extent.scenario


@dataclass(frozen=True)
class Outcome:
    """What came of a case; no deviations: it is as it should be."""

    case: Case
    kills: int
    deviations: tuple[str, ...]
    needed: int
    made: int
    allowed: int
    orphans_sec: float

    @property
    def title(self) -> str:
        """How a person knows the case."""
        return str(self.case)


@dataclass
class Lane:
    """A place where one case at a time runs: a folder of its own, an endpoint of its own.

    ``tree`` is the copy of the product that runs, ``videos`` the folder of the sources.
    """

    folder: Path
    tree: Path
    videos: Path
    endpoint: Served
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def new_root(self, base: Path | None) -> Path:
        """Return an output root, a copy of ``base`` if there is one."""
        root = self.folder / f"out{next(self._numbers)}"
        if base is None:
            root.mkdir()
        else:
            shutil.copytree(base, root)
        return root

    def options(self, scenario: Scenario, root: Path) -> list[str]:
        """Return the options of a scenario's run."""
        given = [f"--input-video={self.videos / name}.mp4" for name in scenario.videos]
        given += ["--output-root", str(root), "--api-base", self.endpoint.url]
        given += ["--max-frames", "12", "--num-workers", "1"]
        return [*given, *scenario.all_options]

    def start(
        self, module: Sequence[str], options: Sequence[str], mark: str, said: Path
    ) -> subprocess.Popen[bytes]:
        """Start a run; it writes to a file, since a pipe would be held open by its children."""
        environment = {k: v for k, v in os.environ.items() if k not in UNWANTED_VARIABLES}
        environment |= {"PYTHONPATH": str(self.tree), MARK: mark}
        with said.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, *module, *options], cwd=self.folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,  # Ctrl-C is for the campaign
            )  # fmt: skip

    def run(self, module: Sequence[str], options: Sequence[str]) -> tuple[int, str]:
        """Run to the end; return the exit code and what was said."""
        said = self.folder / "said.txt"
        process = self.start(module, options, "left alone", said)
        code = process.wait(A_RUN_TAKES_AT_MOST_SEC)
        return code, said.read_text(encoding="utf-8", errors="replace")

    def asked(self, since: int = 0) -> Counter[str]:
        """Count the questions that came to the server by the id that it gives to equal ones."""
        return Counter(request_id(body) for body in self.endpoint.bodies[since:])


PIPELINE = ("-m", "pipeline")
KILLED_RUN = ("-m", "tests.campaigns.killed_run")


def request_id(body: Body) -> str:
    """Return the id of the server's answer to a question: the digest of its bytes."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return f"req-{hashlib.sha256(data).hexdigest()[:24]}"


def run_undisturbed(scenario: Scenario, lane: Lane, base: Path | None) -> Undisturbed:
    """Run a scenario once without a kill, counting what it comes by.

    Raises RuntimeError when it fails, or when the ids of the server are not those of the journal.
    """
    root = lane.new_root(base)
    counts = lane.folder / f"{scenario.name}.json"
    options = lane.options(scenario, root)
    before, start = lane.endpoint.requests, time.monotonic()
    code, said = lane.run((*KILLED_RUN, "--count", str(counts), "--"), options)
    if code != 0:
        raise RuntimeError(f"{scenario.name}: without a kill, exit code {code}: {said}")
    duration_sec = time.monotonic() - start
    asked = lane.asked(before)
    if asked != Counter(journaled(scenario, root)) - Counter(journaled(scenario, base)):
        raise RuntimeError(f"{scenario.name}: the journal and the server count differently")
    folders = {name: read_folder(root / name) for name in scenario.videos}
    wrong = [line for folder in folders.values() for line in folder.wrong]
    if wrong:
        raise RuntimeError(f"{scenario.name}: without a kill: {wrong}")
    extent = Extent(scenario, duration_sec, json.loads(counts.read_text(encoding="utf-8")))
    return Undisturbed(extent, folders, asked, base)


def make_base(scenario: Scenario, lane: Lane) -> Path:
    """Return an output root that a run of a scenario finished. Raises RuntimeError."""
    root = lane.new_root(None)
    code, said = lane.run(PIPELINE, lane.options(scenario, root))
    if code != 0:
        raise RuntimeError(f"{scenario.name}: without a kill, exit code {code}: {said}")
    return root


def journaled(scenario: Scenario, root: Path | None) -> list[str]:
    """Return the request ids of the answers that whole lines of the journals hold."""
    if root is None:
        return []
    return [
        record.request_id or "no id"
        for name in scenario.videos
        for record, _ in read_records(root / name / CALLS_NAME)
        if record is not None and record.event == "answer"
    ]


def run_case(case: Case, undisturbed: Undisturbed, lane: Lane) -> Outcome:
    """Kill, run again, compare."""
    trial = _Trial(case, undisturbed, lane)
    for kill in case.kills:
        trial.run_killed(kill)
    return trial.finish()


class _Trial:
    """One case while it runs."""

    def __init__(self, case: Case, undisturbed: Undisturbed, lane: Lane) -> None:
        self._case, self._undisturbed, self._lane = case, undisturbed, lane
        self._scenario = undisturbed.scenario
        self._root = lane.new_root(undisturbed.base)
        self._first_request = lane.endpoint.requests
        self._kills = 0
        self._deviations: list[str] = []
        self._outliving: list[Outliving] = []
        self._paid: dict[str, int] = {}

    def run_killed(self, kill: Kill) -> None:
        """Run until the kill, and look at what is on disk then."""
        mark = uuid.uuid4().hex
        said = self._lane.folder / "killed.txt"
        module = (*KILLED_RUN, "--at", str(kill), "--") if isinstance(kill, KillPoint) else PIPELINE
        process = self._lane.start(module, self._options(), mark, said)
        try:
            process.wait(kill.seconds if isinstance(kill, Instant) else A_RUN_TAKES_AT_MOST_SEC)
        except subprocess.TimeoutExpired:
            process.kill()  # its own process alone, with SIGKILL
            process.wait()
        if process.returncode == -signal.SIGKILL:
            self._kills += 1
            self._outliving.append(Outliving(mark))
            self._note_what_is_paid()
        elif process.returncode != 0:
            words = _end_of(said.read_text(encoding="utf-8", errors="replace"))
            self._deviations.append(f"exit code {process.returncode} at {kill}: {words}")
        elif isinstance(kill, KillPoint) and kill is self._case.kills[0]:
            self._deviations.append(f"{kill} was not reached")

    def _note_what_is_paid(self) -> None:
        asked = self._lane.asked(self._first_request)
        on_disk = Counter(journaled(self._scenario, self._root))
        on_disk -= Counter(journaled(self._scenario, self._undisturbed.base))
        self._paid = {answer: asked[answer] for answer in on_disk} | self._paid

    def finish(self) -> Outcome:
        """Run without a kill at once, and compare with the undisturbed run."""
        code, words = self._lane.run(PIPELINE, self._options())
        asked = self._lane.asked(self._first_request)
        needed = self._undisturbed.asked.total()
        allowed = needed + self._kills * self._scenario.concurrency
        if code == 0:
            self._check_requests(asked, allowed)
            self._check_disk()
        else:
            self._deviations.append(f"the run after it: exit code {code}: {_end_of(words)}")
        orphans_sec = max((orphans.seconds() for orphans in self._outliving), default=0.0)
        if orphans_sec > LONGEST_ORPHAN_SEC:
            self._deviations.append(f"children of the killed run lived {orphans_sec:.1f} s longer")
        shutil.rmtree(self._root)
        return Outcome(
            self._case, self._kills, tuple(self._deviations), needed, asked.total(), allowed,
            orphans_sec,
        )  # fmt: skip

    def _options(self) -> list[str]:
        """Return the options; without the flag once the overwrite is over: it would be another."""
        options = self._lane.options(self._scenario, self._root)
        if "--overwrite" in options and self._is_overwritten():
            options.remove("--overwrite")
        return options

    def _is_overwritten(self) -> bool:
        folder = self._root / self._scenario.videos[0]
        summary = json.loads((folder / SUMMARY_NAME).read_text(encoding="utf-8"))
        is_over = bool(summary["generations"]) and not summary["overwrite_in_progress"]
        if is_over and PLAN_NAME not in summary["artifacts"]:
            self._deviations.append("the overwrite counts as done, and there is no plan yet")
        return is_over

    def _check_requests(self, asked: Counter[str], allowed: int) -> None:
        for answer, times in self._paid.items():
            if asked[answer] > times:
                self._deviations.append(f"{answer} was on disk and was asked for again")
        if strange := asked.keys() - self._undisturbed.asked.keys():
            self._deviations.append(f"questions that nobody asks undisturbed: {sorted(strange)}")
        if asked.total() > allowed:
            self._deviations.append(f"{asked.total()} requests; {allowed} are allowed")

    def _check_disk(self) -> None:
        for name, expected in self._undisturbed.folders.items():
            try:
                found = read_folder(self._root / name)
            except (OSError, ValueError, KeyError) as error:
                self._deviations.append(f"{name}: cannot be read: {error!r}")
                continue
            lines = differences(
                expected, found, kills=self._kills, concurrency=self._scenario.concurrency
            )
            more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
            self._deviations += [f"{name}: {line}" for line in [*lines[:SHOWN], *more]]
        known = {*self._scenario.videos, LOCKS_FOLDER, RUNS_FOLDER}
        left = {path.name for path in self._root.iterdir()} - known
        locks = (self._root / LOCKS_FOLDER).iterdir()
        left |= {path.name for path in locks if path.suffix != ".lock"}
        if left:
            self._deviations.append(f"left in the output root: {sorted(left)}")


def _end_of(words: str) -> str:
    """Return the last line of what a run said."""
    return (words.strip().splitlines() or ["not a word"])[-1]
