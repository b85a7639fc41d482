"""The simulated API itself: a request in, an answer out, all time from the world's clock."""

from __future__ import annotations

import math
import threading
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import parse_qsl

from sandbox import errors, pages
from sandbox.cache import CachedPage, PageCache
from sandbox.call import Call
from sandbox.crooked import Crooked
from sandbox.formats import encode, http_date, timestamp
from sandbox.query import parse
from sandbox.rate_windows import DAY, Allowance, RateWindows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sandbox.query import ListQuery
    from sandbox.world import World

PERMISSION = "conversations:read"
PATH = "/v1/conversations"
TEST_KEY = "sk_test_sandbox_0000"


class Answer(NamedTuple):
    """What the API sends back."""

    status: int
    headers: dict[str, str]
    body: bytes


class RequestRecord(NamedTuple):
    """What the API remembers of a request.

    Attributes:
        number: The request's number, from 1.
        method: GET, if nothing is wrong.
        path: The path that was asked for.
        params: The query's parameters.
        status: The answer's status.
        at: When it was answered, by the world's clock.
        cached: Whether the answer came from the cache.
        rows: How many conversations it held.
    """

    number: int
    method: str
    path: str
    params: dict[str, str]
    status: int
    at: datetime
    cached: bool
    rows: int


@dataclass(eq=False)
class SandboxApi(Crooked):
    """A simulated Ayra API. Every attribute can be changed between requests.

    It keeps its word, unless told otherwise: `Crooked` says in which ways it can be crooked.

    Attributes:
        world: The conversations, and the clock.
        key: The key that may read them, unless `keys` says otherwise.
        keys: Each key's permissions.
        cache_seconds: How long the same URL with the same key gets the same body; 0 for never.
        rate_limit: Requests for each key and window; None for no limit, and no headers.
        window_seconds: The rate window's length; windows are aligned to the clock.
        daily_limit: Requests for each key and UTC day.
        tie_order: "shuffled" puts equal values of the sort field in another order each time.
        date_filters_keep_fractions: Whether fractions of a second count in date filters.
        retry_after: The form in which a 429 says when to come back.
        base_url: What `links` begin with.
        on_request: Called with the parameters before each answer.
        faults: Called with the request's number and parameters; its answer, if it gives one, is
            sent as it is and counts against no limit.
        requests: What has been asked so far.
    """

    world: World
    _: KW_ONLY
    key: str = TEST_KEY
    keys: Mapping[str, Collection[str]] | None = None
    cache_seconds: float = 60.0
    rate_limit: int | None = 500
    window_seconds: float = 60.0
    daily_limit: int | None = None
    tie_order: Literal["stable", "shuffled"] = "stable"
    date_filters_keep_fractions: bool = True
    retry_after: Literal["seconds", "date"] | None = "seconds"
    base_url: str = "https://api.ayra.ai/v1"
    on_request: Callable[[Mapping[str, str]], None] | None = None
    faults: Callable[[int, Mapping[str, str]], Answer | None] | None = None
    requests: list[RequestRecord] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache and full rate windows."""
        super().__post_init__()
        self._lock = threading.Lock()
        self._answered = 0
        self._cache = PageCache()
        self._rates = RateWindows()

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Answer:
        """Answer a request at once.

        Args:
            method: The HTTP method.
            path: The path, such as "/v1/conversations".
            query: The query as it stands in the URL, without its question mark.
            headers: The request's headers.
        """
        params = dict(parse_qsl(query, keep_blank_values=True))
        with self._lock:
            self._answered += 1
            number = self._answered
        if self.on_request is not None:
            self.on_request(params)
        fault = None if self.faults is None else self.faults(number, params)
        with self._lock:
            now = self.world.clock.now()
            cached, rows = False, 0
            if fault is not None:
                answer = fault
            else:
                key = _bearer(headers)
                allowance = self._rates.take(key or "", now, self._limits())
                answer_headers = _headers(self.node_time(number, now), allowance)
                try:
                    self._authorize(key, now, allowance)
                    self._route(method, path)
                    page, cached = self._page(number, key or "", query, params, now)
                    rows = page.rows
                    answer = Answer(200, answer_headers, page.body)
                except errors.ApiError as error:
                    answer_headers |= error.headers
                    answer = Answer(error.status, answer_headers, encode(error.body))
            record = RequestRecord(number, method, path, params, answer.status, now, cached, rows)
            self.requests.append(record)
        return answer

    def _limits(self) -> list[tuple[int, float]]:
        limits = [(self.rate_limit, self.window_seconds), (self.daily_limit, DAY)]
        return [(limit, seconds) for limit, seconds in limits if limit is not None]

    def _authorize(self, key: str | None, now: datetime, allowance: Allowance | None) -> None:
        keys = {self.key: {PERMISSION}} if self.keys is None else self.keys
        if not key:
            raise errors.missing_key()
        if key not in keys:
            raise errors.invalid_key()
        if allowance is not None and allowance.refused:
            raise errors.rate_limited(allowance.limit, self._come_back(now, allowance.reset))
        if PERMISSION not in keys[key]:
            raise errors.not_permitted(PERMISSION)

    def _come_back(self, now: datetime, reset: int) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        if self.retry_after == "date":
            return {"Retry-After": http_date(datetime.fromtimestamp(reset, UTC))}
        return {"Retry-After": str(max(1, math.ceil(reset - now.timestamp())))}

    def _route(self, method: str, path: str) -> None:
        if path != PATH:
            raise errors.not_found(path)
        if method != "GET":
            raise errors.method_not_allowed(method)

    def _page(
        self, number: int, key: str, query: str, params: Mapping[str, str], now: datetime
    ) -> tuple[CachedPage, bool]:
        """Return a page, and whether it comes from the cache."""
        cached = self._cache.get(key, query, now, self.cache_seconds)
        if cached is not None:
            return cached, True
        asked = parse(params, dates_keep_fractions=self.date_filters_keep_fractions)
        shuffle_ties = self._random if self.tie_order == "shuffled" else None
        calls = self.listed(pages.choose(self.world, asked, self.bounds(asked), now, shuffle_ties))
        served, swapped = self.page_served(asked, len(calls))
        unclean = self.unclean()
        encoded = Call.encoded if unclean is None else unclean.encoded
        rows = [encoded(call, now) for call in calls[served.start : served.stop]]
        body = pages.write(
            rows,
            self._meta(asked, self.total(len(calls), key, params, now), number, now),
            base_url=self.base_url,
            more=served.stop < len(calls),
        )
        page = CachedPage(body, len(rows), now)
        if not swapped:
            self._cache.put(key, query, page, self.cache_seconds)
        return page, False

    def _meta(
        self, asked: ListQuery, total: int | None, number: int, now: datetime
    ) -> dict[str, object]:
        counts: dict[str, object] = {
            "total": total,
            "page": asked.page,
            "per_page": asked.per_page,
            "total_pages": None if total is None else math.ceil(total / asked.per_page),
        }
        if self.no_total == "absent":
            del counts["total"], counts["total_pages"]
        return {
            **counts,
            "request_id": f"req_conversations_list_{number}",
            "timestamp": timestamp(self.node_time(number, now)),
        }


def _bearer(headers: Mapping[str, str]) -> str | None:
    for name, value in headers.items():
        if name.lower() == "authorization":
            scheme, _, key = value.partition(" ")
            return key.strip() if scheme.lower() == "bearer" else None
    return None


def _headers(now: datetime, allowance: Allowance | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Date": http_date(now)}
    if allowance is not None:
        headers["X-RateLimit-Limit"] = str(allowance.limit)
        headers["X-RateLimit-Remaining"] = str(allowance.remaining)
        headers["X-RateLimit-Reset"] = str(allowance.reset)
    return headers
