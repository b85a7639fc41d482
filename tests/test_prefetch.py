"""The look-ahead over pages: in order, bounded, and gone when it is no longer wanted."""

from __future__ import annotations

import threading
from collections import defaultdict
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tap_ayra.api import prefetch
from tap_ayra.api.prefetch import QUICK, Prefetch
from tap_ayra.errors import PageFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PATIENCE = 5.0
"""Seconds after which a thread that has not done its work never will."""


class Pages:
    """Gives a page when the test lets it, and remembers what was asked for.

    Attributes:
        begun: the pages whose fetching has begun, in order.
        arrived: the pages that have been given.
        most: how many have been fetched at the same time at most.
        threads: those that fetched.
        never_add_up: the pages that fail by themselves alone.
    """

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.arrived: set[int] = set()
        self.most = 0
        self.threads: set[threading.Thread] = set()
        self.never_add_up: set[int] = set()
        self._changed = threading.Condition()
        self._under_way = 0
        self._gates: defaultdict[int, threading.Event] = defaultdict(threading.Event)
        self._open = False

    def fetch(self, page: int) -> str:
        """Fetch a page; one with a number below 0 fails."""
        with self._changed:
            self.begun.append(page)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            self.threads.add(threading.current_thread())
            gate = self._gates[page]
            self._changed.notify_all()
        assert self._open or gate.wait(PATIENCE)
        with self._changed:
            self._under_way -= 1
            self.arrived.add(page)
            self._changed.notify_all()
        if page in self.never_add_up:
            message = "it never adds up"
            raise PageFailedError(message)
        if page < 0:
            message = f"page {page} cannot be had"
            raise LookupError(message)
        return f"page {page}"

    def let(self, *pages: int) -> None:
        """Let pages arrive."""
        with self._changed:
            for page in pages:
                self._gates[page].set()

    def let_all(self) -> None:
        """Let every page arrive, those not yet asked for included."""
        with self._changed:
            self._open = True
            for gate in self._gates.values():
                gate.set()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds for what has been asked for."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE)


@pytest.fixture
def pages() -> Iterator[Pages]:
    pages = Pages()
    yield pages
    pages.let_all()


def look_ahead(pages: Pages, *, workers: int) -> Prefetch[int, str]:
    """Prefetch pages that each have to be waited for."""
    return Prefetch(pages.fetch, workers=workers, starts_at_once=lambda: False)


def first_page(ahead: Prefetch[int, str], pages: Pages, upcoming: Iterable[int]) -> str:
    """Have page 0 arrive once all the threads that may are fetching."""

    def let_it_come() -> None:
        pages.wait_until(lambda: len(pages.begun) >= ahead._workers)
        pages.let(0)

    busy = threading.Thread(target=let_it_come)
    busy.start()
    page = ahead.get(0, upcoming)
    busy.join()
    return page


def ended(threads: set[threading.Thread]) -> bool:
    """Wait for threads to end."""
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_pages_come_in_the_order_asked_for(pages: Pages, workers: int) -> None:
    pages.let_all()
    ahead = look_ahead(pages, workers=workers)
    walked = [ahead.get(page, range(page + 1, 60)) for page in range(60)]
    ahead.close()
    assert walked == [f"page {page}" for page in range(60)]
    assert sorted(pages.begun) == list(range(60))
    assert pages.most <= workers


def test_later_pages_may_arrive_first(pages: Pages) -> None:
    def answer_the_first_last() -> None:
        pages.let(1, 2)
        pages.wait_until(lambda: {1, 2} <= pages.arrived)
        pages.let(0)

    ahead = look_ahead(pages, workers=3)
    threading.Thread(target=answer_the_first_last).start()
    walked = [ahead.get(page, range(page + 1, 3)) for page in range(3)]
    ahead.close()
    assert walked == ["page 0", "page 1", "page 2"]


@pytest.mark.parametrize("workers", [1, 4])
def test_it_is_bounded(pages: Pages, workers: int) -> None:
    ahead = look_ahead(pages, workers=workers)
    first_page(ahead, pages, count(1))  # an endless walk
    pages.wait_until(lambda: len(pages.begun) == workers + 1)
    assert sorted(pages.begun) == list(range(workers + 1))
    assert len(ahead._pages) == 2 * workers - 1  # without the one handed out
    pages.let_all()
    for page in range(1, 20):
        assert ahead.get(page, count(page + 1)) == f"page {page}"
        assert len(ahead._pages) < 2 * workers
        assert max(pages.begun) < page + 2 * workers
    ahead.close()
    assert pages.most == workers
    assert len(pages.threads) <= workers


def test_a_page_is_fetched_once(pages: Pages) -> None:
    pages.let_all()
    ahead = look_ahead(pages, workers=2)
    ahead.get(0, [1, 2, 1, 0])
    ahead.get(1, [2])
    ahead.get(2)
    ahead.close()
    assert sorted(pages.begun) == [0, 1, 2]


def test_nothing_is_fetched_before_it_is_asked_for(pages: Pages) -> None:
    pages.let_all()
    ahead = look_ahead(pages, workers=4)
    assert (ahead._threads, pages.begun) == ([], [])
    assert ahead.get(0) == "page 0"
    assert len(ahead._threads) == 1
    ahead.close()


# While pages come fast


class Paced:
    """Pages that each take so many seconds, by a clock of their own, in the thread that asks.

    Attributes:
        seconds: how long the next page takes.
        free: whether it may be requested at once.
        here: the pages that were fetched by the one who wanted them, as they were wanted.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.seconds = 0.0
        self.free = True
        self.here: list[int] = []
        self._caller = threading.current_thread()
        monkeypatch.setattr(prefetch, "time", SimpleNamespace(monotonic=lambda: self.now))

    def fetch(self, page: int) -> int:
        self.now += self.seconds
        if threading.current_thread() is self._caller:
            self.here.append(page)
        return page

    def walk(self, *seconds: float) -> int:
        """Walk pages that take so long; give how many were fetched as they were wanted."""
        ahead = Prefetch(self.fetch, workers=4, starts_at_once=lambda: self.free)
        for page, self.seconds in enumerate(seconds):
            assert ahead.get(page, range(page + 1, len(seconds))) == page
        ahead.close()
        assert self.here == list(range(len(self.here)))
        return len(self.here)


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> Paced:
    return Paced(monkeypatch)


def test_while_pages_come_fast_each_is_fetched_as_it_is_wanted(paced: Paced) -> None:
    assert paced.walk(*[QUICK / 2] * 20) == 20


@pytest.mark.parametrize("seconds", [0.1, 60])
def test_where_the_first_two_pages_are_slow_threads_fetch_all_others(
    paced: Paced, seconds: float
) -> None:
    assert paced.walk(seconds, seconds, *[0.0] * 20) == 2


@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("seconds", [0.05, 0.1, 60])
def test_one_page_that_comes_late_changes_nothing(
    paced: Paced, before: int, seconds: float
) -> None:
    assert paced.walk(*[0.001] * before, seconds, *[0.001] * 20) == before + 21


@pytest.mark.parametrize(("seconds", "most"), [(0.02, 6), (0.04, 3), (0.1, 2), (60, 2)])
def test_pages_that_become_slow_are_soon_fetched_by_threads(
    paced: Paced, seconds: float, most: int
) -> None:
    assert paced.walk(*[0.001] * 100, *[seconds] * 50) <= 100 + most


def test_a_page_that_has_to_wait_its_turn_is_fetched_by_a_thread(paced: Paced) -> None:
    paced.free = False
    assert paced.walk(*[0.0] * 20) == 0


def test_an_error_of_a_page_fetched_as_it_is_wanted_surfaces(pages: Pages) -> None:
    pages.let_all()
    ahead = Prefetch(pages.fetch, workers=4, starts_at_once=lambda: True)
    with pytest.raises(LookupError, match="page -3 cannot be had"):
        ahead.get(-3, [4])
    assert pages.begun == [-3]
    ahead.close()


# While they do not


def test_an_error_surfaces_where_its_page_is_wanted(pages: Pages) -> None:
    pages.let_all()
    ahead = look_ahead(pages, workers=4)
    walk = [1, 2, -3, 4, -5]
    assert ahead.get(1, walk[1:]) == "page 1"
    pages.wait_until(lambda: len(pages.begun) == 5)
    assert ahead.get(2, walk[2:]) == "page 2"
    with pytest.raises(LookupError, match="page -3 cannot be had"):
        ahead.get(-3, walk[3:])
    assert ahead.get(4, walk[4:]) == "page 4"
    with pytest.raises(LookupError, match="page -5 cannot be had"):
        ahead.get(-5)
    ahead.close()


def test_a_stalled_page_does_not_hide_that_a_later_one_failed_for_good(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "LATER_PAGE_FAILED", 0.01)
    ahead = look_ahead(pages, workers=2)
    pages.let(-2)
    with pytest.raises(LookupError, match="page -2 cannot be had"):
        ahead.get(1, [-2])
    ahead.close()


@pytest.mark.parametrize("later", ["fails by itself alone", "is no longer wanted"])
def test_a_slow_page_is_waited_for_while_a_later_one(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    monkeypatch.setattr(prefetch, "LATER_PAGE_FAILED", 0.01)
    ahead = look_ahead(pages, workers=3)
    pages.let(0, -2)
    if later == "fails by itself alone":
        pages.never_add_up = {-2}
    ahead.get(0, [-2])
    pages.wait_until(lambda: -2 in pages.arrived)
    threading.Timer(0.1, pages.let, [1]).start()
    assert ahead.get(1, [-2] if pages.never_add_up else []) == "page 1"
    ahead.close()


def test_a_page_no_longer_wanted_is_not_fetched(pages: Pages) -> None:
    ahead = look_ahead(pages, workers=2)
    first_page(ahead, pages, [1, 2, 3])
    pages.wait_until(lambda: {1, 2} <= {*pages.begun})  # all threads are busy
    ahead._pages[3].add_done_callback(lambda _: pages.let_all())
    assert ahead.get(7) == "page 7"
    ahead.close()
    assert ended({*ahead._threads})
    assert sorted(pages.begun) == [0, 1, 2, 7]


def test_closing_drops_what_has_not_begun_and_ends_the_threads(pages: Pages) -> None:
    ahead = look_ahead(pages, workers=2)
    first_page(ahead, pages, range(1, 4))
    pages.wait_until(lambda: {1, 2} <= {*pages.begun})
    ahead.close()
    pages.let_all()
    assert ended({*ahead._threads})
    assert sorted(pages.begun) == [0, 1, 2]


def test_closing_does_not_wait_for_a_page_under_way(pages: Pages) -> None:
    ahead = look_ahead(pages, workers=2)
    pages.let(0)
    ahead.get(0, [1])
    pages.wait_until(lambda: 1 in pages.begun)
    ahead.close()
    assert any(thread.is_alive() for thread in ahead._threads)
    assert all(thread.daemon for thread in ahead._threads)


def test_closing_an_unused_one_is_no_trouble(pages: Pages) -> None:
    look_ahead(pages, workers=2).close()
