"""Decoding in worker processes: a file that crashes a decoder, or hangs it, costs one job.

Each worker is a spawned process with a pipe of its own, so that a worker that dies while it sends
(the kernel's memory killer strikes just then) blocks no other; the end of the pipe is the news of
its death. Workers start when they are needed, stay, and are replaced when they are lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from three_stage.media.errors import (
    MediaError,
    WorkerCrashedError,
    WorkerMemoryError,
    WorkerTimeoutError,
)
from three_stage.media.orphan import die_with_parent
from three_stage.media.values import (
    ClipFacts,
    ClipSpan,
    FramePool,
    GrabbedFrame,
    SourceFacts,
    Still,
    VideoProbe,
)
from three_stage.settings import FEWEST_FRAMES, CutSettings, SamplingSettings

Result = TypeVar("Result")

JOB_TIMEOUT_SEC = 1800.0
"""Long enough to decode hours of video on a slow machine; a decoder that hangs never ends."""

MEMORY_LIMIT_BYTES = 4 * 1024**3
"""Of a worker's own data. Decoding 8K takes less; a file that declares nonsense takes more."""

ENDING_TAKES_SEC = 2.0


class MediaWorkers:
    """At most ``num_workers`` decoding processes; an async context manager.

    A job that takes longer than ``timeout_sec`` is killed. ``memory_limit_bytes`` bounds a worker's
    data where the system can (Linux); None sets no bound. Jobs beyond the number wait their turn; a
    cancelled job's worker is killed. Errors of a job are raised as they were in the worker;
    WorkerCrashedError, WorkerTimeoutError and WorkerMemoryError tell that it was lost.
    """

    def __init__(
        self,
        num_workers: int,
        *,
        timeout_sec: float = JOB_TIMEOUT_SEC,
        memory_limit_bytes: int | None = MEMORY_LIMIT_BYTES,
    ) -> None:
        self._timeout_sec = timeout_sec
        self._memory_limit_bytes = memory_limit_bytes
        self._slots = asyncio.Semaphore(num_workers)
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        # Threads that wait for pipes; asyncio's own are few and belong to everybody.
        self._waiters = ThreadPoolExecutor(num_workers, thread_name_prefix="media-worker")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        workers = tuple(self._workers)
        for worker in workers:
            self._lose(worker)
        await asyncio.to_thread(self._waiters.shutdown)
        for worker in workers:
            await asyncio.to_thread(worker.how_it_died)

    async def probe(self, path: Path, *, fewest_frames: int = FEWEST_FRAMES) -> VideoProbe:
        """Run probe_video in a worker."""
        return cast(
            "VideoProbe", await self.run(_call, "probe_video", path, fewest_frames=fewest_frames)
        )

    async def sample_pool(
        self,
        path: Path,
        settings: SamplingSettings,
        *,
        origin_sec: float = 0.0,
        fewest_frames: int = FEWEST_FRAMES,
        span_sec: tuple[float, float] | None = None,
    ) -> FramePool:
        """Run sample_pool in a worker."""
        pool = await self.run(
            _call,
            "sample_pool",
            path,
            settings,
            origin_sec=origin_sec,
            fewest_frames=fewest_frames,
            span_sec=span_sec,
        )
        return cast("FramePool", pool)

    async def read_still(self, data: bytes, *, max_side_px: int, quality: int) -> Still:
        """Run read_still in a worker."""
        still = await self.run(_call, "read_still", data, max_side_px=max_side_px, quality=quality)
        return cast("Still", still)

    async def grab_frames(self, path: Path, times_sec: Sequence[float]) -> tuple[GrabbedFrame, ...]:
        """Run grab_frames in a worker."""
        grabbed = await self.run(_call, "grab_frames", path, tuple(times_sec))
        return cast("tuple[GrabbedFrame, ...]", grabbed)

    async def source_facts(self, path: Path) -> SourceFacts:
        """Run source_facts in a worker."""
        return cast("SourceFacts", await self.run(_call, "source_facts", path))

    async def inspect_clip(self, path: Path) -> ClipFacts:
        """Run inspect_clip in a worker."""
        return cast("ClipFacts", await self.run(_call, "inspect_clip", path))

    async def clip_span(
        self,
        source: Path,
        clip: Path,
        *,
        start_sec: float,
        end_sec: float,
        frames: int,
        settings: CutSettings,
    ) -> ClipSpan:
        """Run clip_span in a worker."""
        span = await self.run(
            _call,
            "clip_span",
            source,
            clip,
            start_sec=start_sec,
            end_sec=end_sec,
            frames=frames,
            settings=settings,
        )
        return cast("ClipSpan", span)

    async def run(
        self, function: Callable[..., Result], *arguments: Any, **keywords: Any
    ) -> Result:
        """Call a top-level function in a worker; it, its arguments and its result are pickled.

        Errors name the first argument that is a path.
        """
        job = _Job(function, arguments, keywords)
        async with self._slots:
            worker = self._idle_worker() or self._start()
            try:
                outcome = await self._ask(worker, job)
            except BaseException:
                self._lose(worker)
                raise
            if outcome.out_of_memory:
                self._lose(worker)
            else:
                self._idle.append(worker)
        return cast("Result", outcome.value_or_raise())

    async def _ask(self, worker: _Worker, job: _Job) -> _Outcome:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_sec):
                return await loop.run_in_executor(self._waiters, worker.ask, job)
        except TimeoutError:
            raise WorkerTimeoutError(
                f"{job.subject}: not done after {self._timeout_sec:g} s; given up.",
                hint="The file may be damaged, or the machine busy.",
            ) from None
        except (EOFError, OSError):
            how = await loop.run_in_executor(self._waiters, worker.how_it_died)
            raise WorkerCrashedError(
                f"{job.subject}: the process that worked on it died ({how}).",
                hint="The file may be damaged; or the machine ran out of memory.",
            ) from None

    def _idle_worker(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            self._lose(worker)
        return None

    def _start(self) -> _Worker:
        # In this thread, not in one of a pool: on Linux a worker dies with the thread it came from.
        worker = _Worker(self._memory_limit_bytes)
        self._workers.append(worker)
        return worker

    def _lose(self, worker: _Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
            worker.kill()


@dataclass(frozen=True)
class _Job:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]

    @property
    def subject(self) -> str:
        """What the job is about, for an error."""
        paths = (argument for argument in self.arguments if isinstance(argument, Path))
        return str(next(paths, self.function.__name__))


@dataclass(frozen=True)
class _Outcome:
    """What came of a job: a value, or the error and where it was raised."""

    value: Any = None
    error: Exception | None = None
    trace: str = ""

    @property
    def out_of_memory(self) -> bool:
        return isinstance(self.error, WorkerMemoryError)

    def value_or_raise(self) -> Any:
        if self.error is None:
            return self.value
        if not isinstance(self.error, MediaError):
            self.error.add_note(f"In a worker process:\n{self.trace}")
        raise self.error


class _Worker:
    """One worker process, seen from the main one."""

    def __init__(self, memory_limit_bytes: int | None) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process: SpawnProcess = spawn.Process(
            target=_serve,
            args=(theirs, os.getpid(), memory_limit_bytes),
            name="three-stage-media",
            daemon=True,
        )
        self._process.start()
        theirs.close()

    def ask(self, job: _Job) -> _Outcome:
        """Send a job and wait for its outcome. Raises EOFError or OSError when the worker dies."""
        self._pipe.send_bytes(pickle.dumps(job))
        return cast("_Outcome", pickle.loads(self._pipe.recv_bytes()))  # noqa: S301 - our own child

    def is_alive(self) -> bool:
        """Tell whether the process still runs; an idle one may have been killed from outside."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End the process; a thread that waits for its answer gets EOFError."""
        self._process.kill()

    def how_it_died(self) -> str:
        """Return words for the end of a process that has ended, or is about to."""
        self._process.join(ENDING_TAKES_SEC)
        code = self._process.exitcode
        if code is None:
            return "it closed its connection"
        if code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}"


def _serve(pipe: Connection, parent_pid: int, memory_limit_bytes: int | None) -> None:
    """Work on jobs until the pipe closes; the main function of a worker process."""
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's affair
    _limit_memory(memory_limit_bytes)
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_pickled(_outcome_of(pipe.recv_bytes(), memory_limit_bytes)))
            _give_memory_back()


def _give_memory_back() -> None:
    """Return to the system what a job freed: glibc keeps a pool's worth of it otherwise."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has none
            ctypes.CDLL(None).malloc_trim(0)


def _outcome_of(request: bytes, memory_limit_bytes: int | None) -> _Outcome:
    try:
        job = pickle.loads(request)  # noqa: S301 - from our own parent
        try:
            return _Outcome(job.function(*job.arguments, **job.keywords))
        except MemoryError:
            return _Outcome(error=_memory_error(job.subject, memory_limit_bytes))
    except Exception as error:
        return _Outcome(error=error, trace=traceback.format_exc())


def _memory_error(subject: str, memory_limit_bytes: int | None) -> WorkerMemoryError:
    limit = "there is" if memory_limit_bytes is None else f"{memory_limit_bytes / 1024**3:.1f} GiB"
    return WorkerMemoryError(f"{subject}: needs more memory than {limit}.")


def _pickled(outcome: _Outcome) -> bytes:
    try:
        data = pickle.dumps(outcome)
        if outcome.error is not None:
            pickle.loads(data)  # noqa: S301 - some errors can be pickled, but not restored
    except Exception as error:
        what = type(outcome.value if outcome.error is None else outcome.error).__name__
        refused = MediaError(f"A {what} cannot leave its worker process ({error}).")
        return pickle.dumps(_Outcome(error=refused, trace=outcome.trace))
    return data


def _limit_memory(limit_bytes: int | None) -> None:
    # One thread is enough for our arrays, and each more would count against the limit.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if limit_bytes is not None and sys.platform == "linux":
        import resource  # noqa: PLC0415 - not everywhere

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _call(name: str, *arguments: Any, **keywords: Any) -> Any:
    """Call a function of this room by name: its decoders are imported in the workers only."""
    return getattr(import_module("three_stage.media"), name)(*arguments, **keywords)
