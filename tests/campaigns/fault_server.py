"""The embedded model behind a scripted server: a fault where a case wants one, else an answer."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from tests.campaigns.fault_kinds import (
    HEALTHY,
    Body,
    Completion,
    Fault,
    IgnoresSchema,
    Outage,
    Refuses,
    Spoilt,
    Where,
)
from tests.support.scripted_server import Hang, Raw, Received, ScriptedServer, Step
from three_stage.vlm.offline import create_app

LOOK_EVERY_SEC = 0.05


class Answers:
    """What the embedded model says, kept: many runs over the same videos ask the same."""

    def __init__(self) -> None:
        self._app: Any = create_app()
        self._known: dict[str, Completion] = {}

    async def to(self, body: Body) -> Completion:
        """Return the completion for a request. Raises ValueError when the model refuses it."""
        raw = json.dumps(body).encode()
        digest = hashlib.sha256(raw).hexdigest()
        if digest not in self._known:
            self._known[digest] = await self._asked(raw)
        return self._known[digest]

    async def _asked(self, raw: bytes) -> Completion:
        said: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message.get("body", b""))

        scope: dict[str, Any] = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions", "root_path": "",
            "query_string": b"", "headers": [], "client": None, "server": None,
        }  # fmt: skip
        await self._app(scope, receive, send)
        completion: Completion = json.loads(b"".join(said))
        if "choices" not in completion:
            raise ValueError(f"the embedded model refused: {completion}")
        return completion


class FaultyEndpoint:
    """One endpoint at one port for one run; a context manager that counts what came.

    ``where`` None: nothing goes wrong but an ``outage``. A server that comes back does so only
    after ``was_missed`` says that somebody knocked meanwhile, however slow the machine is.
    """

    def __init__(
        self,
        answers: Answers,
        *,
        fault: Fault = HEALTHY,
        where: Where | None = None,
        outage: Outage | None = None,
        was_missed: Callable[[], bool] = lambda: True,
    ) -> None:
        self._answers, self._fault, self._where, self._outage = answers, fault, where, outage
        self._was_missed = was_missed
        self._lock = threading.Lock()
        self._goes_away = threading.Event()
        self._is_over = threading.Event()
        self.requests = 0
        self.answered: Counter[str] = Counter()
        """How often each question got an answer that can be used, by the question's digest."""
        self.used_tokens: list[tuple[int, int]] = []
        """Prompt and completion tokens that each answer told."""
        self.port = _free_port()

    def __enter__(self) -> Self:
        self._serving = ExitStack()
        if self._outage is None or self._outage.after_requests > 0:
            self._serving.enter_context(self._server())
        self._keeper = threading.Thread(target=self._go_away_and_come_back, daemon=True)
        if self._outage is not None:
            self._keeper.start()
            if self._outage.after_requests == 0:
                self._goes_away.set()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._goes_away.set()
        if self._outage is not None:
            self._keeper.join()
        self._serving.close()

    def _server(self) -> ScriptedServer:
        return ScriptedServer(self._script, port=self.port)

    def _go_away_and_come_back(self) -> None:
        assert self._outage is not None
        self._goes_away.wait()
        self._serving.close()
        if self._outage.for_sec is None:
            return
        while not self._was_missed() and not self._is_over.wait(LOOK_EVERY_SEC):
            pass
        if not self._is_over.wait(self._outage.for_sec):
            self._serving.enter_context(self._server())

    async def _script(self, received: Received) -> Step:
        with self._lock:
            self.requests += 1
            number = self.requests
        if self._outage is not None and self._outage.after_requests == number - 1 > 0:
            self._goes_away.set()
            return Hang()
        if self._where is None or not self._where.strikes(number, received):
            return await self._answer(received.body, received)
        return await self._play(received)

    async def _play(self, received: Received) -> Step:
        body, play = received.body, self._fault.play
        if isinstance(play, Spoilt):
            completion = await self._answers.to(body)
            if play.is_usable:
                self._count(completion, received)
            return play.change(completion)
        if isinstance(play, Refuses):
            return play.refusal(body) or await self._answer(body, received)
        if isinstance(play, IgnoresSchema):
            without = {name: body[name] for name in body if name != "response_format"}
            return await self._answer(without, received)
        return play if isinstance(play, Step) else play()

    async def _answer(self, body: Body, received: Received) -> Step:
        completion = await self._answers.to(body)
        if completion["choices"][0]["message"]["content"].startswith("{"):
            self._count(completion, received)
        return Raw(json.dumps(completion).encode())

    def _count(self, completion: Completion, received: Received) -> None:
        usage = completion["usage"]
        digest = hashlib.sha256(json.dumps(received.body["messages"]).encode()).hexdigest()
        with self._lock:
            self.answered[digest] += 1
            self.used_tokens.append((usage["prompt_tokens"], usage["completion_tokens"]))


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
