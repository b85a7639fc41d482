"""The table of failures: what went wrong, whether it passes, and what to tell the user."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from requests.exceptions import ContentDecodingError
from singer_sdk.exceptions import FatalAPIError

from tap_ayra.settings import CHANGING_FILTERS, FIXED_FILTERS

if TYPE_CHECKING:
    from collections.abc import Iterable

PARAMETER_SETTINGS = {
    "per_page": "page_size",
    **{name: name for name in ("start_date", "end_date", *FIXED_FILTERS, *CHANGING_FILTERS)},
}
"""The setting behind each query parameter; the other parameters are the tap's own."""

HIDDEN = "***"
_LONGEST_MESSAGE = 200
_PHONE_NUMBER = re.compile(r"(?<![\d-])\+?(?!\d{4}-\d\d)\(?\d[\d ().-]{5,}\d")


class TapAyraError(FatalAPIError):
    """An expected, permanent failure; its text is what the user reads, a line per thought."""


class PageFailedError(TapAyraError):
    """One page never added up; the others may, and it may not be wanted any more."""


class QuotaExhaustedError(TapAyraError):
    """The API's quota is used up for longer than a sync waits."""

    def __init__(self, wait: float, *, limited: bool = True) -> None:
        """Say when to come back.

        Args:
            wait: seconds until then.
            limited: whether it is the rate limit that the server speaks of.
        """
        back = datetime.now(UTC) + timedelta(seconds=wait)
        hours, minutes = divmod(-int(-wait // 60), 60)
        what = (
            "The API's quota for this key is used up (a daily limit, most likely).\nIt resets"
            if limited
            else "The API asks for a longer pause than a sync makes.\nIt wants to be asked again"
        )
        super().__init__(
            f"{what} in {hours} h {minutes} min, at about {back:%Y-%m-%d %H:%M} UTC. The state "
            "written so far is good: the next run goes on where this one stopped."
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table of failures.

    Attributes:
        fault: whose it is: ``settings``, ``key``, ``API`` or ``network``.
        what: what happened, in a few words.
        remedy: what to do about it.
        passing: whether asking again may help.
    """

    fault: str
    what: str
    remedy: str
    passing: bool = False


ASK = "Ask Ayra, with the request id where one is given."
BUSY = "Nothing to do if it passes; else ask Ayra, with the request id where one is given."
OWN_FAULT = "Check the settings; if they are right, report this as a fault of tap-ayra."
BY_STATUS = {
    400: Rule("settings", "Ayra did not accept the request", OWN_FAULT),
    401: Rule(
        "key",
        "Ayra did not accept the API key",
        "Set api_key (TAP_AYRA_API_KEY) to a valid key of this account; keys look like "
        "sk_live_... or sk_test_...",
    ),
    403: Rule(
        "key",
        "The API key lacks a permission",
        "Give the key set as api_key the permission conversations:read in Ayra.",
    ),
    404: Rule(
        "settings",
        "There is no conversations endpoint at this address",
        "Check api_url; the default is https://api.ayra.ai/v1",
    ),
    407: Rule(
        "network",
        "The proxy wants to know who is asking",
        "Put the proxy's user and password into its address in HTTPS_PROXY.",
    ),
    408: Rule("network", "The API timed out waiting for the request", BUSY, passing=True),
    425: Rule("API", "The API is not ready for the request", BUSY, passing=True),
    429: Rule(
        "API",
        "The rate limit of the key is used up",
        "Wait a minute; where other programs use the same key, give the tap one of its own.",
        passing=True,
    ),
}
REDIRECTED = Rule(
    "settings",
    "The API redirects elsewhere, and the key goes only to the host of api_url",
    "Check api_url; set it to the new address if you trust that one.",
)
REFUSED = Rule("API", "Ayra refused the request", ASK)
SERVER = Rule("API", "The API has a fault of its own", BUSY, passing=True)
UNREACHABLE = Rule(
    "network",
    "The API cannot be reached",
    "Check api_url, the network and any proxy.",
    passing=True,
)
TIMED_OUT = Rule(
    "network",
    "The API did not answer within request_timeout",
    "Check the network, or raise request_timeout.",
    passing=True,
)
BROKEN_OFF = Rule(
    "network", "The answer broke off", "Check the network and any proxy.", passing=True
)
UNTRUSTED = Rule(
    "network",
    "The API's certificate could not be verified",
    "Check api_url and this machine's clock; for a company's own certificate authority set "
    "REQUESTS_CA_BUNDLE to its file.",
)
UNUSABLE = Rule(
    "settings", "No request can be made with these settings", "Check api_url and any proxy."
)


def rule_for_status(status: int) -> Rule:
    """The row for an HTTP status other than 200."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SERVER
    return REDIRECTED if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST else REFUSED


def rule_for_exception(error: requests.RequestException) -> Rule:
    """The row for a request that got no answer, or none that could be read to its end."""
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY" in text:
        return UNTRUSTED
    if isinstance(error, requests.TooManyRedirects):
        return REDIRECTED
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return TIMED_OUT
    if isinstance(error, requests.exceptions.ChunkedEncodingError | ContentDecodingError):
        return BROKEN_OFF
    if isinstance(error, requests.ConnectionError):
        return BROKEN_OFF if "aborted" in text else UNREACHABLE
    return UNUSABLE


def explain(  # noqa: PLR0913
    rule: Rule,
    status: int | None = None,
    body: bytes = b"",
    *,
    request_id: str = "",
    address: str = "",
    hide: Iterable[str] = (),
) -> str:
    """Put a failure into the user's words, a few lines of text.

    Args:
        rule: its row in the table.
        status: the HTTP status, where there was an answer.
        body: the answer's body; of it only the documented fields of ``error`` are used, never
            the text at large.
        request_id: the value of an ``X-Request-Id`` header.
        address: what ``api_url`` is; told where it is worth a check.
        hide: values (the key, the caller) that the API may quote and nobody should read.
    """
    error = _error_object(body)
    what, remedy = rule.what, rule.remedy
    field = _plain(error.get("field"), hide)
    if rule is BY_STATUS[400] and field in PARAMETER_SETTINGS:
        setting = PARAMETER_SETTINGS[field]
        what = f"Ayra did not accept the setting {setting}"
        remedy = f"Mend {setting} (TAP_AYRA_{setting.upper()})."
    elif rule is BY_STATUS[400] and field:
        what = f"Ayra did not accept the parameter {field}"
    message = _plain(error.get("message"), hide)
    lines = [what + (f" (HTTP {status})" if status else "") + (f": {message}" if message else ".")]
    values = error.get("valid_values")
    if isinstance(values, list) and values:
        lines.append("Allowed: " + ", ".join(_plain(value, hide) for value in values[:10]) + ".")
    lines.append(remedy)
    if address and "api_url" in remedy:
        lines.append(f"Now api_url is {address}")
    request_id = one_line(error.get("request_id") or request_id, hide)
    if request_id:
        lines.append(f"Request id: {request_id}")
    return "\n".join(lines)


def _error_object(body: bytes) -> dict[str, Any]:
    """The ``error`` object of a documented error body; empty where the body is another."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("error"), dict):
        return {}
    error: dict[str, Any] = document["error"]
    if isinstance(document.get("meta"), dict):
        error.setdefault("request_id", document["meta"].get("request_id"))
    return error


def _plain(value: object, hide: Iterable[str]) -> str:
    """A line of what the API said, without phone numbers."""
    return _PHONE_NUMBER.sub(HIDDEN, one_line(value, hide))


def one_line(value: object, hide: Iterable[str] = ()) -> str:
    """One short printable line of what the API said, without what nobody should read."""
    if not isinstance(value, str | int | float):
        return ""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    for secret in hide:
        text = text.replace(secret, HIDDEN)
    text = text.strip()
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."
