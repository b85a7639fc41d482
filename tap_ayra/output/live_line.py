"""The line at the bottom of a terminal that shows how far a sync is."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

REDRAW = 0.2
"""Seconds between two drawings of the line, at least."""


class LiveLine:
    """Draws one line again and again below what is logged, and takes it away at the end."""

    def __init__(self) -> None:
        """Draw nothing yet, and load nothing that a sync without a terminal does not need."""
        from tqdm import tqdm  # noqa: PLC0415
        from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

        self._redirected = ExitStack()
        self._redirected.enter_context(logging_redirect_tqdm())
        tqdm.monitor_interval = 0  # without a thread of its own
        self._bar = tqdm(
            file=sys.stderr, bar_format="{desc} {bar}", leave=False, dynamic_ncols=True, delay=1e-9
        )
        self._drawn = -REDRAW

    @staticmethod
    def is_possible() -> bool:
        """Whether stderr is a terminal."""
        return sys.stderr is not None and sys.stderr.isatty()

    @property
    def is_due(self) -> bool:
        """Whether it is time to draw the line again."""
        return time.monotonic() - self._drawn >= REDRAW

    def draw(self, text: str, done: int, total: int) -> None:
        """Show a text, and how much of the whole is done."""
        self._drawn = time.monotonic()
        self._bar.total, self._bar.n = max(total, 1), done
        self._bar.set_description_str(text, refresh=True)

    def close(self) -> None:
        """Take the line away; what is logged goes where it went before."""
        self._bar.close()
        self._redirected.close()
