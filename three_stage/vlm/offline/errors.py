"""What can be wrong with a request, in the words and the form of the OpenAI protocol."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be answered, and why.

    ``status`` is the HTTP status (4xx), ``param`` the part of the body that is wrong, ``code`` a
    word that a program can compare.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str = "invalid_request",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


def error_body(message: str, kind: str, param: str | None, code: str) -> dict[str, object]:
    """Return the error object of the OpenAI protocol."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
