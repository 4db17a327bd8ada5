"""Which endpoint is asked: what was given, what was not, and what cannot work."""

from __future__ import annotations

import pytest

from tests.vlm.helpers import KEY
from three_stage.settings import EndpointSettings, UsageError
from three_stage.vlm import Endpoint, resolve_endpoint


def resolve(**given: str | None) -> Endpoint:
    return resolve_endpoint(EndpointSettings(**given))  # type: ignore[arg-type]


def test_nothing_given_is_the_embedded_model() -> None:
    endpoint = resolve(api_key="", api_base=" ", model=None)
    assert endpoint.is_offline
    assert (endpoint.provider, endpoint.model) == ("offline", "offline")


def test_the_embedded_model_gets_no_key_even_if_one_is_set() -> None:
    endpoint = resolve(provider="offline", api_key=KEY, api_base="https://elsewhere.example/v1")
    assert endpoint.is_offline
    assert endpoint.api_key.get_secret_value() == "EMPTY"
    assert endpoint.api_base.endswith(".invalid/v1")


def test_a_base_alone_gets_the_key_empty_and_no_header() -> None:
    endpoint = resolve(api_base="http://127.0.0.1:8000/v1/")
    assert endpoint.api_base == "http://127.0.0.1:8000/v1"
    assert endpoint.api_key.get_secret_value() == "EMPTY"
    assert endpoint.model == "Qwen/Qwen3-VL-235B-A22B-Instruct"
    assert dict(endpoint.headers) == {}
    assert endpoint.dialect == "images"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"api_key": KEY}, "no endpoint to send it to"),
        ({"model": "m"}, "no endpoint that has it"),
        ({"provider": "acme"}, "needs an address"),
        ({"provider": "dashscope"}, "needs a key"),
        ({"provider": "openai", "api_key": KEY}, "no default model"),
        ({"api_base": "localhost:8000/v1"}, "no address"),
        ({"api_base": "http:///v1"}, "no address"),
        ({"api_base": "http://host:port/v1"}, "no address"),
        ({"api_base": "http://ho st/v1"}, "no address"),
        ({"api_base": "https://user:pw@host/v1"}, "neither a user name"),
        ({"api_base": "https://host/v1?key=1"}, "neither a user name"),
        ({"api_base": "http://h/v1", "api_key": "two\nlines"}, "characters that no key has"),
        ({"api_base": "http://h/v1", "provider": "küche"}, "sent as a header"),
    ],
)
def test_what_cannot_work_is_refused_before_any_call(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        resolve(**given)
    assert KEY not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "base", "model"),
    [
        (
            "dashscope",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "qwen3-vl-235b-a22b-instruct",
        ),
        (
            "modelscope",
            "https://api-inference.modelscope.cn/v1",
            "Qwen/Qwen3-VL-235B-A22B-Instruct",
        ),
        ("openrouter", "https://openrouter.ai/api/v1", "qwen/qwen3-vl-235b-a22b-instruct"),
    ],
)
def test_a_hosted_preset_knows_its_address_and_model(name: str, base: str, model: str) -> None:
    endpoint = resolve(provider=name.upper(), api_key=KEY)
    assert (endpoint.provider, endpoint.api_base, endpoint.model) == (name, base, model)
    assert dict(endpoint.headers) == {}


@pytest.mark.parametrize(("name", "port"), [("vllm", 8000), ("sglang", 30000)])
def test_a_local_preset_needs_no_key(name: str, port: int) -> None:
    endpoint = resolve(provider=name)
    assert endpoint.api_base == f"http://127.0.0.1:{port}/v1"
    assert endpoint.is_loopback


def test_what_the_person_gives_wins_over_the_preset() -> None:
    endpoint = resolve(
        provider="vllm",
        api_base="https://gpu.example/v1/chat/completions",
        model="Mixed/Case",
        media_dialect="video_url",
        api_key=f" {KEY}\n",
    )
    assert endpoint.api_base == "https://gpu.example/v1"
    assert (endpoint.model, endpoint.dialect) == ("Mixed/Case", "video_url")
    assert endpoint.api_key.get_secret_value() == KEY
    assert not endpoint.is_loopback


def test_any_other_provider_id_becomes_a_header_as_it_was_typed() -> None:
    endpoint = resolve(provider="Acme-1", api_base="https://gate.example/v1")
    assert dict(endpoint.headers) == {"X-Model-Provider-Id": "Acme-1"}
    assert endpoint.provider == "Acme-1"


def test_the_key_shows_in_no_form_of_an_endpoint() -> None:
    endpoint = resolve(api_base="http://h/v1", api_key=KEY)
    assert KEY not in f"{endpoint} {endpoint!r} {vars(endpoint)}"
    assert endpoint.redact(f"wrong key {KEY}!") == "wrong key [key ...WXYZ]!"


@pytest.mark.parametrize(("key", "tail"), [("123456789012", ""), ("1234567890123", "0123")])
def test_only_a_key_longer_than_twelve_shows_its_tail(key: str, tail: str) -> None:
    assert resolve(api_base="http://h/v1", api_key=key).key_tail == tail


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8", "a.localhost"])
def test_loopback_is_recognised(host: str) -> None:
    assert resolve(api_base=f"http://{host}:1/v1").is_loopback


@pytest.mark.parametrize("host", ["a..b", "x" * 64, f"gpu.{'y' * 64}.example", "ü..x"])
def test_a_name_that_no_name_server_could_be_asked_for_is_no_address(host: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        resolve(api_base=f"http://{host}/v1")


def test_a_name_in_any_script_is_an_address() -> None:
    assert resolve(api_base="http://bücher.example/v1").api_base == "http://bücher.example/v1"
