"""The table of failures by status, and a failure put into the user's words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tap_ayra.api.headers import retry_after
from tap_ayra.errors import TapAyraError, TransientError
from tap_ayra.messages import Text
from tap_ayra.messages import api as messages
from tap_ayra.redaction import one_line, plain
from tap_ayra.settings import PARAMETER_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests

    from tap_ayra.messages import Message

_MOST_VALUES = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table of failures.

    Attributes:
        source: where the problem lies: ``settings``, ``key``, ``API`` or ``network``.
        cause: what happened.
        remedy: what to do about it.
        transient: whether another attempt may help.
    """

    source: str
    cause: Message
    remedy: Message
    transient: bool = False


BY_STATUS = {
    400: Rule("settings", messages.REQUEST_REJECTED, messages.CHECK_SETTINGS),
    401: Rule("key", messages.KEY_REJECTED, messages.FIX_KEY),
    403: Rule("key", messages.KEY_LACKS_PERMISSION, messages.FIX_PERMISSION),
    404: Rule("settings", messages.NO_ENDPOINT, messages.FIX_URL),
    407: Rule("network", messages.PROXY_AUTHENTICATION, messages.FIX_PROXY_CREDENTIALS),
    408: Rule("network", messages.REQUEST_TIMEOUT, messages.USUALLY_TEMPORARY, transient=True),
    425: Rule("API", messages.TOO_EARLY, messages.USUALLY_TEMPORARY, transient=True),
    429: Rule("API", messages.RATE_LIMITED, messages.FIX_RATE, transient=True),
}
REDIRECTED = Rule("settings", messages.REDIRECTED, messages.FIX_REDIRECT)
REFUSED = Rule("API", messages.REFUSED, messages.CONTACT_AYRA)
SERVER = Rule("API", messages.SERVER_ERROR, messages.USUALLY_TEMPORARY, transient=True)


def rule_for_status(status: int) -> Rule:
    """Find the row for an HTTP status that is not a success."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SERVER
    return REDIRECTED if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST else REFUSED


def failed_response(
    response: requests.Response, *, api_url: str, hide: Iterable[str] = ()
) -> TransientError | TapAyraError:
    """Make the error for a response whose status is not a success.

    Args:
        response: of its body only the documented fields of ``error`` are used, never the text
            at large.
        api_url: the setting; shown if it is worth a check.
        hide: secrets (the key, the caller) to mask, since the API may quote them.
    """
    status = response.status_code
    rule = rule_for_status(status)
    error = _error_object(response.content)
    cause, remedy = rule.cause(), rule.remedy()
    field = plain(error.get("field"), hide)
    if rule is BY_STATUS[HTTPStatus.BAD_REQUEST] and field in PARAMETER_SETTINGS:
        setting = PARAMETER_SETTINGS[field]
        cause = messages.SETTING_REJECTED(setting=setting)
        remedy = messages.FIX_SETTING(setting=setting, variable=f"TAP_AYRA_{setting.upper()}")
    elif rule is BY_STATUS[HTTPStatus.BAD_REQUEST] and field:
        cause = messages.PARAMETER_REJECTED(parameter=field)
    message = plain(error.get("message"), hide)
    whole = Text(f"{cause} (HTTP {status})" + (f": {message}" if message else ""), cause.code)
    lines = [whole, remedy]
    values = error.get("valid_values")
    if isinstance(values, list) and values:
        shown = ", ".join(plain(value, hide) for value in values[:_MOST_VALUES])
        lines.append(messages.ALLOWED_VALUES(values=shown))
    if "api_url" in remedy:
        lines.append(messages.URL_IS(url=api_url))
    request_id = one_line(error.get("request_id") or response.headers.get("X-Request-Id"), hide)
    if request_id:
        lines.append(messages.REQUEST_ID(request_id=request_id))
    if rule.transient:
        return TransientError(*lines, status=status, retry_after=retry_after(response.headers))
    return TapAyraError(*lines)


def _error_object(body: bytes) -> dict[str, Any]:
    """Give the ``error`` object of a documented error body; empty if the body is another."""
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
