"""The chat's page in a browser: a person's steps, and a model that says what a test dictates."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.browser import WIDE, Watched, watched_tab
from tests.support.loopback import on_loopback
from tests.support.running_chat import running_chat

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

MODEL = "dictated-vl"
FRAMES = 12
_LOOKS_EVERY_SEC = 0.005
_STREAM = [(b"content-type", b"text/event-stream")]


@dataclass(frozen=True)
class _Refusal:
    status: int
    message: str


class _End:
    pass


@dataclass
class DictatedModel:
    """An OpenAI-compatible endpoint; what is dictated goes to the request that is open, or next."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    _said: queue.SimpleQueue[str | _Refusal | _End] = field(default_factory=queue.SimpleQueue)
    _client_left: threading.Event = field(default_factory=threading.Event)

    def say(self, text: str) -> None:
        """Write a piece of an answer."""
        self._said.put(text)

    def end(self, text: str = "") -> None:
        """Write a last piece and end the answer."""
        if text:
            self._said.put(text)
        self._said.put(_End())

    def refuse(self, status: int, message: str) -> None:
        """Answer the next request with an error."""
        self._said.put(_Refusal(status, message))

    def was_left_within(self, seconds: float) -> bool:
        """Tell whether the client leaves an answer before its end; each leaving is told once."""
        has_left = self._client_left.wait(seconds)
        self._client_left.clear()
        return has_left

    def pictures_of(self, number: int) -> int:
        """Return how many pictures a request had; it may be counted from the end (-1)."""
        parts = [p for m in self.bodies[number]["messages"] if isinstance(m["content"], list)
                 for p in m["content"]]  # fmt: skip
        return sum(part["type"] == "image_url" for part in parts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an ASGI application."""
        raw = b""
        while (message := await receive())["type"] == "http.request":
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"].endswith("/models"):
            listed = {"object": "list", "data": [{"id": MODEL}, {"id": "second-vl"}]}
            await _send_json(send, 200, listed)
            return
        self.bodies.append(json.loads(raw))
        leaving = asyncio.ensure_future(receive())
        has_begun = False
        while (said := await self._next(leaving)) is not None:
            if isinstance(said, _Refusal):
                await _send_json(send, said.status, {"error": {"message": said.message}})
                break
            if not has_begun:
                await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
                has_begun = True
            is_over = isinstance(said, _End)
            model = self.bodies[-1]["model"]
            lines = (
                _chunk(model, {}, "stop") + b"data: [DONE]\n\n"
                if isinstance(said, _End)
                else _chunk(model, {"content": said})
            )
            await send({"type": "http.response.body", "body": lines, "more_body": not is_over})
            if is_over:
                break
        leaving.cancel()

    async def _next(self, leaving: asyncio.Future[Any]) -> str | _Refusal | _End | None:
        """Wait for the next words; None when the client left."""
        while not leaving.done():
            try:
                return self._said.get_nowait()
            except queue.Empty:
                await asyncio.sleep(_LOOKS_EVERY_SEC)
        self._client_left.set()
        return None


def _chunk(model: str, delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    told = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": model,
            "choices": [choice]}  # fmt: skip
    return f"data: {json.dumps(told)}\n\n".encode()


async def _send_json(send: Any, status: int, body: Any) -> None:
    head = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@dataclass(frozen=True)
class Chat:
    """A running chat whose model is dictated."""

    address: str
    data_dir: Path
    model: DictatedModel


@contextmanager
def dictated_model() -> Iterator[DictatedModel]:
    """Serve a model while the context lasts."""
    model = DictatedModel()
    with on_loopback(model) as model.url:
        yield model


@contextmanager
def dictated_chat(data_dir: Path, **server: Any) -> Iterator[Chat]:
    """Serve a chat while the context lasts; ``server`` are fields of ServerSettings."""
    with dictated_model() as model:
        endpoint = {"api_base": model.url, "model": MODEL, "api_key": "key", "api_call_retries": 0}
        with running_chat(
            data_dir, server=server, endpoint=endpoint, sampling={"max_frames": FRAMES}
        ) as address:
            yield Chat(address, data_dir, model)


@contextmanager
def visitor(
    browser: Browser, address: str, *, size: tuple[int, int] = WIDE, **context: Any
) -> Iterator[Watched]:
    """Open the page; nothing but its server may be asked, and nothing may be complained about."""
    allowed = (f"{address}/", "data:", f"blob:{address}")
    with watched_tab(browser, allowed=allowed, size=size, **context) as seen:
        seen.tab.set_default_timeout(20_000)
        seen.tab.goto(f"{address}/")
        yield seen


def upload(tab: Tab, video: Path) -> None:
    """Choose a file by the button."""
    with tab.expect_file_chooser() as chooser:
        tab.click("#choose-video")
    chooser.value.set_files(video)


def upload_and_see(tab: Tab, video: Path, frames: int = FRAMES) -> None:
    """Choose a video and wait for its strip of frames and its player."""
    upload(tab, video)
    see_frames(tab, frames)
    tab.wait_for_function("() => document.getElementById('player').readyState >= 1")


def see_frames(tab: Tab, frames: int = FRAMES) -> None:
    """Wait until a conversation is shown and its strip has so many frames."""
    frame = "#stage:not([hidden]) #strip button"
    wait_until(tab, f"n => document.querySelectorAll('{frame}').length === n", frames)


def ask(tab: Tab, question: str) -> None:
    """Write a question and send it with Enter."""
    tab.fill("#question", question)
    tab.press("#question", "Enter")


def wait_until(tab: Tab, script: str, arg: Any = None) -> None:
    """Wait until something is so on the page."""
    tab.wait_for_function(script, arg=arg)


def see_answer(tab: Tab, text: str, state: str | None = None) -> None:
    """Wait until the last message is an answer with this text in it, and in this state."""
    wait_until(
        tab,
        """([text, state]) => {
          const last = [...document.querySelectorAll("#messages > li")].at(-1);
          const isSo = last?.matches(".assistant") && last.innerText.includes(text);
          return isSo && (state === null || last.dataset.state === state);
        }""",
        [text, state],
    )


def player_sec(tab: Tab) -> float:
    """Return where the player stands."""
    return float(tab.evaluate("document.getElementById('player').currentTime"))


def see_player_at(tab: Tab, time_sec: float) -> None:
    """Wait until the player stands there."""
    wait_until(
        tab,
        "t => Math.abs(document.getElementById('player').currentTime - t) < 0.02",
        time_sec,
    )


def kept_files(folder: Path) -> list[str]:
    """Return what is kept of videos: every file but the database's and the lock."""
    apart = ("sqlite", ".lock")
    found = [p.name for p in folder.rglob("*") if p.is_file()]
    return [name for name in found if not any(word in name for word in apart)]


def tab_to(tab: Tab, selector: str, *, key: str = "Tab") -> None:
    """Press Tab until the focus stands there; on every way station it must be seen."""
    for _press in range(80):
        tab.keyboard.press(key)
        unseen = tab.evaluate(_UNSEEN_FOCUS)
        assert unseen is None, unseen
        if tab.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


_UNSEEN_FOCUS = """() => {
  const at = document.activeElement;
  if (at === document.body || at.matches("video")) return null;  // its buttons mark themselves
  const box = at.getBoundingClientRect();
  const isThere = at.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
    && box.top < innerHeight && box.left < innerWidth;
  const around = [at, at.parentElement, at.parentElement.parentElement];
  const isMarked = around.map((e) => getComputedStyle(e)).some((style) =>
    (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
    || style.boxShadow !== "none");
  return isThere && isMarked ? null : at.outerHTML.slice(0, 120);
}"""
"""The element that has the focus without a mark that can be seen; null when all is well."""
