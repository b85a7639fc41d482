"""A failure in the user's words: which setting, what is allowed, what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_ayra.api.failures import BY_STATUS
from tap_ayra.redaction import one_line, plain
from tap_ayra.settings.values import CHANGING_FILTERS, FIXED_FILTERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_ayra.api.failures import Rule

PARAMETER_SETTINGS = {
    "per_page": "page_size",
    **{name: name for name in ("start_date", "end_date", *FIXED_FILTERS, *CHANGING_FILTERS)},
}
"""The setting behind each query parameter; the other parameters are the tap's own."""


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
    field = plain(error.get("field"), hide)
    if rule is BY_STATUS[400] and field in PARAMETER_SETTINGS:
        setting = PARAMETER_SETTINGS[field]
        what = f"Ayra did not accept the setting {setting}"
        remedy = f"Mend {setting} (TAP_AYRA_{setting.upper()})."
    elif rule is BY_STATUS[400] and field:
        what = f"Ayra did not accept the parameter {field}"
    message = plain(error.get("message"), hide)
    lines = [what + (f" (HTTP {status})" if status else "") + (f": {message}" if message else ".")]
    values = error.get("valid_values")
    if isinstance(values, list) and values:
        lines.append("Allowed: " + ", ".join(plain(value, hide) for value in values[:10]) + ".")
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
