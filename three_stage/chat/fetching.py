"""Fetches what a program names by address, from public addresses alone, within bounds.

Only with --allow-url-fetch. Every address that a name resolves to is looked at, and the connection
goes to the very address that was looked at, so that a name cannot change in between; a redirect is
looked at again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import cache

import httpx2

from three_stage.chat.errors import BadRequestError, ForbiddenError, TooLargeError

MOST_REDIRECTS = 3
TIME_LIMIT_SEC = 60.0
SILENCE_SEC = 15.0
_PORT_OF = {"http": 80, "https": 443}
_UNICAST_V6 = ipaddress.ip_network("2000::/3")
"""Of IPv6, where the internet is (RFC 4291); what embeds an address of IPv4 lies elsewhere, or is
known by name."""

_NOT_PUBLIC = "That address is not public."


class Fetcher:
    """Fetches addresses; ``most_bytes`` bounds an answer.

    ``look`` returns the address to connect to for a host and port, or raises ChatError.
    """

    def __init__(
        self,
        *,
        most_bytes: int,
        look: Callable[[str, int], Awaitable[str]] | None = None,
    ) -> None:
        self._most_bytes = most_bytes
        self._look = look or public_address

    async def fetch(self, url: str) -> bytes:
        """Return what lies at an http(s) address.

        Raises ForbiddenError for one that is not public, TooLargeError, BadRequestError.
        """
        try:
            async with (
                asyncio.timeout(TIME_LIMIT_SEC),
                httpx2.AsyncClient(
                    trust_env=False, timeout=SILENCE_SEC, verify=_trusted()
                ) as client,
            ):
                return await self._followed(client, httpx2.URL(url))
        except TimeoutError:
            raise BadRequestError(f"The address gave no answer in {TIME_LIMIT_SEC:g} s.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise BadRequestError(
                f"The address cannot be fetched: {type(error).__name__}."
            ) from None

    async def _followed(self, client: httpx2.AsyncClient, url: httpx2.URL) -> bytes:
        """Fetch, and go where a redirect leads; every address is looked at."""
        for _ in range(MOST_REDIRECTS + 1):
            if url.scheme not in _PORT_OF:
                raise BadRequestError("Only http and https addresses are fetched.")
            address = await self._look(url.host, url.port or _PORT_OF[url.scheme])
            request = client.build_request(
                "GET",
                url.copy_with(host=address),
                headers={
                    "Host": url.netloc.decode("ascii"),
                    "Accept": "*/*",
                    # As it lies there: a small answer must not unpack into a large one.
                    "Accept-Encoding": "identity",
                },
                extensions={"sni_hostname": url.host},
            )
            response = await client.send(request, stream=True)
            try:
                if not response.is_redirect:
                    return await self._read(response)
                url = url.join(response.headers.get("location", ""))
            finally:
                await response.aclose()
        raise BadRequestError("The address leads on and on.")

    async def _read(self, response: httpx2.Response) -> bytes:
        if not response.is_success:
            raise BadRequestError(f"The address answered {response.status_code}.")
        content = bytearray()
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadRequestError("The address answered with packed bytes, which nobody asked for.")
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > self._most_bytes:
                raise TooLargeError(
                    f"What lies there is larger than {self._most_bytes / 1e6:g} MB."
                )
        return bytes(content)


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom https is believed from; made once, because it takes long."""
    return ssl.create_default_context()


async def public_address(host: str, port: int) -> str:
    """Return an address of a host, when all of its addresses are public.

    Raises ForbiddenError for one that is not, BadRequestError for a name that nobody has.
    """
    if port not in _PORT_OF.values():
        raise ForbiddenError(f"Port {port} is not fetched from.", hint="Only 80 and 443 are.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise BadRequestError("The host of the address is not known.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(_is_public(address) for address in addresses):
        raise ForbiddenError(_NOT_PUBLIC, hint="Only public addresses are fetched.")
    return addresses[0]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        is_tunnel = parsed.sixtofour is not None or parsed.teredo is not None
        if is_tunnel or parsed not in _UNICAST_V6:
            return False
    return parsed.is_global and not parsed.is_multicast
