"""What hosted providers say when they refuse, as documented or seen in threads, and what we do.

Nobody can be asked from here: the words are those of the providers' pages on errors (Alibaba Cloud
Model Studio "Error codes" and "Rate limits", OpenRouter "Errors and Debugging", OpenAI "Error
codes") and of issues in public repositories that quote them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vlm.helpers import KEY
from three_stage.settings import EndpointSettings
from three_stage.vlm import FaultKind, resolve_endpoint
from three_stage.vlm.capabilities import WireOptions
from three_stage.vlm.diagnosis import RequestFacts, diagnose_status

NO_CREDIT, MAX_TOKENS, SHORTER = "no credit left", "Lower --max-tokens", "--max-frames"
OTHER_KEY, OTHER_MODEL, TOMORROW = "Check API_KEY", "Check --model", "tomorrow"
SMALLER, FILTER, AUTO = "--max-body-mb", "content filter", "--structured-mode auto"
WAIT = ""

QUOTA = "You exceeded your current quota, please check your plan and billing details."
DASHSCOPE: list[tuple[int, str, str, FaultKind, str]] = [
    (429, QUOTA, "insufficient_quota", FaultKind.RATE_LIMITED, WAIT),
    (429, "Requests rate limit exceeded, please try again later.", "limit_requests",
     FaultKind.RATE_LIMITED, WAIT),
    (429, "Request rate increased too quickly.", "limit_burst_rate", FaultKind.RATE_LIMITED, WAIT),
    (403, "The free tier of the model has been exhausted.", "AllocationQuota.FreeTierOnly",
     FaultKind.ENDPOINT, NO_CREDIT),
    (400, "Access denied, please make sure your account is in good standing.", "Arrearage",
     FaultKind.ENDPOINT, NO_CREDIT),
    (400, "Input data may contain inappropriate content.", "data_inspection_failed",
     FaultKind.REQUEST, FILTER),
    (401, "Incorrect API key provided.", "invalid_api_key", FaultKind.ENDPOINT, OTHER_KEY),
    (404, "The model `x` does not exist or you do not have access to it.", "model_not_found",
     FaultKind.ENDPOINT, OTHER_MODEL),
    (400, "Range of max_tokens should be [1, 8192]", "invalid_parameter_error",
     FaultKind.REQUEST, MAX_TOKENS),
    (400, "Range of input length should be [1, 129024]", "invalid_parameter_error",
     FaultKind.REQUEST, SHORTER),
    (400, "Exceeded limit on max bytes per data-uri item : 10485760", "invalid_parameter_error",
     FaultKind.REQUEST, SMALLER),
    (400, ("'messages' must contain the word 'json' in some form, to use 'response_format' of type "
     "'json_object'."), "invalid_parameter_error", FaultKind.CAPABILITY, AUTO),
]  # fmt: skip
OPENAI: list[tuple[int, str, str, FaultKind, str]] = [
    (429, QUOTA, "insufficient_quota", FaultKind.ENDPOINT, NO_CREDIT),
    (429, ("Rate limit reached for m on tokens per min (TPM): Limit 30000, Used 29000, Requested "
     "12000. Please try again in 22s."), "rate_limit_exceeded", FaultKind.RATE_LIMITED, WAIT),
    (429, ("Request too large for m on tokens per min (TPM): Limit 30000, Requested 60000. The "
     "input or output tokens must be reduced in order to run successfully."),
     "rate_limit_exceeded", FaultKind.REQUEST, SHORTER),
    (400, ("max_tokens is too large: 16384. This model supports at most 4096 completion tokens, "
     "whereas you provided 16384."), "invalid_value", FaultKind.REQUEST, MAX_TOKENS),
    (400, ("Unsupported value: 'temperature' does not support 0.2 with this model. Only the "
     "default (1) value is supported."), "unsupported_value", FaultKind.CAPABILITY,
     "--temperature"),
    (404, "The model `m` does not exist or you do not have access to it.", "model_not_found",
     FaultKind.ENDPOINT, OTHER_MODEL),
]  # fmt: skip
OPENROUTER: list[tuple[int, str, str, FaultKind, str]] = [
    (402, "Insufficient credits", "", FaultKind.ENDPOINT, NO_CREDIT),
    (403, "Input was flagged", "", FaultKind.REQUEST, FILTER),
    (404, "No endpoints found that support image input", "", FaultKind.REQUEST, "vision-language"),
    (400, "x/y is not a valid model ID", "", FaultKind.ENDPOINT, OTHER_MODEL),
    (503, "No available model provider meets your routing requirements", "",
     FaultKind.TRANSIENT, WAIT),
    (429, "Rate limit exceeded: free-models-per-day", "", FaultKind.ENDPOINT, TOMORROW),
]  # fmt: skip
MODELSCOPE: list[tuple[int, str, str, FaultKind, str]] = [
    (429, "You have exceeded today's quota for model x. Please try again tomorrow.", "",
     FaultKind.ENDPOINT, TOMORROW),
    (400, "Invalid model id: x", "", FaultKind.ENDPOINT, OTHER_MODEL),
]  # fmt: skip
TABLE = [
    (provider, *case)
    for provider, cases in (
        ("dashscope", DASHSCOPE), ("openai", OPENAI), ("openrouter", OPENROUTER),
        ("modelscope", MODELSCOPE),
    )
    for case in cases
]  # fmt: skip


def facts(provider: str, **options: Any) -> RequestFacts:
    settings = EndpointSettings(provider=provider, api_key=KEY, model="m", **options)
    endpoint = resolve_endpoint(settings)
    wire = WireOptions(
        mode="json_schema", shows_schema=False, tokens_field=endpoint.tokens_field,
        sends_temperature=True,
    )  # fmt: skip
    return RequestFacts(endpoint=endpoint, options=wire, pictures=50, body_bytes=5_000_000)


@pytest.mark.parametrize(("provider", "status", "words", "code", "kind", "hint"), TABLE)
def test_a_providers_words_lead_to_what_helps(
    provider: str, status: int, words: str, code: str, kind: FaultKind, hint: str
) -> None:
    body = json.dumps({"error": {"message": words, "code": code or status}})
    fault = diagnose_status(status, {}, body, facts(provider))
    assert fault.kind is kind
    assert hint in fault.hint
    assert bool(hint) == bool(fault.hint)


def test_a_gateway_before_dashscope_passes_on_a_limit_that_passes() -> None:
    words = f"{QUOTA} For details, see: https://help.aliyun.com/zh/model-studio/error-code"
    body = json.dumps({"error": {"message": words, "code": "insufficient_quota"}})
    gateway = facts("vllm", api_base="https://gateway.example/v1")
    assert diagnose_status(429, {}, body, gateway).kind is FaultKind.RATE_LIMITED


def test_what_the_provider_behind_a_router_said_counts() -> None:
    raw = json.dumps({"error": {"message": "response_format json_schema is not supported"}})
    said = {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}
    fault = diagnose_status(400, {}, json.dumps({"error": said}), facts("openrouter"))
    assert fault.refused == "json_schema"
    assert "response_format json_schema is not supported" in fault.message
