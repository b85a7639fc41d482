"""The table of failures: what went wrong, whether it passes, and what to tell the user."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import requests
from requests.exceptions import ContentDecodingError


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
