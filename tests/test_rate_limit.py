"""The rate limiter, under a clock that only the tests move.

What is meant by room: while a rate window lasts, it has room for as many requests as the lowest
`X-RateLimit-Remaining` heard of it says, less those that are started and not answered, since the
API may have to count every one of them yet.
"""

from __future__ import annotations

import heapq
import logging
import math
import threading
import time
from collections import Counter
from dataclasses import KW_ONLY, dataclass, field
from email.utils import formatdate
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tap_ayra.api import headers as headers_module
from tap_ayra.api import rate_limit, rate_window
from tap_ayra.api.headers import retry_after
from tap_ayra.api.prefetch import Prefetch
from tap_ayra.api.rate_limit import A_MOMENT, SPREAD, SPREAD_PLACES, RateLimiter
from tap_ayra.errors import QuotaExhaustedError, TapAyraError
from tap_ayra.patience import LONGEST_SERVER_WAIT
from tests.sweeps import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNIX = 1_767_225_600.0
"""The API's clock, in Unix seconds, where the tests' clock shows 0."""


@dataclass
class Clock:
    """Stands in for the module `time`.

    Attributes:
        now: seconds since the test began.
        ahead: how far this machine's clock is ahead of the API's.
    """

    now: float = 0.0
    ahead: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return UNIX + self.now + self.ahead

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class CountingApi:
    """Counts requests in fixed windows, refuses those past the limit, and says so in headers.

    Attributes:
        limit: requests that a window allows.
        length: a window's seconds.
        phase: when, in Unix seconds, some window begins.
        whole: how the end of a window is made a whole second.
        on_request: whether a window begins with the first request after the last one's end,
            and not by the clock.
        refused: how many requests were refused.
        served: how many were not, for each window.
    """

    limit: int
    length: float = 60.0
    phase: float = 0.0
    whole: Callable[[float], int] = math.floor
    dated: bool = True
    on_request: bool = False
    starts: list[float] = field(default_factory=list)
    refused: int = 0
    served: Counter[int] = field(default_factory=Counter)

    def window(self, now: float) -> int:
        """Give the number of the window at a moment of the tests' clock."""
        if self.on_request:
            return len(self.starts) - 1
        return math.floor((UNIX + now - self.phase) / self.length)

    def end(self, window: int) -> float:
        """Give the moment of the tests' clock at which a window ends."""
        if self.on_request:
            return self.starts[window] + self.length
        return (window + 1) * self.length + self.phase - UNIX

    def answer(self, now: float) -> dict[str, str]:
        """Count a request that arrives, and give the headers of its answer."""
        if self.on_request and (not self.starts or now >= self.starts[-1] + self.length):
            self.starts.append(now)
        window = self.window(now)
        if self.served[window] >= self.limit:
            self.refused += 1
        else:
            self.served[window] += 1
        return self.headers(now)

    def headers(self, now: float) -> dict[str, str]:
        """Give the headers of an answer."""
        window = self.window(now)
        date = {"Date": formatdate(math.floor(UNIX + now), usegmt=True)} if self.dated else {}
        return date | {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - self.served[window]),
            "X-RateLimit-Reset": str(self.whole(UNIX + self.end(window))),
        }


@dataclass
class Heard:
    """What the answers have said so far: what a limiter may know."""

    api: CountingApi
    slowest: float
    window: int | None = None
    remaining: int = 0
    resets: float = 0.0
    in_flight: int = 0

    def hear(self, headers: dict[str, str], window: int) -> None:
        """Take note of an answer; those of an older window are no news."""
        remaining = int(headers["X-RateLimit-Remaining"])
        if self.window is None or window > self.window:
            self.window, self.remaining = window, remaining
            self.resets = int(headers["X-RateLimit-Reset"]) - UNIX
        elif window == self.window:
            self.remaining = min(self.remaining, remaining)

    def miss(self, now: float) -> None:
        """Take note of a request that has got no answer, and may have been counted."""
        if self.window is not None and now < self.api.end(self.window):
            self.remaining = max(0, self.remaining - 1)

    def room(self, now: float) -> int | None:
        """Tell how many requests may start; None where whole seconds do not let one know."""
        if self.window is None:
            return 1 - self.in_flight
        if now < self.api.end(self.window):
            return self.remaining - self.in_flight
        # Whole seconds in the reset and in the date, and an answer's way.
        if now > self.resets + 2 + self.slowest:
            return self.api.limit - self.in_flight
        return None


@dataclass
class Simulation:
    """Several threads that make requests as fast as the limiter allows.

    Checks at each step that the limiter holds a request back exactly while there is no room. If
    more are wanted, the last ones of a window may be spread over a second, and the very last one
    may wait for the second that the headers name.

    Attributes:
        limiter: starts requests.
        clock: moved on by this.
        api: answers.
        threads: how many there are.
        latency: the least and the most seconds of a round trip; those are under way either way.
        seed: what the latency depends on.
        requests: how many to make in all.
        until: when to stop.
        others: how many requests others make with the same key for each of ours.
        lost: the share of answers that never come.
    """

    limiter: RateLimiter
    clock: Clock
    api: CountingApi
    _: KW_ONLY
    threads: int
    latency: tuple[float, float]
    seed: int = 0
    requests: int | None = None
    until: float = math.inf
    others: float = 0.0
    lost: float = 0.0

    def run(self) -> None:
        """Let it all happen."""
        self._random, self._numbers = Random(self.seed), count()  # noqa: S311
        self._heard = Heard(self.api, self.latency[1])
        self._waiting: list[int] = []
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        for thread in range(self.threads):
            self._at(self.clock.now, self._want, thread)
        while self._events and self._events[0][0] < self.until:
            moment, _, happen, what = heapq.heappop(self._events)
            self.clock.now = max(self.clock.now, moment)
            happen(*what)

    def _at(self, moment: float, happen: Callable[..., None], *what: object) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), happen, what))

    def _want(self, thread: int, *, alone: bool = False) -> None:
        if self.limiter.started == self.requests:
            return
        now = self.clock.now
        most = self.threads if self.requests is None else self.requests - self.limiter.started
        self.limiter._wanting = wanting = min(self.threads - self._heard.in_flight, most)
        if not alone and self.limiter._is_kept and not self.limiter._more_wanted:
            self._waiting.append(thread)
            self._at(now + A_MOMENT, self._want_alone, thread)
            return
        wait, room = self.limiter._wait(), self._heard.room(now)
        if room == 1 and wanting > 1 and wait != 0:
            assert now + (wait or 0) <= self._heard.resets + 1 + self.latency[1]
        elif room and 1 < room < wanting and room <= SPREAD_PLACES + 1 and wait:
            assert wait <= SPREAD + 1e-6
        elif room is not None:
            assert (wait is not None and wait <= 0) == (room > 0)
        if wait is None:
            assert self._heard.in_flight, "it waits for an answer that nobody is going to give"
            self._waiting.append(thread)
        elif wait > 0:
            self._at(now + wait, self._want, thread)
        else:
            self.limiter._wanting -= 1
            self.limiter.acquire()
            self._heard.in_flight += 1
            whole = self._random.uniform(*self.latency)
            there = whole * self._random.random()
            self._at(now + there, self._arrive, thread, whole - there)

    def _want_alone(self, thread: int) -> None:
        if thread in self._waiting:
            self._waiting.remove(thread)
            self._want(thread, alone=True)

    def _arrive(self, thread: int, back: float) -> None:
        now = self.clock.now
        while self._random.random() < self.others / (1 + self.others):
            self.api.answer(now)
        self._at(now + back, self._answer, thread, self.api.answer(now), self.api.window(now))

    def _answer(self, thread: int, headers: dict[str, str], window: int) -> None:
        self._heard.in_flight -= 1
        if self._random.random() < self.lost:
            self._heard.miss(self.clock.now)
            self.limiter.release(None)
        else:
            self._heard.hear(headers, window)
            self.limiter.release(headers)
        for wakes in [*self._waiting, thread]:
            self._at(self.clock.now, self._want, wakes)
        self._waiting.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    use(clock, monkeypatch)
    return clock


def use(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the limiter go by a clock, in which it takes a thread no time to want a request."""
    for module in (headers_module, rate_limit, rate_window):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(rate_limit, "A_MOMENT", 0)


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    del clock
    return RateLimiter()


def started(limiter: RateLimiter, most: int = 1000) -> int:
    """Start requests as long as none is held back; give their number."""
    number = 0
    while number < most and (wait := limiter._wait()) is not None and wait <= 0:
        limiter.acquire()
        number += 1
    return number


def answered(limiter: RateLimiter, headers: dict[str, str] | None) -> None:
    """Make one request and get an answer at once."""
    limiter.acquire()
    limiter.release(headers)


def said(remaining: object, limit: object = 100, reset: object = 60.0, now: float = 0.0) -> Any:  # noqa: ANN401
    """Give an answer's headers; a reset that is a number counts from the tests' beginning."""
    return {
        "Date": formatdate(math.floor(UNIX + now), usegmt=True),
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(UNIX + reset)) if isinstance(reset, float) else str(reset),
    }


SITUATIONS: dict[str, st.SearchStrategy[Any]] = {
    "length": st.integers(1, 3600) | st.integers(1, 5) | st.sampled_from([10, 12, 30, 60, 120]),
    "phase": st.just(0.0) | st.floats(0, 1, exclude_max=True),
    "on_request": st.booleans(),
    "whole": st.sampled_from([math.floor, math.ceil]),
    "limit": st.integers(1, 20) | st.integers(1, 1000),
    "threads": st.integers(1, 32),
    "least": st.floats(0.001, 2) | st.floats(0.001, 60),
    "spread": st.floats(1, 20),
    "began": st.floats(0, 3600),
    "ahead": st.sampled_from([0.0, -7200.0, 1e6, 0.5]),
    "seed": st.integers(0, 1000),
}


def situation(  # noqa: PLR0913
    monkeypatch: pytest.MonkeyPatch,
    *,
    length: int,
    phase: float,
    on_request: bool,
    whole: Callable[[float], int],
    limit: int,
    threads: int,
    least: float,
    spread: float,
    began: float,
    ahead: float,
    seed: int,
) -> tuple[RateLimiter, Clock, CountingApi, dict[str, Any]]:
    """Make the parts of a simulation."""
    clock = Clock(began, ahead)
    use(clock, monkeypatch)
    on_request = on_request and length > 2  # else the next window's end looks like this one's
    api = CountingApi(limit, float(length), phase, whole, on_request=on_request)
    latency = (least, least * spread)
    return RateLimiter(), clock, api, {"threads": threads, "latency": latency, "seed": seed}


@given(**SITUATIONS)
@example(
    length=1,
    phase=0.999,
    on_request=False,
    whole=math.floor,
    limit=1,
    threads=32,
    least=0.5,
    spread=8.0,
    began=0.0,
    ahead=0.0,
    seed=0,
)
def test_alone_on_a_key_nothing_is_refused(**parts: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        limiter, clock, api, how = situation(monkeypatch, **parts)
        Simulation(limiter, clock, api, **how, requests=150).run()
    assert api.refused == 0
    assert api.served.total() == limiter.started == 150


@given(**SITUATIONS, others=st.floats(0.01, 3))
def test_with_others_on_the_key_it_holds_to_what_the_headers_say(
    others: float, **parts: Any
) -> None:
    assume(parts["length"] > 1)  # windows of a second look like one whose end wavers by a second
    with pytest.MonkeyPatch.context() as monkeypatch:
        limiter, clock, api, how = situation(monkeypatch, **parts)
        Simulation(limiter, clock, api, **how, requests=150, others=others).run()
    assert limiter.started == 150


@given(**SITUATIONS, lost=st.floats(0.01, 0.5))
def test_when_answers_get_lost_their_requests_count(lost: float, **parts: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        limiter, clock, api, how = situation(monkeypatch, **parts)
        Simulation(limiter, clock, api, **how, requests=150, lost=lost).run()
    assert limiter.started == 150


@pytest.mark.parametrize("whole", [math.floor, math.ceil], ids=["truncated", "rounded up"])
@pytest.mark.parametrize("limit", sweep([500, 100, 1000]))
def test_a_long_read_reaches_the_limit(
    limiter: RateLimiter, clock: Clock, whole: Callable[[float], int], limit: int
) -> None:
    api = CountingApi(limit, phase=0.4, whole=whole)
    minutes = 20
    Simulation(limiter, clock, api, threads=8, latency=(0.1, 0.4), until=minutes * 60.0).run()
    whole_windows = sorted(api.served)[1:-1]
    assert len(whole_windows) >= minutes - 2
    assert api.refused == 0
    assert all(api.served[window] >= 0.95 * limit for window in whole_windows)


@given(
    length=st.sampled_from([10, 12, 15, 20, 30, 60]),
    limit=st.integers(50, 250),
    whole=st.sampled_from([math.floor, math.ceil]),
    windows=st.integers(4, 6),
    part=st.floats(0.1, 0.9),
    seed=st.integers(0, 1000),
)
def test_little_is_waited_past_the_end_of_a_window(  # noqa: PLR0913
    *,
    length: int,
    limit: int,
    whole: Callable[[float], int],
    windows: int,
    part: float,
    seed: int,
) -> None:
    quickest = 10 / limit  # a window's requests take 2 to 3 seconds: Date moves on meanwhile
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock()
        use(clock, monkeypatch)
        api = CountingApi(limit, float(length), whole=whole)
        how: dict[str, Any] = {"threads": 8, "latency": (quickest, 2 * quickest), "seed": seed}
        requests = round((windows + part) * limit)
        Simulation(RateLimiter(), clock, api, **how, requests=requests).run()
    assert api.refused == 0
    last_window = part * 3 + 4 * quickest
    assert clock.now - last_window <= windows * length * 1.03 + 1


@given(
    length=st.sampled_from([10, 12, 15, 30, 60]),
    limit=st.integers(100, 500),
    began=st.floats(0, 3600),
    latency=st.floats(0.001, 0.01),
    threads=st.integers(SPREAD_PLACES + 2, 16),
    seed=st.integers(0, 1000),
)
def test_where_responses_come_fast_a_window_is_used_soon_after_it_begins(  # noqa: PLR0913
    *, length: int, limit: int, began: float, latency: float, threads: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(math.floor(began))
        use(clock, monkeypatch)
        phase = UNIX + math.floor(began)
        clock.now = began
        api = CountingApi(limit, float(length), phase)
        how: dict[str, Any] = {"threads": threads, "latency": (latency / 2, latency), "seed": seed}
        Simulation(RateLimiter(), clock, api, **how, requests=round(2.5 * limit)).run()
    assert api.refused == 0
    least = 2 * length + (limit * latency) / threads
    assert clock.now - math.floor(began) <= least + SPREAD + 0.1


@pytest.mark.parametrize("now", [20.0, 59.0])
def test_a_windows_last_requests_are_spread_unless_it_ends_soon(
    limiter: RateLimiter, clock: Clock, caplog: pytest.LogCaptureFixture, now: float
) -> None:
    clock.now = now
    answered(limiter, said(SPREAD_PLACES, now=now))
    limiter._wanting = SPREAD_PLACES
    with caplog.at_level(logging.INFO):
        limiter.acquire()
    assert clock.now - now == pytest.approx(SPREAD if now == 20 else 0)
    assert not caplog.records, "a wait this short is not worth a line"


def test_many_threads_share_a_short_window(limiter: RateLimiter, clock: Clock) -> None:
    api = CountingApi(100, 12.0)
    Simulation(limiter, clock, api, threads=32, latency=(0.05, 0.15), requests=26_000).run()
    assert api.refused == 0
    assert clock.now <= 1.1 * 26_000 / 100 * 12


def test_nothing_is_known_before_the_first_answer(limiter: RateLimiter) -> None:
    assert started(limiter) == 1
    limiter.release(said(99))
    assert started(limiter) == 99


def test_without_a_first_answer_the_next_request_goes_alone_too(limiter: RateLimiter) -> None:
    answered(limiter, None)
    assert started(limiter) == 1


def test_started_requests_may_all_be_counted_yet(limiter: RateLimiter) -> None:
    answered(limiter, said(3))
    assert started(limiter) == 3
    limiter.release(said(2))  # one is counted, two are under way
    assert started(limiter) == 0
    assert limiter._wait() is None  # it takes an answer, not time


def test_a_request_without_an_answer_may_have_been_counted(limiter: RateLimiter) -> None:
    answered(limiter, said(3))
    limiter.acquire()
    limiter.release(None)
    assert started(limiter) == 2


def test_answers_out_of_order(limiter: RateLimiter, clock: Clock) -> None:
    answered(limiter, said(50))
    for _ in range(3):
        limiter.acquire()
    limiter.release(said(47))
    limiter.release(said(49))
    assert limiter.remaining == 47

    clock.now = 70.0
    limiter.release(said(90, reset=120.0, now=70.0))
    limiter.acquire()
    limiter.release(said(20, now=59.0))  # an answer of the last window, long under way
    assert limiter.remaining == 90


def test_a_reset_that_wavers_by_a_second_is_one_window(limiter: RateLimiter, clock: Clock) -> None:
    for nth in range(50):
        clock.now = nth / 2
        answered(limiter, said(49 - nth, limit=50, reset=60.0 + nth % 2, now=clock.now))
    assert limiter.remaining == 0
    wait = limiter._wait()
    assert wait is not None
    assert 36.0 <= wait <= 38.0


def test_a_window_rolls_over(limiter: RateLimiter, clock: Clock) -> None:
    answered(limiter, said(0))
    wait = limiter._wait()
    assert wait is not None
    assert 60 <= wait <= 62
    clock.now = wait
    assert started(limiter) == 100


def test_requests_under_way_count_in_the_next_window(limiter: RateLimiter, clock: Clock) -> None:
    answered(limiter, said(40))
    assert started(limiter) == 40
    clock.now = 62.0
    assert started(limiter) == 60


def test_the_limit_rises_in_mid_window(limiter: RateLimiter) -> None:
    answered(limiter, said(0))
    assert started(limiter) == 0
    limiter._under_way += 1  # one was started before that
    limiter.release(said(400, limit=500))
    assert started(limiter) == 400


def test_the_limit_falls_in_mid_window(limiter: RateLimiter, clock: Clock) -> None:
    answered(limiter, said(400, limit=500))
    answered(limiter, said(0, limit=100))
    assert started(limiter) == 0
    clock.now = 62.0
    assert started(limiter) == 100


def test_others_use_the_key(limiter: RateLimiter) -> None:
    answered(limiter, said(90))
    answered(limiter, said(10))
    assert started(limiter) == 10


@pytest.mark.parametrize("hours_wrong", [-30, -1, 0, 1, 30])
def test_the_local_clock_does_not_matter(
    limiter: RateLimiter, clock: Clock, hours_wrong: int
) -> None:
    clock.ahead = hours_wrong * 3600.0
    answered(limiter, said(0))
    assert limiter._wait() == pytest.approx(61)


def test_the_dates_whole_seconds_are_seen_through(limiter: RateLimiter, clock: Clock) -> None:
    for clock.now in (0.4, 1.0, 1.9):  # the second of them comes just as the API's second begins
        answered(limiter, said(0 if clock.now > 1.5 else 50, now=clock.now))
    assert limiter._wait() == pytest.approx(61 - 1.9)


def test_without_a_date_the_local_clock_is_taken(limiter: RateLimiter) -> None:
    headers = said(0)
    del headers["Date"]
    answered(limiter, headers)
    assert limiter._wait() == pytest.approx(61)


NONSENSE = {
    "none": {},
    "no remaining": {"X-RateLimit-Limit": "100", "X-RateLimit-Reset": str(int(UNIX) + 60)},
    "text": said("none left"),
    "empty": said(""),
    "fraction": said("0.5"),
    "negative": said(-1),
    "more than the limit": said(101),
    "no limit": said(0, limit=0),
    "negative limit": said(-1, limit=-1),
    "past reset": said(0, reset=-5.0),
    "reset as a span": said(0, reset=60),
    "far reset": said(0, reset=40 * 86400.0),
    "endless reset": said(0, reset="9" * 400),
    "reset as a date": said(0, reset="Sun, 06 Nov 2994 08:49:37 GMT"),
    "odd digits": said("²"),
}


@pytest.mark.parametrize("headers", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_holds_nothing_back(limiter: RateLimiter, headers: dict[str, str]) -> None:
    answered(limiter, headers)
    assert started(limiter) == 1000


@pytest.mark.parametrize("headers", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_changes_nothing_that_was_known(
    limiter: RateLimiter, headers: dict[str, str]
) -> None:
    answered(limiter, said(50))
    answered(limiter, headers)
    assert started(limiter) in {49, 50}


def test_a_nonsense_date_is_no_date(limiter: RateLimiter) -> None:
    answered(limiter, said(0) | {"Date": "yesterday"})
    assert limiter._wait() == pytest.approx(61)


def test_refused_all_the_same(limiter: RateLimiter, clock: Clock) -> None:
    answered(limiter, said(50))
    answered(limiter, said(0))  # a 429, since others use the key
    limiter.pause(90)
    assert limiter._wait() == pytest.approx(90)
    clock.now = 90.0
    assert started(limiter) == 100


def test_the_longest_pause_counts(limiter: RateLimiter) -> None:
    limiter.pause(30)
    limiter.pause(10)
    assert limiter._wait() == pytest.approx(30)


def test_it_sleeps_as_long_as_it_takes(
    limiter: RateLimiter, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    answered(limiter, said(0))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            limiter.acquire()
    assert clock.now == pytest.approx(61)
    assert [record.getMessage() for record in caplog.records] == [
        "Rate limit reached: waiting 61 s for the next window"
    ]


def test_a_quarter_of_an_hour_is_slept_through(limiter: RateLimiter, clock: Clock) -> None:
    answered(limiter, said(0, reset=LONGEST_SERVER_WAIT - 2))
    limiter.acquire()
    assert clock.now == pytest.approx(LONGEST_SERVER_WAIT - 1)


@pytest.mark.parametrize("by", ["headers", "pause"])
def test_a_longer_wait_ends_the_sync(limiter: RateLimiter, clock: Clock, by: str) -> None:
    if by == "headers":
        answered(limiter, said(0, reset=3 * 3600.0))
    else:
        limiter.pause(3 * 3600)
    with pytest.raises(QuotaExhaustedError, match="Resets in 3 h"):
        limiter.acquire()
    assert clock.now == 0
    assert issubclass(QuotaExhaustedError, TapAyraError)


def test_after_it_is_closed_nothing_starts(limiter: RateLimiter) -> None:
    limiter.close(ValueError("first"))
    limiter.close(ValueError("second"))
    for _ in range(2):
        with pytest.raises(ValueError, match="first"):
            limiter.acquire()
    assert limiter.started == 0


@pytest.fixture
def waiting() -> Iterator[SimpleNamespace]:
    """A limiter, and a thread that waits for an answer to another's request."""
    limiter, outcome = RateLimiter(), []

    def wait() -> None:
        try:
            limiter.acquire()
        except ValueError as error:
            outcome.append(error)

    limiter.acquire()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield SimpleNamespace(limiter=limiter, thread=thread, outcome=outcome)
    assert not thread.is_alive()


def test_an_answer_lets_a_waiting_thread_go_on(waiting: SimpleNamespace) -> None:
    before = time.monotonic()
    waiting.limiter.release({})
    waiting.thread.join(60)
    assert waiting.limiter.started == 2
    assert time.monotonic() - before < 20


@pytest.mark.parametrize("more", [True, False])
def test_a_windows_last_place_is_kept_for_its_end_if_another_request_follows(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, *, more: bool
) -> None:
    monkeypatch.setattr(rate_limit, "A_MOMENT", 1 if more else 0.01)
    limiter, begun = RateLimiter(), []
    answered(limiter, said(1, limit=100))

    def ask() -> None:
        limiter.acquire()
        begun.append(clock.now)
        limiter.release(said(99, reset=120.0, now=clock.now))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(1 + more)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert min(begun) >= 60 if more else begun == [0]


def test_where_pages_come_fast_threads_start_in_time_to_keep_the_last_place(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "A_MOMENT", 20)  # however busy this machine is
    limiter, begun = RateLimiter(), []
    answered(limiter, said(1, limit=100))

    def fetch(page: int) -> int:
        limiter.acquire()
        begun.append(clock.now)
        limiter.release(said(99, reset=120.0, now=clock.now))
        return page

    ahead = Prefetch(fetch, workers=4, starts_at_once=limiter.starts_at_once)
    assert ahead.get(1, [2, 3]) == 1
    ahead.close()
    assert begun[0] >= 60


def test_a_request_starts_at_once_where_there_is_room_and_it_is_none_of_the_last(
    limiter: RateLimiter, clock: Clock
) -> None:
    assert limiter.starts_at_once()
    answered(limiter, said(SPREAD_PLACES + 3))
    for room in (True, True, False):
        assert limiter.starts_at_once() == room
        limiter.acquire()
    clock.now = 61
    assert limiter.starts_at_once()
    limiter.pause(5)
    assert not limiter.starts_at_once()


def test_closing_ends_a_wait(waiting: SimpleNamespace) -> None:
    waiting.limiter.close(ValueError("over"))
    waiting.thread.join(60)
    assert [str(error) for error in waiting.outcome] == ["over"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": formatdate(UNIX + 30, usegmt=True)}, 30),
        ({"Retry-After": "7", **said(0)}, 7),
        (said(0), 61),
        (said(0, reset=30.0, now=10.0), 21),
        (said(5), None),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": formatdate(UNIX - 30, usegmt=True)}, None),
        (said(0, reset="²"), None),
        (said(0, reset="9" * 400), None),
        ({}, None),
    ],
)
def test_what_the_server_says_of_waiting(
    clock: Clock, headers: dict[str, str], seconds: float | None
) -> None:
    clock.ahead = 3600.0 if "Date" in headers else 0.0
    assert retry_after(headers) == (None if seconds is None else pytest.approx(seconds))
