"""Requests that no ordinary client would send, over a plain socket."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit


def raw_request(
    address: str,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Iterable[bytes] = (),
    timeout_sec: float = 10.0,
) -> tuple[int, dict[str, str], bytes]:
    """Send exactly this and return status, headers (names in lower case) and the body's bytes.

    A server that stops reading while ``body`` is sent ends
    the sending; what it answered is read all the same.
    """
    place = urlsplit(address)
    lines = {"Host": place.netloc, "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection((place.hostname, place.port or 80), timeout_sec) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        try:
            for piece in body:
                connection.sendall(piece)
        except OSError:
            pass
        return _read(connection)


def chunked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Frame pieces as a body of unknown length."""
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _read(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer: as much as it announces, else all until the connection ends."""
    received = bytearray()
    try:
        while not _is_whole(received) and (piece := connection.recv(65536)):
            received += piece
    except ConnectionError:
        pass
    status, headers, body = _parts(received)
    return status, headers, body


def _is_whole(received: bytearray) -> bool:
    if b"\r\n\r\n" not in received:
        return False
    _, headers, body = _parts(received)
    return len(body) >= int(headers.get("content-length", 10**12))


def _parts(received: bytearray) -> tuple[int, dict[str, str], bytes]:
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body
