"""Which endpoint a run asks: presets, and the rules for what was given and what was not."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from three_stage.settings import EndpointSettings, UsageError
from three_stage.settings.secrets import SHORTEST_SECRET, hidden

Dialect = Literal["images", "video_url", "dashscope_video"]
FrameRateHint = Literal["body", "part", "none"]

PROVIDER_HEADER = "X-Model-Provider-Id"
NO_KEY = "EMPTY"
OFFLINE = "offline"
OFFLINE_BASE = "http://offline.invalid/v1"
CUSTOM = "custom"
_HUB_NAME = "Qwen/Qwen3-VL-235B-A22B-Instruct"
_CHAT_PATH = "/chat/completions"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What is known of a provider; ``max_item_bytes`` bounds one picture's or video's base64.

    ``frame_rate_hint`` says where a video's picture rate goes (specs: wire formats): in the body as
    ``mm_processor_kwargs.fps``, in the part as ``fps``, or nowhere.
    """

    base: str
    model: str | None
    needs_key: bool
    frame_rate_hint: FrameRateHint = "none"
    max_item_bytes: int | None = None
    tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        OFFLINE: Preset(base=OFFLINE_BASE, model=OFFLINE, needs_key=False),
        "openai": Preset(
            base="https://api.openai.com/v1", model=None, needs_key=True,
            tokens_field="max_completion_tokens",
        ),
        "vllm": Preset(
            base="http://127.0.0.1:8000/v1", model=_HUB_NAME, needs_key=False,
            frame_rate_hint="body",
        ),
        "sglang": Preset(base="http://127.0.0.1:30000/v1", model=_HUB_NAME, needs_key=False),
        "dashscope": Preset(
            base="https://dashscope.aliyuncs.com/compatible-mode/v1",
            model="qwen3-vl-235b-a22b-instruct", needs_key=True,
            frame_rate_hint="part", max_item_bytes=10_000_000,
        ),
        "modelscope": Preset(
            base="https://api-inference.modelscope.cn/v1", model=_HUB_NAME, needs_key=True
        ),
        "openrouter": Preset(
            base="https://openrouter.ai/api/v1", model="qwen/qwen3-vl-235b-a22b-instruct",
            needs_key=True,
        ),
    }
)  # fmt: skip

_UNKNOWN_SERVER = Preset(base="", model=_HUB_NAME, needs_key=False, frame_rate_hint="body")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One model at one address, and how to speak to it. Its ``repr`` shows no key."""

    provider: str
    api_base: str
    api_key: SecretStr
    model: str
    dialect: Dialect
    headers: Mapping[str, str] = field(default_factory=dict)
    frame_rate_hint: FrameRateHint = "none"
    max_item_bytes: int | None = None
    tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    @property
    def is_offline(self) -> bool:
        """Whether the embedded model answers, in this process."""
        return self.provider == OFFLINE

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine, so that no proxy lies between."""
        host = urlsplit(self.api_base).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def key_tail(self) -> str:
        """The last 4 characters of a key longer than 12, else nothing."""
        key = self.api_key.get_secret_value()
        return key[-4:] if len(key) >= SHORTEST_SECRET else ""

    def without_secret(self, answer: str) -> str:
        """Take a key that a server repeats out of its answer.

        Only a key long enough to be a secret: people write "x" or "none" where a server wants no
        key, and answers may hold such words.
        """
        return self.redact(answer) if self.key_tail else answer

    def redact(self, text: str) -> str:
        """Take the key out of a text, so that it can be shown and logged.

        Of a key longer than 12 also its parts: servers show some of it when they refuse it.
        """
        key = self.api_key.get_secret_value()
        return text if key == NO_KEY else hidden(text, key)


def resolve_endpoint(settings: EndpointSettings) -> Endpoint:
    """Decide from the settings which endpoint is asked.

    Nothing given: the embedded model. A base alone: key ``EMPTY``. A preset's name fills in base,
    model and dialect. Any other provider id goes into a header and needs a base. Raises UsageError
    for what cannot work: a key or a model alone, a hosted preset without a key, a malformed URL.
    """
    key, base = _given(settings.api_key), _given(settings.api_base)
    provider, model = _given(settings.provider), _given(settings.model)
    if provider is None and base is None:
        _refuse_half_an_endpoint(key, model)
        provider = OFFLINE
    name = (provider or CUSTOM).lower()
    preset = PRESETS.get(name, _UNKNOWN_SERVER)
    if name == OFFLINE:
        base, key = OFFLINE_BASE, None
    is_other = provider is not None and name not in PRESETS
    if is_other and base is None:
        raise UsageError(
            f"--provider {provider} is no preset, so it needs an address: give --api-base.",
            hint=f"Presets: {', '.join(PRESETS)}.",
        )
    if preset.needs_key and base is None and key is None:
        raise UsageError(
            f"--provider {name} needs a key.", hint="Set the variable API_KEY (or --api-key)."
        )
    model = model or preset.model
    if model is None:
        raise UsageError(f"--provider {name} has no default model.", hint="Give --model.")
    _refuse_key_in(key or "", {"--model": model, "--provider": provider, "--api-base": base})
    return Endpoint(
        provider=provider if is_other and provider is not None else name,
        api_base=_checked_base(base or preset.base),
        api_key=SecretStr(_checked_key(key or NO_KEY)),
        model=model,
        dialect=cast("Dialect", settings.media_dialect or "images"),
        headers={PROVIDER_HEADER: _checked_header(provider)} if is_other and provider else {},
        frame_rate_hint=preset.frame_rate_hint,
        max_item_bytes=preset.max_item_bytes,
        tokens_field=preset.tokens_field,
    )


def _given(value: str | None) -> str | None:
    """Return a value without the white space around it; an empty variable counts as not set."""
    return (value or "").strip() or None


def _refuse_half_an_endpoint(key: str | None, model: str | None) -> None:
    where = "Give --api-base or --provider (nothing at all runs the embedded offline model)."
    if key is not None:
        raise UsageError("A key is given, but no endpoint to send it to.", hint=where)
    if model is not None:
        raise UsageError(f"The model {model} is given, but no endpoint that has it.", hint=where)


def _refuse_key_in(key: str, options: Mapping[str, str | None]) -> None:
    """Refuse a key that stands where it would be written down."""
    for flag, value in options.items():
        if value and len(key) >= SHORTEST_SECRET and hidden(value, key) != value:
            raise UsageError(
                f"{flag} holds the API key, or a part of it.",
                hint="Names and addresses are logged and kept; give the key as API_KEY alone.",
            )


def _checked_base(base: str) -> str:
    """Return a base URL without a trailing slash or the path of the call itself."""
    shown = base if "@" not in base else "(not shown: it holds a password)"
    try:
        parts = urlsplit(base)
        host, port_ok = parts.hostname, parts.port is None or parts.port > 0
        (host or "").encode("idna")  # raises UnicodeError for what no name server could be asked
    except ValueError:
        host, port_ok = None, False
    if _is_malformed(base) or not host or not port_ok:
        raise UsageError(
            f"--api-base {shown} is no address.",
            hint="It looks like http://127.0.0.1:8000/v1 or https://host/v1.",
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            "--api-base must hold neither a user name nor a password nor a part after '?' or '#'.",
            hint="Give the key as API_KEY.",
        )
    return base.rstrip("/").removesuffix(_CHAT_PATH)


def _is_malformed(base: str) -> bool:
    """Tell whether a URL has a scheme other than http(s) or characters that no URL has."""
    return (
        not base.lower().startswith(("http://", "https://"))
        or not base.isprintable()
        or " " in base
    )


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(
            "The key holds characters that no key has (a line break, a blank or a letter that is "
            "not ASCII).",
            hint="Copy it again.",
        )
    return key


def _checked_header(provider: str) -> str:
    if not (provider.isascii() and provider.isprintable()):
        raise UsageError(f"--provider {provider!r} cannot be sent as a header: use ASCII letters.")
    return provider
