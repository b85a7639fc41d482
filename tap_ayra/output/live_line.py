"""The line at the bottom of a terminal that shows how far a sync is."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

REDRAW = 0.2
"""Seconds between two drawings of the line."""


class Shown(NamedTuple):
    """What the line shows.

    Attributes:
        text: of it.
        done: how much of the whole is done.
        total: the whole.
    """

    text: str
    done: int
    total: int


class LiveLine:
    """Draws one line again and again below what is logged, and takes it away at the end.

    A thread draws it, so that it stays true while the sync waits for the rate limit.
    """

    def __init__(self, show: Callable[[], Shown]) -> None:
        """Begin to draw; what a sync without a terminal does not need is loaded here.

        Args:
            show: says what to show now; called in a thread of its own.
        """
        from tqdm import tqdm  # noqa: PLC0415
        from tqdm.contrib.logging import logging_redirect_tqdm  # noqa: PLC0415

        self._redirected = ExitStack()
        self._redirected.enter_context(logging_redirect_tqdm())
        tqdm.monitor_interval = 0  # without a thread of its own
        self._bar = tqdm(
            file=sys.stderr, bar_format="{desc} {bar}", leave=False, dynamic_ncols=True, delay=1e-9
        )
        self._show = show
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._thread.start()

    @staticmethod
    def is_possible() -> bool:
        """Whether stderr is a terminal."""
        return sys.stderr is not None and sys.stderr.isatty()

    def close(self) -> None:
        """Take the line away; what is logged goes where it went before."""
        self._over.set()
        self._thread.join()
        self._bar.close()
        self._redirected.close()

    def _draw(self) -> None:
        while not self._over.is_set():
            text, self._bar.n, total = self._show()
            self._bar.total = max(total, 1)
            self._bar.set_description_str(text, refresh=True)
            self._over.wait(REDRAW)
