"""Ordered, bounded look-ahead: pages are fetched by threads and handed out one by one.

Where pages come faster than a thread would be worth, the one who wants a page fetches it.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_ayra.errors import PageFailedError
from tap_ayra.patience import LATER_PAGE_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

T = TypeVar("T", bound="Hashable")
P = TypeVar("P")
QUICK = 0.01
"""Seconds: where pages come faster, handing them from thread to thread costs more than waiting."""
SMOOTHING = 8
"""How many pages the pace is judged by, roughly."""
MOST_COUNTED = (SMOOTHING - 1) * QUICK
"""Seconds that one page counts as at most: alone it changes nothing, however late it comes, as the
first may."""


class Prefetch(Generic[T, P]):
    """Fetches pages ahead of the one wanted.

    While pages come within `QUICK`, each is fetched as it is wanted, by the one who wants it. Once
    they take longer, or one has to wait its turn, threads fetch, at most `workers` pages at a time;
    and at most twice as many are being fetched or lie ready, whatever the length of the walk. The
    threads are daemons: none of them keeps the process alive.
    """

    def __init__(
        self, fetch: Callable[[T], P], *, workers: int, starts_at_once: Callable[[], bool]
    ) -> None:
        """Make ready; nothing is fetched and no thread started yet.

        Args:
            fetch: gets one page; called from several threads at once.
            workers: how many threads at most.
            starts_at_once: whether a page could be requested now, or would have to wait.
        """
        self._fetch = fetch
        self._workers = workers
        self._starts_at_once = starts_at_once
        self._quick = True
        self._pace = 0.0
        self._threads: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[tuple[T, Future[P]] | None] = queue.SimpleQueue()
        self._pages: dict[T, Future[P]] = {}

    def get(self, token: T, upcoming: Iterable[T] = ()) -> P:
        """Wait for a page, and meanwhile have the next ones fetched.

        Pages asked for earlier that are neither this one nor among the upcoming are dropped.

        Args:
            token: the page wanted now.
            upcoming: what will be wanted next, in order.

        Raises:
            Exception: what `fetch` raised for this page; or for a later one, if this one does
                not come within `LATER_PAGE_FAILED`. Otherwise a later page's error is kept until
                its turn.
        """
        self._quick = self._quick and self._starts_at_once()
        if self._quick:
            return self._fetch_now(token)
        wanted = dict.fromkeys([token, *islice(upcoming, 2 * self._workers - 1)])
        for dropped in self._pages.keys() - wanted.keys():
            self._pages.pop(dropped).cancel()
        for ahead in wanted:
            if ahead not in self._pages:
                self._submit(ahead)
        return self._wait_for(self._pages.pop(token))

    def _fetch_now(self, token: T) -> P:
        began = time.monotonic()
        page = self._fetch(token)
        took = time.monotonic() - began
        self._pace += (min(took, MOST_COUNTED) - self._pace) / SMOOTHING
        self._quick = self._pace < QUICK
        return page

    def _wait_for(self, page: Future[P]) -> P:
        while True:
            try:
                return page.result(timeout=LATER_PAGE_FAILED)
            except TimeoutError:
                if page.done():
                    return page.result()
                for later in self._pages.values():
                    error = later.exception() if later.done() else None
                    if error is not None and not isinstance(error, PageFailedError):
                        raise error from None

    def close(self) -> None:
        """Drop what has not been handed out and let the threads end."""
        for page in self._pages.values():
            page.cancel()
        self._pages.clear()
        for _ in self._threads:
            self._jobs.put(None)

    def _submit(self, token: T) -> None:
        page: Future[P] = Future()
        self._pages[token] = page
        self._jobs.put((token, page))
        if len(self._threads) < min(self._workers, len(self._pages)):
            thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while job := self._jobs.get():
            token, page = job
            if not page.set_running_or_notify_cancel():
                continue
            try:
                result = self._fetch(token)
            except BaseException as error:  # noqa: BLE001  it surfaces where the page is wanted
                page.set_exception(error)
            else:
                page.set_result(result)
