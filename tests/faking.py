"""Time without waiting, and syncs that may fail."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_ayra.api.rate_limit import RateLimiter
from tap_ayra.errors import TapAyraError
from tap_ayra.tap import TapAyra
from tests.singer import Output, captured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pytest

    from sandbox import SandboxClock
    from tap_ayra.errors import TransientError

_SOON = 60.0


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Wait for the threads that were started meanwhile: none may sleep through another's time."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name == "prefetch":
            thread.join(_SOON)
            assert not thread.is_alive()


_GRACE = 0.002
"""Real seconds in which other threads may begin to sleep too, before the clock moves on."""


class FakeTime:
    """Stands in for the module `time`: nobody waits, and the world's clock goes on instead.

    Threads that sleep at the same time wake in order, as they would, and none of them while a
    request is under way.

    Attributes:
        wrong_by: how many seconds this machine's clock is ahead of the API's.
        slept: what was slept, in order.
    """

    def __init__(self, clock: SandboxClock, *, wrong_by: float = 0.0) -> None:
        """Move a clock, which should be frozen."""
        self._clock = clock
        self._changed = threading.Condition()
        self._now = 1000.0
        self._sleepers: list[float] = []
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._under_way = 0
        self.wrong_by = wrong_by
        self.slept: list[float] = []

    @classmethod
    def install(
        cls, monkeypatch: pytest.MonkeyPatch, clock: SandboxClock, *, wrong_by: float = 0.0
    ) -> FakeTime:
        """Make the tap's waits fake; the deadlines of its sockets stay real."""
        fake = cls(clock, wrong_by=wrong_by)
        for module in ("client", "headers", "rate_limit", "rate_window", "retry"):
            monkeypatch.setattr(f"tap_ayra.api.{module}.time", fake)
        acquire, release = RateLimiter.acquire, RateLimiter.release

        def begin(limiter: RateLimiter) -> None:
            acquire(limiter)
            fake.count(1)

        def end(limiter: RateLimiter, headers: Mapping[str, str] | None) -> None:
            release(limiter, headers)
            fake.count(-1)

        monkeypatch.setattr(RateLimiter, "acquire", begin)
        monkeypatch.setattr(RateLimiter, "release", end)
        return fake

    def count(self, requests: int) -> None:
        """Count requests that begin, or end."""
        with self._changed:
            self._under_way += requests

    @property
    def waited(self) -> float:
        """Seconds that have passed."""
        return self._now - 1000.0

    def monotonic(self) -> float:
        """Give the fake time."""
        return self._now

    def time(self) -> float:
        """Give this machine's idea of the time of day."""
        return self._clock.now().timestamp() + self.wrong_by

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Plan something for later."""
        heapq.heappush(self._plans, (self._now + seconds, next(self._numbers), do))

    def sleep(self, seconds: float) -> None:
        """Let the time pass, once all others who sleep less long are awake."""
        with self._changed:
            self.slept.append(seconds)
            mine = self._now + seconds
            heapq.heappush(self._sleepers, mine)
            quiet = time.monotonic()
            crowd = len(self.slept)
            while self._now < mine:
                self._changed.wait(_GRACE)
                if len(self.slept) != crowd or self._under_way:
                    crowd, quiet = len(self.slept), time.monotonic()
                elif self._sleepers[0] == mine and time.monotonic() - quiet >= _GRACE:
                    self._move_to(mine)
            self._sleepers.remove(mine)
            heapq.heapify(self._sleepers)
            self._changed.notify_all()

    def _move_to(self, moment: float) -> None:
        while self._plans and self._plans[0][0] <= moment:
            heapq.heappop(self._plans)[2]()
        self._clock.advance(moment - self._now)
        self._now = moment


def codes(error: TransientError | TapAyraError) -> list[str]:
    """Give the codes of an error's lines."""
    return [getattr(line, "code", "") for line in error.lines]


@dataclass(frozen=True)
class Attempt:
    """A sync that may have failed.

    Attributes:
        output: what the tap wrote.
        failure: what it failed with; None if it did not.
    """

    output: Output
    failure: TapAyraError | None = None

    @property
    def error(self) -> str:
        """What it failed with, in the user's words; empty if it did not."""
        return str(self.failure or "")

    @property
    def codes(self) -> list[str]:
        """The codes of the error's lines."""
        return codes(self.failure) if self.failure else []

    @property
    def ids(self) -> list[str]:
        """The ids of the records, in order."""
        return [record["id"] for record in self.output.records]

    @property
    def state(self) -> dict[str, Any] | None:
        """The value of the last STATE."""
        states = self.output.of_type("STATE")
        return states[-1]["value"] if states else None


def attempt(
    settings: Mapping[str, Any],
    *,
    state: Mapping[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
) -> Attempt:
    """Sync in this process, and fail as the tap does."""
    error: TapAyraError | None = None
    with captured() as written:
        tap = TapAyra(
            config=dict(settings),
            state=None if state is None else dict(state),
            catalog=catalog,
        )
        try:
            tap.sync_all()
        except TapAyraError as failure:
            error = failure.with_traceback(None)  # which would keep the sync's threads waiting
    return Attempt(Output.parse(written.getvalue()), error)
