"""The chat under load: conversations stream at once while a large video is uploaded.

``python -m tests.campaigns.chat_load --output docs/chat_load.md`` does all of it, with the real
command as a process, an endpoint that streams canned answers as another one, and readers of this
process that take every event.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx2
import imageio_ffmpeg

from tests.campaigns.canned_upstream import canned
from tests.campaigns.process_memory import Memory, MemoryWatch
from tests.support.chat_client import FINAL, ChatClient, EventLines, Shown
from tests.support.running_chat import ChatProcess, chat_process

MB = 1_000_000
MOST_MEMORY_MB = 600
LONGEST_FIRST_TOKEN_SEC = 0.5
GIVEN_UP_AFTER_SEC = 180.0
_SENT_AT_ONCE = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much: conversations at once, spread over some videos, their answers, the upload."""

    conversations: int = 50
    videos: int = 5
    pieces: int = 400
    takes_sec: float = 20.0
    upload_mb: int = 500
    first_tokens: int = 20
    video_sec: int = 20


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """What the readers and the endpoint saw."""

    exact: int
    finished: int
    latencies_sec: tuple[float, ...]
    most_at_once: int
    body_mb: float
    upload_status: int
    upload_sec: float
    is_beside: bool
    memory: Memory
    looks: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything that was measured."""

    load: Load
    streaming: Streaming
    first_tokens_sec: tuple[float, ...]

    def deviations(self) -> Iterator[str]:
        """Yield what is not as it must be."""
        told, wanted = self.streaming, self.load.conversations
        if told.exact != wanted:
            yield f"{wanted - told.exact} of {wanted} readers have not exactly the answer's text"
        if told.finished != wanted:
            yield f"{wanted - told.finished} of {wanted} answers did not end well"
        if told.most_at_once != wanted:
            yield f"only {told.most_at_once} of {wanted} answers were streamed at once"
        if told.upload_status != 201:
            yield f"the upload was answered with {told.upload_status}"
        if not told.is_beside:
            yield "the upload was not under way while the answers were"
        if told.looks and told.memory.tree_pss > MOST_MEMORY_MB * MB:
            yield f"memory reached {told.memory.tree_pss / MB:.0f} MB"
        first_sec = statistics.median(self.first_tokens_sec)
        if first_sec > LONGEST_FIRST_TOKEN_SEC:
            yield f"the first token took {first_sec * 1000:.0f} ms"


class Reader:
    """Follows one conversation's events and remembers when how much of its answer was there."""

    def __init__(self, http: httpx2.AsyncClient, conversation_id: str, number: int) -> None:
        self._http = http
        self._path = f"/api/conversations/{conversation_id}"
        self.number = number
        self.shown = Shown()
        self.grown: list[tuple[float, int]] = []

    @property
    def text(self) -> str:
        """The answer as it is shown."""
        return self.shown.texts[max(self.shown.texts)]

    @property
    def state(self) -> str:
        """The answer's state."""
        return self.shown.states[max(self.shown.states)]

    async def follow(self, began: asyncio.Event) -> None:
        """Ask, and read until the answer has ended; tell when it begins."""
        async with self._http.stream("GET", f"{self._path}/events") as response:
            lines = response.aiter_lines()
            await anext(lines)
            asked = {"text": f"What happens in number {self.number}?"}
            (await self._http.post(f"{self._path}/messages", json=asked)).raise_for_status()
            reading = EventLines()
            async for line in lines:
                event = reading.feed(line)
                if event is None:
                    continue
                self.shown.take(event)
                if event.name in ("message", "delta", "finished"):
                    self.grown.append((time.monotonic(), len(self.text)))
                if event.name == "delta":
                    began.set()
                if event.name == "finished" and event.data["state"] in FINAL:
                    return

    def latencies_sec(self, sent_at_sec: Sequence[float], pieces: Sequence[str]) -> Iterator[float]:
        """Yield for every piece how long it took from the endpoint to this reader."""
        arrived = iter(self.grown)
        at_sec, length = next(arrived)
        end = 0
        for sent_sec, piece in zip(sent_at_sec, pieces, strict=True):
            end += len(piece)
            while length < end:
                at_sec, length = next(arrived)
            yield at_sec - sent_sec


def run(load: Load, scratch: Path) -> Outcome:
    """Run everything."""
    videos = [
        _write_base(scratch / f"video {number}.mp4", number, load.video_sec)
        for number in range(load.videos)
    ]
    large = _write_large(scratch, videos[0], load.upload_mb)
    return Outcome(
        load=load,
        streaming=_streaming(load, videos, large, scratch / "data"),
        first_tokens_sec=_first_tokens(load, videos[0], scratch / "offline"),
    )


def _streaming(load: Load, videos: Sequence[Path], large: Path, data: Path) -> Streaming:
    with (
        _upstream(load) as endpoint,
        chat_process(
            "--data-dir", str(data), "--api-base", endpoint, "--model", "canned",
            "--concurrency", str(load.conversations),
        ) as server,
    ):  # fmt: skip
        conversations = _begin_all(server, videos, load.conversations)
        return asyncio.run(_stream(load, server, conversations, large, endpoint))


def _begin_all(server: ChatProcess, videos: Sequence[Path], count: int) -> list[str]:
    """Upload the videos and begin the conversations; return when all pictures are there."""
    with ChatClient(server.address) as client:
        known = [client.video(video) for video in videos]
        begun = [client.begin(known[number % len(known)]["id"]) for number in range(count)]
        for conversation_id in begun[: len(videos)]:
            assert client.strip(conversation_id)["state"] == "ready"
        return begun


async def _stream(
    load: Load, server: ChatProcess, conversations: Sequence[str], large: Path, endpoint: str
) -> Streaming:
    limits = httpx2.Limits(max_connections=None)
    size = large.stat().st_size  # noqa: ASYNC240 - nothing else runs yet
    with MemoryWatch(server.process.pid) as watch:
        async with httpx2.AsyncClient(
            base_url=server.address, timeout=GIVEN_UP_AFTER_SEC, limits=limits, trust_env=False
        ) as http:
            readers = [Reader(http, one, number) for number, one in enumerate(conversations)]
            async with asyncio.timeout(GIVEN_UP_AFTER_SEC), asyncio.TaskGroup() as tasks:
                began = asyncio.Event()
                uploading = tasks.create_task(_upload(http, large, size, load, began))
                for reader in readers:
                    tasks.create_task(reader.follow(began))
            began_sec, ended_sec, status = await uploading
            sent = (await http.get(f"{endpoint.removesuffix('/v1')}/sent")).json()
    answers = {reader.number: canned(reader.number, load.pieces) for reader in readers}
    times = {int(number): at_sec for number, at_sec in sent["sent_at_sec"].items()}
    exact = [reader for reader in readers if reader.text == "".join(answers[reader.number])]
    first_sec = min(min(at_sec) for at_sec in times.values())
    last_sec = max(max(at_sec) for at_sec in times.values())
    return Streaming(
        exact=len(exact),
        finished=sum(reader.state == "done" for reader in readers),
        latencies_sec=tuple(
            late
            for reader in exact
            for late in reader.latencies_sec(times[reader.number], answers[reader.number])
        ),
        most_at_once=sent["most_at_once"], body_mb=sent["most_body_bytes"] / MB,
        upload_status=status, upload_sec=ended_sec - began_sec,
        is_beside=began_sec < last_sec and ended_sec > first_sec,
        memory=watch.most, looks=watch.looks,
    )  # fmt: skip


async def _upload(
    http: httpx2.AsyncClient, large: Path, size: int, load: Load, began: asyncio.Event
) -> tuple[float, float, int]:
    """Upload the file once an answer began, over about half of the time that the answers take."""
    await began.wait()
    begins_sec = time.monotonic()

    async def content() -> AsyncIterator[bytes]:
        sent = 0
        with large.open("rb") as file:
            while piece := file.read(_SENT_AT_ONCE):
                due_sec = begins_sec + load.takes_sec / 2 * sent / size
                await asyncio.sleep(max(0.0, due_sec - time.monotonic()))
                yield piece
                sent += len(piece)

    response = await http.post(
        "/api/videos", params={"name": "large.mp4"}, content=content(),
        headers={"Content-Length": str(size)},
    )  # fmt: skip
    return begins_sec, time.monotonic(), response.status_code


def _first_tokens(load: Load, video: Path, data: Path) -> tuple[float, ...]:
    """Ask the embedded model in one conversation after another; return how long each waited."""
    with (
        chat_process("--data-dir", str(data)) as server,
        ChatClient(server.address) as client,
    ):
        known = client.video(video)
        client.strip(client.begin(known["id"]))
        return tuple(_first_token_sec(client, known["id"]) for _ in range(load.first_tokens))


def _first_token_sec(client: ChatClient, video_id: str) -> float:
    conversation_id = client.begin(video_id)
    with client.events(conversation_id) as events:
        next(events)
        began_sec = time.monotonic()
        client.ask(conversation_id, "When does the picture change most?")
        shown = Shown()
        for event in events:
            shown.take(event)
            if shown.texts and shown.texts[max(shown.texts)] and event.name != "conversation" \
                    and shown.states[max(shown.states)] == "writing":  # fmt: skip
                return time.monotonic() - began_sec
    raise RuntimeError("the events ended before the answer began")


@contextmanager
def _upstream(load: Load) -> Iterator[str]:
    """Run the endpoint; yields its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaigns.canned_upstream", str(load.pieces),
         str(load.takes_sec), str(load.conversations)],
        stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def _write_base(path: Path, seed: int, length_sec: int) -> Path:
    """Write a video of 1280x720 with much in every picture, so that its JPEGs are large."""
    drawn = f"testsrc2=size=1280x720:rate=10:duration={length_sec}"
    _ffmpeg(
        "-f", "lavfi", "-i", drawn, "-vf", f"noise=alls=12:allf=t:all_seed={seed + 1}", "-c:v",
        "mpeg4", "-q:v", "2", "-g", "10", str(path),
    )  # fmt: skip
    return path


def _write_large(folder: Path, base: Path, size_mb: int) -> Path:
    """Write a video of about a size: the other one, again and again."""
    loops = max(0, round(size_mb * MB / base.stat().st_size) - 1)
    path = folder / "large.mp4"
    _ffmpeg("-stream_loop", str(loops), "-i", str(base), "-c", "copy", str(path))
    return path


def _ffmpeg(*arguments: str) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *arguments], check=True)


def report(outcome: Outcome) -> str:
    """Return the outcome as Markdown."""
    load, told = outcome.load, outcome.streaming
    late = sorted(1000 * sec for sec in told.latencies_sec) or [0.0]
    first = sorted(1000 * sec for sec in outcome.first_tokens_sec)
    rows = [
        ("answers streamed at once", f"{told.most_at_once}", f"{load.conversations}"),
        ("readers with exactly the answer's text", f"{told.exact}", f"{load.conversations}"),
        ("answers that ended well", f"{told.finished}", f"{load.conversations}"),
        ("upload beside them: status", f"{told.upload_status}", "201"),
        (f"its {load.upload_mb} MB took", f"{told.upload_sec:.1f} s", ""),
        ("most memory of all its processes (PSS)", f"{told.memory.tree_pss / MB:.0f} MB",
         f"< {MOST_MEMORY_MB} MB"),
        ("the same, shared pages counted in each of them (RSS)",
         f"{told.memory.tree / MB:.0f} MB", ""),
        ("most memory of the server's own process (RSS)", f"{told.memory.main / MB:.0f} MB", ""),
        ("largest request to the endpoint", f"{told.body_mb:.1f} MB", ""),
        ("a piece from the endpoint to a reader, median", f"{statistics.median(late):.0f} ms", ""),
        ("the same, 99 of 100", f"{late[int(len(late) * 0.99)]:.0f} ms", ""),
        (f"first token of the embedded model, median of {len(first)}",
         f"{statistics.median(first):.0f} ms",
         f"≤ {LONGEST_FIRST_TOKEN_SEC * 1000:.0f} ms"),
        ("the same, slowest", f"{first[-1]:.0f} ms", ""),
    ]  # fmt: skip
    lines = ["# The chat under load", "", *_about(load), "", "| what | measured | wanted |"]
    lines += ["|---|---:|---:|", *(f"| {' | '.join(row)} |" for row in rows)]
    bad = [f"- {line}" for line in outcome.deviations()]
    return "\n".join([*lines, "", "## Deviations", "", *(bad or ["None."])]) + "\n"


def _about(load: Load) -> list[str]:
    made = (
        "Made by `python -m tests.campaigns.chat_load --output docs/chat_load.md`. "
        f"`chat_server.py` runs as a process; {load.conversations} conversations about "
        f"{load.videos} videos of 1280x720 ask at once, and an endpoint in a process of its own "
        f"answers each with {load.pieces} pieces over {load.takes_sec:g} s. Meanwhile a video of "
        f"{load.upload_mb} MB is uploaded; when it is there, its pictures are made. Every event of "
        "every conversation is read, and the text that a page would show is compared with what the "
        "endpoint said. Memory is looked at ten times a second, in the server's process and all "
        "that it started. The last lines are of another server with the embedded model, one "
        "question at a time, pictures ready, counted from the question to the first text."
    )
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    machine = (
        f"Machine: {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()}, Python "
        f"{platform.python_version()}; endpoint, readers and server share it."
    )
    return [made, "", machine]


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0] if __doc__ else None)
@click.option("--output", type=click.Path(path_type=Path), help="Where the report goes.")
def main(output: Path | None) -> None:
    """Run the campaign."""
    with tempfile.TemporaryDirectory() as scratch:
        outcome = run(Load(), Path(scratch))
    text = report(outcome)
    if output is not None:
        output.write_text(text, encoding="utf-8", newline="\n")
    click.echo(text)
    if any(outcome.deviations()):
        raise click.ClickException("the chat under load is not as it must be")


if __name__ == "__main__":
    main()
