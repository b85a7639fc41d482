"""What a user reads when the API refuses a request: the cause, the fix, then the details."""

from __future__ import annotations

import json

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from docs import errors as errors_page
from sandbox import errors
from tap_ayra.api.failures import Rule, failed_response
from tap_ayra.errors import QuotaExhaustedError, TapAyraError, TransientError
from tap_ayra.messages import in_mid_sentence
from tap_ayra.settings import DECLARED, PARAMETER_SETTINGS
from tests.faking import codes

URL = "https://api.ayra.example/v1"
KEY = "sk_test_canary_0000"


def response_error(
    status: int,
    error: object = None,
    *,
    body: bytes = b"",
    hide: tuple[str, ...] = (),
    header: str = "",
) -> TransientError | TapAyraError:
    """Make the error for a response with a status and an ``error`` object, or another body."""
    response = requests.Response()
    response.status_code = status
    response._content = body if error is None else json.dumps({"error": error}).encode()
    response.headers["X-Request-Id"] = header
    return failed_response(response, api_url=URL, hide=hide)


STATUSES: dict[int, tuple[str, ...]] = {
    302: ("redirected", "fix-redirect", "url-is"),
    400: ("request-rejected", "check-settings"),
    401: ("key-rejected", "fix-key"),
    403: ("key-lacks-permission", "fix-permission"),
    404: ("no-endpoint", "fix-url", "url-is"),
    407: ("proxy-authentication", "fix-proxy-credentials"),
    408: ("request-timeout", "usually-temporary"),
    410: ("request-refused", "contact-ayra"),
    425: ("too-early", "usually-temporary"),
    429: ("rate-limited", "fix-rate"),
    500: ("server-error", "usually-temporary"),
    503: ("server-error", "usually-temporary"),
    599: ("server-error", "usually-temporary"),
}
TRANSIENT = {408, 425, 429, 500, 503, 599}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status(status: int) -> None:
    error = response_error(status)
    assert codes(error) == list(STATUSES[status])
    assert error.lines[0].endswith(f" (HTTP {status})")
    assert isinstance(error, TransientError if status in TRANSIENT else TapAyraError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.bad_date("start_date"), ("setting-rejected", "fix-setting")),
        (
            errors.bad_choice("sentiment", ["positive", "neutral", "negative"]),
            ("setting-rejected", "fix-setting", "allowed-values"),
        ),
        (errors.bad_value("per_page", "at least 1"), ("setting-rejected", "fix-setting")),
        (errors.bad_value("sort_by", "a known field"), ("parameter-rejected", "check-settings")),
        (errors.missing_key(), ("key-rejected", "fix-key")),
        (errors.invalid_key(), ("key-rejected", "fix-key")),
        (errors.not_permitted("conversations:read"), ("key-lacks-permission", "fix-permission")),
        (errors.rate_limited(500, {}), ("rate-limited", "fix-rate")),
    ],
)
def test_each_documented_error_with_the_apis_own_message(
    error: errors.ApiError, said: tuple[str, ...]
) -> None:
    found = response_error(error.status, error.body["error"])
    assert codes(found) == list(said)
    assert found.lines[0].endswith(f" (HTTP {error.status}): {error.body['error']['message']}")


def test_the_allowed_values_are_shown() -> None:
    choice = errors.bad_choice("sentiment", ["positive", "neutral", "negative"])
    assert (
        response_error(400, choice.body["error"])
        .lines[-1]
        .endswith(": positive, neutral, negative")
    )


def test_every_parameter_is_named_by_its_setting() -> None:
    for parameter, setting in PARAMETER_SETTINGS.items():
        assert setting in DECLARED
        cause, fix = response_error(400, {"field": parameter}).lines
        assert setting in cause
        assert f"TAP_AYRA_{setting.upper()}" in fix


@pytest.mark.parametrize(
    ("error", "header"),
    [
        ({"request_id": "req_20260309150000123"}, ""),
        ({}, "req_20260309150000123"),
        (None, "req_20260309150000123"),
    ],
)
def test_the_request_id_is_shown_whole(error: object, header: str) -> None:
    last = response_error(500, error, header=header).lines[-1]
    assert getattr(last, "code", "") == "request-id"
    assert last.endswith(" req_20260309150000123")


def test_the_request_id_may_stand_in_meta() -> None:
    body = json.dumps({"error": {}, "meta": {"request_id": "req_1"}}).encode()
    assert response_error(500, body=body).lines[-1].endswith(" req_1")


@pytest.mark.parametrize(("limited", "code"), [(True, "quota-exhausted"), (False, "wait-too-long")])
def test_a_long_wait_says_when_to_come_back(limited: bool, code: str) -> None:  # noqa: FBT001
    error = QuotaExhaustedError(5 * 3600 + 121, limited=limited)
    assert error.code == code
    assert " in 5 h 3 min (" in str(error)


@pytest.mark.parametrize(
    "number", ["+15550100123", "15550100123", "+1 (555) 010-0123", "555.010.0123", "5" * 19]
)
def test_a_phone_number_is_hidden_however_it_is_written(number: str) -> None:
    first = response_error(400, {"message": f"No call from {number} on 2026-03-09."}).lines[0]
    assert first.endswith("No call from *** on 2026-03-09.")


def test_nothing_that_nobody_should_read_is_quoted() -> None:
    message = f"Key {KEY} may not read calls of +15550100123 or 15550100124.\n\x1b[31mSecret"
    text = str(response_error(403, {"message": message, "stack": "internal"}, hide=(KEY,)))
    assert "Key *** may not read calls of *** or ***.  [31mSecret" in text
    assert "internal" not in text


def test_a_page_of_html_is_never_quoted() -> None:
    assert "html" not in str(response_error(502, body=b"<html>Bad gateway +15550100123</html>"))


def test_in_mid_sentence_names_keep_their_capital() -> None:
    assert in_mid_sentence("The response is empty") == "the response is empty"
    assert in_mid_sentence("Ayra server error") == "Ayra server error"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        name: ANY_JSON | st.text(min_size=300, max_size=400)
        for name in ("type", "message", "code", "field", "valid_values", "request_id")
    },
)


@given(
    status=st.integers(300, 599),
    body=st.one_of(
        st.binary(),
        ANY_JSON.map(lambda value: json.dumps(value).encode()),
        FIELDS.map(lambda fields: json.dumps({"error": fields}).encode()),
    ),
)
def test_any_error_body_gives_a_few_printable_lines(status: int, body: bytes) -> None:
    error = response_error(status, body=body)
    lines = str(error).split("\n")
    assert error.code
    assert 2 <= len(lines) <= 5
    assert all(line.isprintable() and len(line) < 2500 for line in lines)
    assert all(lines)


@pytest.mark.parametrize(
    "rule", [rule for _, rule in errors_page.rules()], ids=lambda rule: rule.cause.code
)
def test_each_row_says_what_to_do(rule: Rule) -> None:
    assert rule.cause.text[0].isupper()
    assert rule.remedy.text
    assert rule.source in errors_page.SOURCES
    assert not (rule.source == "key" and rule.transient)
