"""The ways in which the simulated API can be crooked: each a switch, all of them off at first."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, MutableSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from sandbox import errors
from sandbox.unclean import Rounding, Unclean, rounded
from sandbox.window import Window

if TYPE_CHECKING:
    from sandbox.call import Call
    from sandbox.query import ListQuery
    from sandbox.records import Request

Bound = datetime | None
Some = float | Collection[str]

_INSTANT = timedelta(microseconds=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_NOT_COUNTED = {"page", "per_page", "sort_by", "sort_order"}


@dataclass(eq=False, kw_only=True)
class Crooked:
    """An API that does not keep its word. Switches combine, and change between requests.

    `Some` conversations are either a share of all, chosen by their ids, or a collection of ids.

    Attributes:
        seed: What chance depends on.
        cap_total: Counts are reported as this at most, `total_pages` likewise.
        pages_past_cap: What becomes of conversations past `cap_total`: they are served all the
            same, their pages are refused, or their pages are empty.
        round_total: Counts are rounded to a multiple of this.
        inflate_total: Counts are multiplied by this.
        estimate_total: Counts are estimates, wrong by up to this share, otherwise each time.
        cached_total_seconds: How long the count of a window is kept, while its rows are fresh.
        no_total: `total` and `total_pages` are left out, or null.
        exclusive_bounds: `start_date` means "after", `end_date` "before", or both.
        rounded_bounds: Seconds to a multiple of which both bounds are rounded.
        bounds_rounding: In which direction they are.
        show_rounded_starts: Start times are shown in whole seconds, but filtered and sorted by
            their fractions.
        swap_pages: Page numbers that come with the next page's rows once; a number is taken out
            when that has happened.
        repeat_page_beyond: Deeper pages than this repeat its rows.
        refuse_pages_beyond: Deeper pages than this are refused.
        refusal_status: The status of that refusal, and of one past the cap.
        list_twice: Some conversations stand in the order twice, one after the other.
        clock_skew_seconds: How far behind the clock is that every second response goes by.
        latin1_text: Some summaries and transcripts hold a byte that is not UTF-8.
        lone_surrogates: Some summaries and transcripts hold half of a surrogate pair.
        not_a_number: Some durations and confidences are NaN or infinite.
    """

    seed: int = 0
    cap_total: int | None = None
    pages_past_cap: Literal["served", "refused", "empty"] = "served"
    round_total: int | None = None
    inflate_total: float | None = None
    estimate_total: float | None = None
    cached_total_seconds: float = 0.0
    no_total: Literal["absent", "null"] | None = None
    exclusive_bounds: Literal["start", "end", "both"] | None = None
    rounded_bounds: float | None = None
    bounds_rounding: Rounding = "down"
    show_rounded_starts: Rounding | None = None
    swap_pages: MutableSet[int] = field(default_factory=set)
    repeat_page_beyond: int | None = None
    refuse_pages_beyond: int | None = None
    refusal_status: int = 400
    list_twice: Some = 0.0
    clock_skew_seconds: float = 0.0
    latin1_text: Some = 0.0
    lone_surrogates: Some = 0.0
    not_a_number: Some = 0.0

    def __post_init__(self) -> None:
        """Begin with nothing counted."""
        self.random = Random(self.seed)  # noqa: S311
        self._counts: dict[tuple[str, ...], tuple[datetime, int]] = {}

    def node_time(self, number: int, now: datetime) -> datetime:
        """Return what the clock shows of the node that answers a request."""
        return now - timedelta(seconds=self.clock_skew_seconds) if number % 2 == 0 else now

    def bounds(self, asked: ListQuery) -> tuple[Bound, Bound]:
        """Return the first and the last start that a request gets."""
        since, until = asked.since, asked.until
        if self.rounded_bounds:
            since = since and rounded(since, self.rounded_bounds, self.bounds_rounding)
            until = until and rounded(until, self.rounded_bounds, self.bounds_rounding)
        if since and self.exclusive_bounds in {"start", "both"}:
            since = min(since, _LATEST - _INSTANT) + _INSTANT
        if until and self.exclusive_bounds in {"end", "both"}:
            until = max(until, _EARLIEST + _INSTANT) - _INSTANT
        return since, until

    def listed(self, calls: Window) -> Window:
        """Return the conversations as they are listed, some of them twice."""
        if not self.list_twice:
            return calls
        twice = self._chooser(self.list_twice, "twice")
        return Window.of([each for call in calls.all() for each in (call,) * (1 + twice(call))])

    def page_served(self, asked: ListQuery, count: int) -> tuple[range, bool]:
        """Return which rows come for a page, and whether they are the next page's for once.

        Raises:
            ApiError: The page is refused.
        """
        page, size = asked.page, asked.per_page
        if self.refuse_pages_beyond is not None and page > self.refuse_pages_beyond:
            raise errors.page_refused(self.refusal_status, self.refuse_pages_beyond)
        if self.cap_total is not None and self.pages_past_cap == "refused":
            deepest = max(1, math.ceil(self.cap_total / size))
            if page > deepest:
                raise errors.page_refused(self.refusal_status, deepest)
        if self.cap_total is not None and self.pages_past_cap == "empty":
            count = min(count, self.cap_total)
        if self.repeat_page_beyond is not None:
            page = min(page, self.repeat_page_beyond)
        swapped = page in self.swap_pages and page * size < count
        if swapped:
            self.swap_pages.discard(page)
            page += 1
        return range((page - 1) * size, min(page * size, count)), swapped

    def total(self, count: int, request: Request) -> int | None:
        """Return the count of a window as it is reported; None for not at all."""
        if self.no_total is not None:
            return None
        if self.cached_total_seconds:
            count = self._kept(count, request)
        if self.estimate_total is not None:
            wrong_by = self.random.uniform(-self.estimate_total, self.estimate_total)
            count = round(count * (1 + wrong_by))
        if self.inflate_total is not None:
            count = round(count * self.inflate_total)
        if self.round_total is not None:
            count = round(count / self.round_total) * self.round_total
        return count if self.cap_total is None else min(count, self.cap_total)

    def unclean(self) -> Unclean | None:
        """Return what is done to the rows; None for nothing."""
        some = (self.latin1_text, self.lone_surrogates, self.not_a_number)
        if self.show_rounded_starts is None and not any(some):
            return None
        return Unclean(
            self.show_rounded_starts,
            latin1=self._chooser(self.latin1_text, "latin-1"),
            surrogate=self._chooser(self.lone_surrogates, "surrogate"),
            not_a_number=self._chooser(self.not_a_number, "number"),
        )

    def shown(self, call: Call, now: datetime) -> Mapping[str, Any]:
        """Return a conversation as this API shows it."""
        unclean = self.unclean()
        return call.row(now) if unclean is None else unclean.row(call, now)

    def _kept(self, count: int, request: Request) -> int:
        key, params, now = request.key, request.params, request.at
        window = tuple(f"{k}={v}" for k, v in sorted(params.items()) if k not in _NOT_COUNTED)
        counted_at, kept = self._counts.get((key, *window), (_EARLIEST, 0))
        if counted_at <= now < counted_at + timedelta(seconds=self.cached_total_seconds):
            return kept
        self._counts[key, *window] = (now, count)
        return count

    def _chooser(self, some: Some, way: str) -> Callable[[Call], bool]:
        if not isinstance(some, int | float):
            return lambda call: call.id in some
        below = some * 2**32
        return lambda call: crc32(f"{self.seed} {way} {call.id}".encode()) < below
