"""Keeps the key and other confidential settings out of everything that is logged."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
SHORTEST_SECRET = 4
"""Characters: a shorter search text is masked in URLs only, or common words would be."""

_LONGEST_MESSAGE = 200
_PHONE_NUMBER = re.compile(r"(?<![\d-])\+?(?!\d{4}-\d\d)\(?\d[\d ().-]{5,}\d")
_QUERY = r"(?<=[?&]caller=)[^&\s]+|(?<=[?&]search=)[^&\s]+"


class RedactingFormatter(logging.Formatter):
    """Format with another formatter and mask secrets in the result, tracebacks included."""

    def __init__(self, inner: logging.Formatter | None, secrets: Iterable[str]) -> None:
        """Wrap a formatter.

        Args:
            inner: the formatter that does the work; None for the default one.
            secrets: the values to mask, in the forms that a URL and JSON give them too.
        """
        super().__init__()
        self.inner = inner or logging.Formatter()
        forms = {
            form
            for text in secrets
            for form in (text, quote(text, ""), quote_plus(text), json.dumps(text)[1:-1])
        }
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join([_QUERY, *map(re.escape, longest_first)]))

    def format(self, record: logging.LogRecord) -> str:
        """Format a record and mask the secrets in it."""
        return self._pattern.sub(HIDDEN, self.inner.format(record))


def redact_logs(secrets: Iterable[str]) -> None:
    """Mask values in whatever the root logger's handlers write from now on."""
    secrets = list(secrets)
    for handler in logging.getLogger().handlers:
        inner = handler.formatter
        if isinstance(inner, RedactingFormatter):
            inner = inner.inner
        handler.setFormatter(RedactingFormatter(inner, secrets))


def plain(value: object, hide: Iterable[str]) -> str:
    """Make one printable line of text from the API, with secrets and phone numbers masked."""
    return _PHONE_NUMBER.sub(HIDDEN, one_line(value, hide))


def one_line(value: object, hide: Iterable[str] = ()) -> str:
    """Make one short printable line of text from the API, with secrets masked."""
    if not isinstance(value, str | int | float):
        return ""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    for secret in hide:
        text = text.replace(secret, HIDDEN)
    text = text.strip()
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."
