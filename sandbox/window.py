"""Calls of a listing that lie between two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.call import Call


class Window:
    """Some calls of a listing, of which nothing is copied but the pages that are read."""

    def __init__(self, calls: list[Call], first: int, last: int, step: int = 1) -> None:
        self._calls, self._first, self._last, self._step = calls, first, last, step

    def __len__(self) -> int:
        """Return how many calls there are."""
        return self._last - self._first

    def page(self, served: range) -> list[Call]:
        """Return the calls at these places."""
        start, stop = min(served.start, len(self)), min(served.stop, len(self))
        if self._step < 0:
            return self._calls[self._last - stop : self._last - start][::-1]
        return self._calls[self._first + start : self._first + stop]

    def all(self) -> list[Call]:
        """Return all calls."""
        return self.page(range(len(self)))

    def reversed(self) -> Window:
        """Return the same calls, the last one first."""
        return Window(self._calls, self._first, self._last, -self._step)

    @classmethod
    def of(cls, calls: list[Call]) -> Window:
        """Return a window of all these calls."""
        return cls(calls, 0, len(calls))
