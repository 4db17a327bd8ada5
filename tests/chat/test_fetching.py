"""What a program names by address is fetched from public places alone, within bounds."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.loopback import on_loopback
from tests.support.running_chat import running_chat
from three_stage.chat.errors import BadRequestError, ChatError, ForbiddenError, TooLargeError
from three_stage.chat.fetching import Fetcher, public_address

LIMIT = 100_000


@dataclass
class Site:
    """A site on loopback: what lies at its paths, and who asked."""

    port: int = 0
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        self.asked.append((headers["host"], scope["path"]))
        status, head, content = self.answers[scope["path"]]
        pairs = [(key.encode(), value.encode()) for key, value in head.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})


@contextmanager
def _site(**answers: tuple[int, dict[str, str], bytes]) -> Iterator[Site]:
    site = Site(answers={f"/{name}": answer for name, answer in answers.items()})
    with on_loopback(site) as base:
        site.port = urlsplit(base).port or 0
        yield site


def _fetched(url: str, look: Callable[[str, int], Awaitable[str]] | None = None) -> bytes:
    return asyncio.run(Fetcher(most_bytes=LIMIT, look=look).fetch(url))


async def _here(_host: str, _port: int) -> str:
    """Let every name lead to this machine, as an address that was looked at."""
    return "127.0.0.1"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Answer for names instead of the system's resolver: name → addresses."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def answer(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *rest, **options)
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in known[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
        "0", "0.0.0.0", "localhost",  # noqa: S104
        "LOCALHOST", "127.0.0.1.", "[::1]", "[::]", "10.0.0.1",
        "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
        "[2002:a00:1::1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[fe80::1]", "[fec0::1]",
        "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[100::1]",
        "[::ffff:0:127.0.0.1]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_a_private_address_is_fetched(scheme: str, host: str) -> None:
    with pytest.raises(ChatError) as caught:
        _fetched(f"{scheme}://{host}/latest/meta-data/")
    assert isinstance(caught.value, ForbiddenError | BadRequestError)
    assert "answered" not in str(caught.value)


async def _public(addresses: list[str]) -> list[bool]:
    verdicts = []
    for address in addresses:
        try:
            verdicts.append(await public_address(address, 443) == address)
        except ForbiddenError:
            verdicts.append(False)
    return verdicts


@settings(max_examples=20)
@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=50))
def test_of_ipv4_what_is_fetched_is_what_is_global(addresses: list[Any]) -> None:
    verdicts = asyncio.run(_public([str(address) for address in addresses]))
    assert verdicts == [each.is_global and not each.is_multicast for each in addresses]


@settings(max_examples=20)
@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=20))
def test_no_address_of_ipv4_inside_one_of_ipv6_is_fetched(addresses: list[Any]) -> None:
    inner = [f"{int(each) >> 16:x}:{int(each) & 0xFFFF:x}" for each in addresses]
    forms = ("::ffff:{}", "::{}", "64:ff9b::{}", "2002:{}::")
    spelled = [form.format(each) for each in inner for form in forms]
    assert not any(asyncio.run(_public(spelled)))


def test_a_name_is_refused_when_one_of_its_addresses_is_private(
    names: dict[str, list[str]],
) -> None:
    names["both.example"] = ["93.184.215.14", "10.0.0.7"]
    names["inside.example"] = ["192.168.7.7"]
    names["six.example"] = ["2606:2800:21f:cb07::1", "fd12::1"]
    names["nobody.example"] = []
    for name in names:
        with pytest.raises(ForbiddenError):
            _fetched(f"http://{name}/video.mp4")
    names["open.example"] = ["93.184.215.14", "2606:2800:21f:cb07::1"]
    assert asyncio.run(public_address("open.example", 443)) == "93.184.215.14"


def test_ports_of_other_services_are_not_fetched_from(names: dict[str, list[str]]) -> None:
    names["open.example"] = ["93.184.215.14"]
    for port in (22, 25, 6379, 8080, 65535):
        with pytest.raises(ForbiddenError, match=str(port)):
            _fetched(f"http://open.example:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://open.example/a", "gopher://open.example/", "//open.example/",
        "http://", "http:///a", "http://[", "http://[::1", "http://a b/", "http://\x00/",
        "http://open.example:99999/", "http://open.example:x/", "http://" + "a" * 300 + "/",
        "http://" + "a." * 200 + "/", "https://xn--/", "http://%00/", "http://..", "",
    ],
)  # fmt: skip
def test_an_odd_address_is_refused(url: str) -> None:
    with pytest.raises(ChatError) as caught:
        _fetched(url)
    assert caught.value.status in (400, 403)


def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    # Nobody knows this name: only what the look returned can lead anywhere.
    with _site(video=(200, {}, b"moving")) as site:
        url = f"http://video.invalid:{site.port}/video?x=1"
        assert _fetched(url, _here) == b"moving"
        assert site.asked == [(f"video.invalid:{site.port}", "/video")]


def test_a_name_that_changes_after_the_look_leads_nowhere_else(
    names: dict[str, list[str]],
) -> None:
    looks: list[str] = []

    async def look(host: str, _port: int) -> str:
        looks.append(host)
        names[host] = ["127.0.0.2"]  # from now on the name means another machine
        return "127.0.0.1"

    with _site(video=(200, {}, b"first")) as site:
        assert _fetched(f"http://changing.example:{site.port}/video", look) == b"first"
    assert looks == ["changing.example"]


def test_every_redirect_is_looked_at() -> None:
    looks: list[tuple[str, int]] = []

    async def look(host: str, port: int) -> str:
        looks.append((host, port))
        if host != "open.example":
            raise ForbiddenError("That address is not public.")
        return "127.0.0.1"

    with _site() as site:
        for number, target in enumerate(
            ["http://127.0.0.1/secret", "http://inside.example/", "//[::1]/", "https://10.0.0.1/"]
        ):
            site.answers[f"/{number}"] = (302, {"location": target}, b"")
            with pytest.raises(ForbiddenError):
                _fetched(f"http://open.example:{site.port}/{number}", look)
        for number, target in enumerate(["file:///etc/passwd", "ftp://open.example/", "data:,x"]):
            site.answers[f"/other{number}"] = (301, {"location": target}, b"")
            with pytest.raises(BadRequestError):
                _fetched(f"http://open.example:{site.port}/other{number}", look)
        site.answers["/moved"] = (308, {"location": "/there"}, b"")
        site.answers["/there"] = (200, {}, b"moving")
        assert _fetched(f"http://open.example:{site.port}/moved", look) == b"moving"
    assert looks[-2:] == [("open.example", site.port)] * 2


def test_redirects_have_an_end() -> None:
    with _site(round=(302, {"location": "/round"}, b"")) as site:
        with pytest.raises(BadRequestError, match="on and on"):
            _fetched(f"http://open.example:{site.port}/round", _here)
        assert len(site.asked) == 4


def test_what_is_too_large_or_packed_or_missing_is_refused() -> None:
    packed = gzip.compress(bytes(5_000_000))
    with _site(
        large=(200, {}, bytes(LIMIT + 1)),
        whole=(200, {}, bytes(LIMIT)),
        bomb=(200, {"content-encoding": "gzip"}, packed),
        gone=(404, {}, b"no"),
        broken=(500, {}, b"no"),
    ) as site:
        base = f"http://open.example:{site.port}"
        assert len(_fetched(f"{base}/whole", _here)) == LIMIT
        with pytest.raises(TooLargeError):
            _fetched(f"{base}/large", _here)
        for name in ("bomb", "gone", "broken"):
            with pytest.raises(BadRequestError):
                _fetched(f"{base}/{name}", _here)


def test_who_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("three_stage.chat.fetching.TIME_LIMIT_SEC", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(BadRequestError, match="no answer"):
            _fetched(f"http://open.example:{port}/", _here)


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy would fetch what we refuse; a key in ~/.netrc is nobody's business.
    with _site(video=(200, {}, b"moving")) as site, _site() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert _fetched(f"http://video.invalid:{site.port}/video", _here) == b"moving"
        assert proxy.asked == []


def test_a_server_that_may_fetch_refuses_private_addresses_by_http(tmp_path: Path) -> None:
    urls = ["http://127.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://2130706433/",
            "http://169.254.169.254/latest/", "https://localhost/"]  # fmt: skip
    with (
        running_chat(tmp_path, server={"allow_url_fetch": True}) as address,
        httpx2.Client(base_url=address) as client,
    ):
        own = urlsplit(address).port
        urls.append(f"http://127.0.0.1:{own}/healthz")
        for url, kind in itertools.product(urls, ["video_url", "image_url"]):
            content = [{"type": kind, kind: {"url": url}}, {"type": "text", "text": "?"}]
            given = client.post(
                "/v1/chat/completions",
                json={"model": "offline", "messages": [{"role": "user", "content": content}]},
            )
            assert given.status_code == 403, (url, given.text)
            assert given.json()["error"]["code"] == "forbidden"
