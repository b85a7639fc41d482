"""How well transcripts fill the requests in flight, each of which takes 100 ms."""

from __future__ import annotations

import heapq
import importlib
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sandbox import SandboxAdapter
from tap_ayra.api.prefetch import Prefetch
from tests.simulator import Pipeline, ago, call, catalog, history

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Call, SandboxClock

simulated = importlib.import_module("tests.simulator.sync")
LATENCY = 0.1


class Line:
    """So many requests at a time, each of which takes `LATENCY`; for everyone who prefetches."""

    clock: ClassVar[SandboxClock]
    free: ClassVar[list[float]]
    prefetching: ClassVar[bool] = False

    @classmethod
    def open(cls, clock: SandboxClock, places: int) -> None:
        cls.clock = clock
        cls.free = [clock.now().timestamp()] * places

    @classmethod
    def join(cls) -> float:
        """Queue up, and give the time at which the response will be there."""
        done = max(heapq.heappop(cls.free), cls.clock.now().timestamp()) + LATENCY
        heapq.heappush(cls.free, done)
        return done

    @classmethod
    def wait_until(cls, moment: float) -> None:
        cls.clock.advance(max(0.0, moment - cls.clock.now().timestamp()))


class LinePrefetch(Prefetch[Any, Any]):
    """Prefetches without threads: whoever waits for a page waits until its turn has come."""

    def __init__(self, fetch: Any, *, seed: int | None, **options: Any) -> None:  # noqa: ANN401
        assert seed is None
        super().__init__(fetch, **options)

    def _submit(self, token: object) -> None:
        self._pages[token] = InLine(self._fetch, token)


class InLine(Future[Any]):
    def __init__(self, fetch: Any, token: object) -> None:  # noqa: ANN401
        super().__init__()
        self._fetch, self._token = fetch, token
        self._done_at = Line.join()

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401, ARG002
        Line.wait_until(self._done_at)
        Line.prefetching = True
        try:
            return self._fetch(self._token)
        finally:
            Line.prefetching = False


class SlowAdapter(SandboxAdapter):
    def send(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401
        if not Line.prefetching:
            Line.wait_until(Line.join())
        return super().send(*args, **more)


def dense(count: int) -> list[Call]:
    """Calls each of which has a transcript."""
    return history(count, apart=20)


def sparse(count: int) -> list[Call]:
    """Calls of which every tenth has a transcript."""
    return [
        call(f"c{n}", ago(days=20) + n * (ago() - ago(seconds=60)), has_transcript=n % 10 == 0)
        for n in range(10 * count)
    ]


@pytest.mark.parametrize(
    ("calls", "share", "of_budget"),
    [(dense, 1, None), (dense, 0.75, 0.75), (sparse, 1.1, None)],
    ids=["transcripts", "with a budget", "few transcripts on many pages"],
)
@pytest.mark.parametrize(
    ("concurrency", "count"),
    [(1, 200), (4, 400), (8, 800), pytest.param(32, 2000, marks=pytest.mark.slow)],
)
def test_requests_in_flight_are_used(  # noqa: PLR0913
    calls: Callable[[int], list[Call]],
    share: float,
    of_budget: float | None,
    *,
    concurrency: int,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The more transcripts there are for each place in line, the less its ends weigh."""
    pipeline = Pipeline(calls(count))
    budget = of_budget and int(of_budget * count)
    Line.open(pipeline.clock, concurrency)
    monkeypatch.setattr(simulated, "InlinePrefetch", LinePrefetch)
    monkeypatch.setattr(simulated, "SandboxAdapter", SlowAdapter)
    found = catalog(transcripts=True)
    found["streams"][0]["metadata"][-1]["metadata"]["selected"] = False
    began = pipeline.clock.now()
    pipeline.sync(catalog=found, concurrency=concurrency, transcripts_per_sync=budget)
    took = (pipeline.clock.now() - began).total_seconds()
    assert took <= 1.15 * share * count * LATENCY / concurrency
