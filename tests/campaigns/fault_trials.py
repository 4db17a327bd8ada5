"""One case of the fault campaign: a run with the fault, then a run with a healthy endpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.fault_cases import NEEDED, Case
from tests.campaigns.fault_kinds import KEY
from tests.campaigns.fault_server import Answers, FaultyEndpoint
from tests.campaigns.same_folder import Folder, read_folder
from three_stage.runs.layout import PLAN_NAME

A_RUN_TAKES_AT_MOST_SEC = 120.0
SHORTEST_LEAK = 8
INPUT_PER_MILLION, OUTPUT_PER_MILLION = 1.0, 4.0
"""The prices of the runs with a cost cap."""

ALL_RUNS = (
    "--max-frames=12", "--num-workers=1", "--concurrency=2", "--max-tokens=4096",
    "--api-call-retry-backoff-sec=0.05", "--model=m",
)  # fmt: skip
LOG = "(log file) "
"""Before a line that the log file alone has."""

_RAW_ANSWER = "raw_response.txt"


@dataclass(frozen=True)
class Outcome:
    """What came of a case; no deviations: it is as the table says.

    ``requests`` and ``next_requests`` are the server's own counts, ``line`` is what the person saw.
    """

    case: Case
    exit_code: int
    done: tuple[str, ...]
    requests: int
    next_requests: int
    needed: int
    line: str
    seconds: float
    used_tokens: int
    deviations: tuple[str, ...]

    @property
    def title(self) -> str:
        """How a person knows the case."""
        return self.case.name


@dataclass
class Lane:
    """A place where one case at a time runs.

    ``tree`` is the copy of the product that runs, ``videos`` the folder of the sources,
    ``undisturbed`` what nobody disturbed.
    """

    folder: Path
    tree: Path
    videos: Path
    answers: Answers
    undisturbed: Mapping[str, Folder] = field(default_factory=dict)

    def run(self, options: Sequence[str]) -> tuple[int, str]:
        """Run the pipeline to its end; return the exit code and all that it showed."""
        skipped = ("API_BASE_URL", "MODEL_PROVIDER_ID", "MODEL_NAME", "PYTHONDONTWRITEBYTECODE")
        environment = {k: v for k, v in os.environ.items() if k not in skipped}
        environment |= {"PYTHONPATH": str(self.tree), "API_KEY": KEY}
        try:
            done = subprocess.run(
                [sys.executable, str(self.tree / "pipeline.py"), *options], cwd=self.folder,
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=A_RUN_TAKES_AT_MOST_SEC, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            return -1, (error.stdout or b"").decode("utf-8", "replace")
        return done.returncode, done.stdout.decode("utf-8", "replace")


def run_undisturbed(lane: Lane, names: Sequence[str]) -> dict[str, Folder]:
    """Run videos with a healthy endpoint. Raises RuntimeError when that is not as it should be."""
    root = lane.folder / "undisturbed"
    with FaultyEndpoint(lane.answers) as endpoint:
        code, shown = lane.run(_options(lane, root, endpoint, names))
    if code != 0 or endpoint.requests != NEEDED * len(names):
        raise RuntimeError(f"undisturbed: exit code {code}, {endpoint.requests} requests: {shown}")
    return {name: read_folder(root / name) for name in names}


def run_case(case: Case, lane: Lane) -> Outcome:
    """Run with the fault, look, run again with a healthy endpoint, look again."""
    trial = _Trial(case, lane)
    try:
        return trial.run()
    finally:
        trial.remove()


class _Trial:
    """One case while it runs."""

    def __init__(self, case: Case, lane: Lane) -> None:
        self._case, self._lane = case, lane
        self._root = lane.folder / "out"
        self._log = lane.folder / "run.log"
        self._deviations: list[str] = []

    def remove(self) -> None:
        """Take away what the runs left."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._log.unlink(missing_ok=True)

    def run(self) -> Outcome:
        case, lane = self._case, self._lane
        began = time.monotonic()
        with FaultyEndpoint(
            lane.answers, fault=case.fault, where=case.where, outage=case.outage,
            was_missed=self._was_server_missed,
        ) as endpoint:  # fmt: skip
            code, shown = lane.run(self._options_of_case(endpoint))
        seconds = time.monotonic() - began
        done = self._finished()
        self._expect("exit code", code, case.exit_code)
        self._expect("done", done, case.done)
        if not case.requests[0] <= endpoint.requests <= case.requests[1]:
            self._wrong(f"{endpoint.requests} requests, not {case.requests}")
        line = self._line(shown)
        self._check_cap(endpoint)
        next_requests = 0
        answered = endpoint.answered
        if code != 0:
            next_requests, later = self._run_again(lane, endpoint.answered)
            answered = answered + later
        self._check_end(answered)
        self._check_leaks(shown)
        if self._deviations:
            self._deviations.append(f"shown: {shown}")
        used = sum(prompt + completion for prompt, completion in endpoint.used_tokens)
        return Outcome(
            case, code, done, endpoint.requests, next_requests, NEEDED * len(case.videos), line,
            seconds, used, tuple(self._deviations),
        )  # fmt: skip

    def _options_of_case(self, endpoint: FaultyEndpoint) -> list[str]:
        case = self._case
        options = _options(self._lane, self._root, endpoint, case.videos, case.url)
        options += [*case.options, f"--log-file={self._log}"]
        if case.cap_tokens is not None:
            options.append(f"--max-total-tokens={case.cap_tokens}")
        if case.cap_cost is not None:
            rates = {
                "input_per_million": INPUT_PER_MILLION, "output_per_million": OUTPUT_PER_MILLION,
                "currency": "USD",
            }  # fmt: skip
            prices = self._lane.folder / "prices.json"
            prices.write_text(json.dumps({"m": rates}), encoding="utf-8")
            options += [f"--max-cost={case.cap_cost}", f"--prices={prices}"]
        return options

    def _was_server_missed(self) -> bool:
        return self._log.exists() and "No connection" in self._log.read_text(encoding="utf-8")

    def _run_again(self, lane: Lane, before: Counter[str]) -> tuple[int, Counter[str]]:
        case = self._case
        with FaultyEndpoint(lane.answers) as endpoint:
            options = _options(lane, self._root, endpoint, case.videos)
            kept = [option for option in case.options if option not in case.next_without]
            code, shown = lane.run([*options, *kept])
        self._expect("exit code of the next run", code, 0)
        if code != 0:
            self._wrong(f"the next run showed: {shown}")
        missing = NEEDED * len(case.videos) - before.total()
        self._expect("requests of the next run", endpoint.requests, missing)
        return endpoint.requests, endpoint.answered

    def _finished(self) -> tuple[str, ...]:
        return tuple(n for n in self._case.videos if (self._root / n / PLAN_NAME).is_file())

    def _line(self, shown: str) -> str:
        """Return the line that the person sees, or that the log file has."""
        log = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        for text, where in ((shown, "shown"), (log, "in the log file")):
            if "Traceback" in text:
                self._wrong(f"a traceback is {where}: {text[text.index('Traceback') :]}")
        if self._case.says:
            return self._found(shown, self._case.says, "shown")
        if self._case.logs:
            return LOG + self._found(log, self._case.logs, "in the log file")
        return ""

    def _found(self, text: str, pieces: tuple[str, ...], where: str) -> str:
        lines = [line for line in text.splitlines() if all(piece in line for piece in pieces)]
        if lines:
            return lines[-1]
        self._wrong(f"no line with {pieces} is {where}")
        return ""

    def _check_cap(self, endpoint: FaultyEndpoint) -> None:
        prompt = sum(one for one, _ in endpoint.used_tokens)
        completion = sum(one for _, one in endpoint.used_tokens)
        cost = (prompt * INPUT_PER_MILLION + completion * OUTPUT_PER_MILLION) / 1_000_000
        case = self._case
        if case.cap_tokens is not None and prompt + completion > case.cap_tokens:
            self._wrong(f"{prompt + completion} tokens were used, {case.cap_tokens} are allowed")
        if case.cap_cost is not None and cost > case.cap_cost:
            self._wrong(f"{cost} was spent, {case.cap_cost} are allowed")

    def _check_end(self, answered: Counter[str]) -> None:
        """Check that all is done in the end, as if nothing had been, and nothing paid twice."""
        twice = [digest for digest, times in answered.items() if times > 1]
        if twice:
            self._wrong(f"{len(twice)} questions were answered, and asked again")
        for name in self._case.videos:
            try:
                folder = read_folder(self._root / name)
            except (OSError, ValueError, KeyError) as error:
                self._wrong(f"{name}: cannot be read: {error!r}")
                continue
            for line in folder.wrong:
                if line.startswith("validator: "):
                    self._wrong(f"{name}: {line}")
            expected = self._lane.undisturbed[name].files
            for relpath in sorted(expected.keys() | folder.files.keys()):
                is_raw = relpath.endswith(_RAW_ANSWER)
                if not is_raw and expected.get(relpath) != folder.files.get(relpath):
                    self._wrong(f"{name}: {relpath} is not that of an undisturbed run")

    def _check_leaks(self, shown: str) -> None:
        parts = [KEY[i : i + SHORTEST_LEAK] for i in range(len(KEY) - SHORTEST_LEAK + 1)]
        texts = {"shown": shown.encode()}
        texts |= {str(p): p.read_bytes() for p in self._root.rglob("*") if p.is_file()}
        if self._log.exists():
            texts["log file"] = self._log.read_bytes()
        for name, data in texts.items():
            if any(part.encode() in data for part in parts):
                self._wrong(f"the key shows: {name}")

    def _expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self._wrong(f"{what}: {found}, not {wanted}")

    def _wrong(self, line: str) -> None:
        self._deviations.append(line)


def _options(
    lane: Lane,
    root: Path,
    endpoint: FaultyEndpoint,
    names: Sequence[str],
    url: str = "http://127.0.0.1:{port}/v1",
) -> list[str]:
    videos = [f"--input-video={lane.videos / name}.mp4" for name in names]
    base = url.replace("{port}", str(endpoint.port))
    return [*videos, f"--output-root={root}", f"--api-base={base}", *ALL_RUNS]
