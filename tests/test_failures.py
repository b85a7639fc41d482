"""What a user reads when something goes wrong, word for word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.exceptions import ChunkedEncodingError, ContentDecodingError

from docs import errors_table
from sandbox import errors
from tap_ayra.api.explain import PARAMETER_SETTINGS, explain
from tap_ayra.api.failures import rule_for_exception, rule_for_status
from tap_ayra.errors import QuotaExhaustedError
from tap_ayra.settings.schema import SETTINGS

if TYPE_CHECKING:
    from tap_ayra.api.failures import Rule

README = Path(__file__).parent.parent / "README.md"
URL = "https://api.ayra.example/v1"
KEY = "sk_test_canary_0000"
BUSY = "Nothing to do if it passes; else ask Ayra, with the request id where one is given."
WAIT = "Wait a minute; where other programs use the same key, give the tap one of its own."
OWN_FAULT = "Check the settings; if they are right, report this as a fault of tap-ayra."


def told(status: int, error: object = None, **more: Any) -> list[str]:
    body = b"" if error is None else json.dumps({"error": error}).encode()
    return explain(rule_for_status(status), status, body, address=URL, **more).splitlines()


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (400, ["Ayra did not accept the request (HTTP 400).", OWN_FAULT]),
        (
            401,
            [
                "Ayra did not accept the API key (HTTP 401).",
                (
                    "Set api_key (TAP_AYRA_API_KEY) to a valid key of this account; keys look like "
                    "sk_live_... or sk_test_..."
                ),
            ],
        ),
        (
            403,
            [
                "The API key lacks a permission (HTTP 403).",
                "Give the key set as api_key the permission conversations:read in Ayra.",
            ],
        ),
        (
            404,
            [
                "There is no conversations endpoint at this address (HTTP 404).",
                "Check api_url; the default is https://api.ayra.ai/v1",
                f"Now api_url is {URL}",
            ],
        ),
        (
            407,
            [
                "The proxy wants to know who is asking (HTTP 407).",
                "Put the proxy's user and password into its address in HTTPS_PROXY.",
            ],
        ),
        (408, ["The API timed out waiting for the request (HTTP 408).", BUSY]),
        (425, ["The API is not ready for the request (HTTP 425).", BUSY]),
        (429, ["The rate limit of the key is used up (HTTP 429).", WAIT]),
        (500, ["The API has a fault of its own (HTTP 500).", BUSY]),
        (503, ["The API has a fault of its own (HTTP 503).", BUSY]),
        (599, ["The API has a fault of its own (HTTP 599).", BUSY]),
        (
            302,
            [
                (
                    "The API redirects elsewhere, and the key goes only to the host of api_url "
                    "(HTTP 302)."
                ),
                "Check api_url; set it to the new address if you trust that one.",
                f"Now api_url is {URL}",
            ],
        ),
        (
            410,
            [
                "Ayra refused the request (HTTP 410).",
                "Ask Ayra, with the request id where one is given.",
            ],
        ),
    ],
)
def test_each_status(status: int, lines: list[str]) -> None:
    assert told(status) == lines


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (
            requests.ConnectionError("[Errno 111] Connection refused"),
            [
                "The API cannot be reached.",
                "Check api_url, the network and any proxy.",
                f"Now api_url is {URL}",
            ],
        ),
        (
            requests.ConnectTimeout("x"),
            [
                "The API did not answer within request_timeout.",
                "Check the network, or raise request_timeout.",
            ],
        ),
        (
            requests.ConnectionError("('Connection aborted.', ConnectionResetError(104))"),
            ["The answer broke off.", "Check the network and any proxy."],
        ),
        (ChunkedEncodingError("x"), ["The answer broke off.", "Check the network and any proxy."]),
        (ContentDecodingError("x"), ["The answer broke off.", "Check the network and any proxy."]),
        (
            requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
            [
                "The API's certificate could not be verified.",
                (
                    "Check api_url and this machine's clock; for a company's own certificate "
                    "authority set REQUESTS_CA_BUNDLE to its file."
                ),
                f"Now api_url is {URL}",
            ],
        ),
        (
            requests.exceptions.InvalidProxyURL("x"),
            [
                "No request can be made with these settings.",
                "Check api_url and any proxy.",
                f"Now api_url is {URL}",
            ],
        ),
    ],
)
def test_each_way_to_get_no_answer(error: requests.RequestException, lines: list[str]) -> None:
    assert explain(rule_for_exception(error), address=URL).splitlines() == lines


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (
            errors.bad_date("start_date"),
            [
                (
                    "Ayra did not accept the setting start_date (HTTP 400): Invalid date format "
                    "for 'start_date'. Use ISO 8601 format."
                ),
                "Mend start_date (TAP_AYRA_START_DATE).",
            ],
        ),
        (
            errors.bad_choice("sentiment", ["positive", "neutral", "negative"]),
            [
                (
                    "Ayra did not accept the setting sentiment (HTTP 400): Invalid value for "
                    "'sentiment'. Must be 'positive', 'neutral', or 'negative'."
                ),
                "Allowed: positive, neutral, negative.",
                "Mend sentiment (TAP_AYRA_SENTIMENT).",
            ],
        ),
        (
            errors.bad_value("per_page", "an integer of at least 1"),
            [
                (
                    "Ayra did not accept the setting page_size (HTTP 400): Invalid value for "
                    "'per_page'. Must be an integer of at least 1."
                ),
                "Mend page_size (TAP_AYRA_PAGE_SIZE).",
            ],
        ),
        (
            errors.bad_value("sort_by", "a known field"),
            [
                (
                    "Ayra did not accept the parameter sort_by (HTTP 400): Invalid value for "
                    "'sort_by'. Must be a known field."
                ),
                OWN_FAULT,
            ],
        ),
        (
            errors.missing_key(),
            [
                "Ayra did not accept the API key (HTTP 401): No API key provided",
                (
                    "Set api_key (TAP_AYRA_API_KEY) to a valid key of this account; keys look like "
                    "sk_live_... or sk_test_..."
                ),
            ],
        ),
        (
            errors.invalid_key(),
            [
                "Ayra did not accept the API key (HTTP 401): Invalid API key provided",
                (
                    "Set api_key (TAP_AYRA_API_KEY) to a valid key of this account; keys look like "
                    "sk_live_... or sk_test_..."
                ),
            ],
        ),
        (
            errors.not_permitted("conversations:read"),
            [
                (
                    "The API key lacks a permission (HTTP 403): This API key does not have the "
                    "required permission 'conversations:read'."
                ),
                "Give the key set as api_key the permission conversations:read in Ayra.",
            ],
        ),
        (
            errors.rate_limited(500, {}),
            [
                (
                    "The rate limit of the key is used up (HTTP 429): Rate limit of 500 requests "
                    "exceeded. Try again later."
                ),
                WAIT,
            ],
        ),
    ],
)
def test_each_documented_error(error: errors.ApiError, lines: list[str]) -> None:
    assert told(error.status, error.body["error"]) == lines


def test_every_parameter_is_named_by_its_setting() -> None:
    for parameter, setting in PARAMETER_SETTINGS.items():
        assert setting in SETTINGS["properties"]
        assert (
            told(400, {"field": parameter})[-1] == f"Mend {setting} (TAP_AYRA_{setting.upper()})."
        )


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ({"error": {"request_id": "req_20260309150000123"}}, ""),
        ({"error": {}, "meta": {"request_id": "req_20260309150000123"}}, ""),
        ({"error": {}}, "req_20260309150000123"),
        (None, "req_20260309150000123"),
    ],
)
def test_the_request_id_is_told_whole(body: object, header: str) -> None:
    text = explain(rule_for_status(500), 500, json.dumps(body).encode(), request_id=header)
    assert text.splitlines()[-1] == "Request id: req_20260309150000123"


def test_a_quota_says_when_to_come_back() -> None:
    first, second = str(QuotaExhaustedError(5 * 3600 + 121)).splitlines()
    assert first == "The API's quota for this key is used up (a daily limit, most likely)."
    assert re.fullmatch(
        r"It resets in 5 h 3 min, at about \d{4}-\d\d-\d\d \d\d:\d\d UTC\. The state written so "
        r"far is good: the next run goes on where this one stopped\.",
        second,
    )


def test_a_long_pause_that_is_no_quota_is_not_called_one() -> None:
    first, second = str(QuotaExhaustedError(3600, limited=False)).splitlines()
    assert first == "The API asks for a longer pause than a sync makes."
    assert second.startswith("It wants to be asked again in 1 h 0 min, at about ")


@pytest.mark.parametrize(
    "number", ["+15550100123", "15550100123", "+1 (555) 010-0123", "555.010.0123", "5" * 19]
)
def test_a_phone_number_is_hidden_however_it_is_written(number: str) -> None:
    first = told(400, {"message": f"No call from {number} on 2026-03-09."})[0]
    assert first.endswith("No call from *** on 2026-03-09.")


def test_nothing_that_nobody_should_read_is_quoted() -> None:
    message = f"Key {KEY} may not read calls of +15550100123 or 15550100124.\n\x1b[31mSecret"
    text = "\n".join(told(403, {"message": message, "stack": "internal"}, hide=[KEY]))
    assert "Key *** may not read calls of *** or ***.  [31mSecret" in text
    assert "internal" not in text


def test_a_page_of_html_is_never_quoted() -> None:
    rule = rule_for_status(502)
    assert "html" not in explain(rule, 502, b"<html>Bad gateway +15550100123</html>")


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
    text = explain(rule_for_status(status), status, body, address=URL)
    lines = text.split("\n")
    assert 2 <= len(lines) <= 7
    assert all(line.isprintable() and len(line) < 2500 for line in lines)
    assert all(lines)


@pytest.mark.parametrize("rule", [rule for _, rule in errors_table.rules()], ids=lambda r: r.what)
def test_each_row_says_what_to_do(rule: Rule) -> None:
    assert rule.what[0].isupper()
    assert rule.remedy
    assert rule.fault in errors_table.FAULTS
    if rule.fault == "key":
        assert not rule.passing


def test_readme_shows_the_table() -> None:
    text = README.read_text(encoding="utf-8")
    if errors_table.BEGIN not in text:
        pytest.skip("README has no table of errors yet")
    shown = text.partition(errors_table.BEGIN)[2].partition(errors_table.END)[0].strip()
    assert shown == errors_table.table().strip()
