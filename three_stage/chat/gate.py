"""What every request passes first: who asks, from which page, how much, and what browsers may do.

* A server on loopback answers only to names of loopback, and to the public name that it was given:
  a foreign name that resolves to this machine (DNS rebinding) is refused.
* A request that changes something must not come from another site's page.
* With a token, every path but a few needs it: as a cookie (the page) or as a bearer (programs).
* Bodies are bounded while they arrive; the routes of uploads have their own bounds.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from loguru import logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from three_stage.chat.bodies import IncomingBody
from three_stage.chat.errors import ChatError, ForbiddenError, UnauthorizedError

COOKIE = "three_stage_chat"
MOST_JSON_BYTES = 1_000_000
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_NO_PLACE = re.compile(r"[/?#@\\\s]")
_OWN_SITES = ("same-origin", "none")
_OPEN_PATHS = frozenset({"/healthz", "/login", "/api/session"})
_OPEN_FILES = "/static/"
_API = ("/api/", "/v1/", "/openapi.json")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the gate knows; ``token`` is None when everybody who reaches the server may ask."""

    host: str
    token: str | None
    public_host: str | None = None
    """The name by which others reach this server through a proxy with TLS; None without one."""
    body_limit: Callable[[str, str], int | None]
    """Most bytes of a body by method and path; None where the route bounds it itself."""

    @property
    def only_loopback(self) -> bool:
        """Whether only this machine's own names are answered to."""
        return is_loopback(self.host)

    def answers_to(self, host: str) -> bool:
        """Tell whether a Host header names this server."""
        if not self.only_loopback:
            return True
        name = _host_name(host)
        return is_loopback(name) or self._is_public(name)

    def is_own(self, origin: str, host: str) -> bool:
        """Tell whether a page of ``origin`` came from this server, reached as ``host``.

        A proxy speaks https outside and http to us, and may ask us by another name and port.
        """
        scheme, _, place = origin.lower().partition("://")
        default = _DEFAULT_PORTS.get(scheme)
        if default is None or _NO_PLACE.search(place):
            return False
        if place and place.removesuffix(default) == host.lower().removesuffix(default):
            return True
        return scheme == "https" and self._is_public(_host_name(place))

    def _is_public(self, name: str) -> bool:
        return self.public_host is not None and name == self.public_host.lower()

    def cookie_value(self) -> str:
        """Return what the cookie of a known browser holds: made from the token, and not it."""
        return hmac.new(
            (self.token or "").encode(), b"three-stage chat", hashlib.sha256
        ).hexdigest()

    def knows_token(self, given: bytes) -> bool:
        """Compare a token without telling by the time it takes how much of it is right."""
        return hmac.compare_digest(given, (self.token or "").encode())


class Gate:
    """The application around the whole application: nothing is answered past it."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method, headers = scope["path"], scope["method"], Headers(scope=scope)
        limit = self._rules.body_limit(method, path)
        body = IncomingBody(receive, headers, limit)
        send = _guarded(send, body, may_be_cached=path.startswith(_OPEN_FILES))
        try:
            self._refuse_foreign(headers, method)
            self._refuse_unknown(headers, path)
            body.check_announced(headers.get("content-length"))
            # The framework makes a 400 of whatever goes wrong while it reads a small body itself.
            is_small = limit is not None and limit <= MOST_JSON_BYTES
            if is_small and not await body.read_ahead():
                return
        except ChatError as error:
            await _refusal(error, path)(scope, receive, send)
            return
        try:
            await self._app(scope, body.receive, send)
        except Exception:
            # The application has answered 500, or the answer ends where it broke off.
            logger.exception("{} {}", method, path)

    def _refuse_foreign(self, headers: Headers, method: str) -> None:
        """Refuse foreign host names on loopback, and changes that another site's page asks for."""
        host = headers.get("host", "")
        if not self._rules.answers_to(host):
            raise ForbiddenError(
                "This server answers to localhost and 127.0.0.1 only.",
                hint="To reach it by another name, start it with --auth-token and --host or, "
                "behind a proxy, --public-host.",
            )
        if method in _SAFE_METHODS:
            return
        origin = headers.get("origin")
        is_foreign = origin is not None and not self._rules.is_own(origin, host)
        if is_foreign or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            raise ForbiddenError("A page of another site may not do this.")

    def _refuse_unknown(self, headers: Headers, path: str) -> None:
        """Refuse who has no token, where one is wanted."""
        if self._rules.token is None or path in _OPEN_PATHS or path.startswith(_OPEN_FILES):
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._rules.knows_token(given.strip().encode("latin-1")):
            return
        if hmac.compare_digest(_cookie(headers).encode(), self._rules.cookie_value().encode()):
            return
        raise UnauthorizedError(
            "The token is missing or wrong.",
            hint="Log in at /login, or send it as 'Authorization: Bearer TOKEN'.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(error: ChatError, path: str) -> Response:
    """Return what the gate says to who may not; a person without a token is led to the login."""
    if isinstance(error, UnauthorizedError) and not path.startswith(_API):
        return RedirectResponse("/login", status_code=303)
    return error_response(error, path)


def error_response(error: ChatError, path: str) -> JSONResponse:
    """Return an error in the form of the interface that was asked."""
    return JSONResponse(error_body(error, path), status_code=error.status)


def error_body(error: ChatError, path: str) -> dict[str, object]:
    """Return an error's body: OpenAI's form below /v1, else code, message and hint."""
    if path.startswith("/v1/"):
        kind = "server_error" if error.status >= 500 else "invalid_request_error"
        return {"error": {"message": str(error), "type": kind, "param": None, "code": error.code}}
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint}}


def _guarded(send: Send, body: IncomingBody, *, may_be_cached: bool) -> Send:
    """Return a send that puts what browsers may do into every answer's head.

    An answer to a body that was not read to its end closes the connection.
    """

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            # Files of ours are asked for again, and answered with 304 while they are the same.
            headers.setdefault("Cache-Control", "no-cache" if may_be_cached else "no-store")
            if not body.is_whole:
                headers["Connection"] = "close"
        elif not body.is_whole and not message.get("more_body", False):
            await send({**message, "more_body": True})
            await body.let_go()
            message = {**message, "body": b""}
        await send(message)

    return guarded


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port and an address's brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
