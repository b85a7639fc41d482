"""What response headers say about time: the server's clock and how long it asks to wait."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WINDOW = 32 * 24 * 3600.0
"""Seconds: a header that names a longer wait or window is nonsense."""

WHOLE_SECOND = 1.0
"""Headers name whole seconds, so what they name may be up to this much later."""


def server_time(headers: Mapping[str, str]) -> float | None:
    """Read the server's clock from ``Date``, in Unix seconds; None if it is not there."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long the server asks to wait: ``Retry-After``, else until the reset.

    Args:
        headers: of a response with status 429, 503 or the like. ``Retry-After`` may be seconds
            or an HTTP date; dates and the reset header are corrected by the server's ``Date``.

    Returns:
        Seconds; None if the headers say nothing usable.
    """
    clock = server_time(headers)
    clock = time.time() if clock is None else clock
    text = headers.get("Retry-After", "").strip()
    wait: float | None = None
    if _is_whole(text):
        wait = float(text)
    elif text:
        date = server_time({"Date": text})
        wait = None if date is None else date - clock
    elif headers.get("X-RateLimit-Remaining", "").strip() == "0":
        reset = headers.get("X-RateLimit-Reset", "").strip()
        wait = float(reset) - clock + WHOLE_SECOND if _is_whole(reset) else None
    return wait if wait is not None and 0 < wait < LONGEST_WINDOW else None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()
