"""The simulated API itself: a request in, a response out, all time from the world's clock."""

from __future__ import annotations

import math
import threading
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from sandbox import errors, listing, transcripts
from sandbox.cache import CachedPage, PageCache
from sandbox.crooked import Crooked
from sandbox.formats import encode, http_date
from sandbox.rate_windows import DAY, Allowance, RateWindows
from sandbox.records import ApiResponse, Request, RequestRecord, read_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sandbox.records import Endpoint
    from sandbox.world import World

PERMISSION = "conversations:read"
JSON = "application/json"
TEST_KEY = "sk_test_sandbox_0000"


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
        on_request: Called with the parameters before each response; for a transcript
            `conversation_id` is one of them.
        faults: Called with the request's number and parameters; its response, if it gives one, is
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
    faults: Callable[[int, Mapping[str, str]], ApiResponse | None] | None = None
    requests: list[RequestRecord] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache and full rate windows."""
        super().__post_init__()
        self._lock = threading.Lock()
        self._answered = 0
        self._cache = PageCache()
        self._rates = RateWindows()

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> ApiResponse:
        """ApiResponse a request at once.

        Args:
            method: The HTTP method.
            path: The path, such as "/v1/conversations".
            query: The query as it stands in the URL, without its question mark.
            headers: The request's headers.
        """
        asked = read_target(path, query)
        params = asked.params
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
                response = fault
            else:
                key = _bearer(headers)
                allowance = self._rates.take(key or "", now, self._limits())
                response_headers = _headers(self.node_time(number, now), allowance)
                try:
                    self._authorize(key, now, allowance)
                    if asked.endpoint is None:
                        raise errors.not_found(path)
                    if method != "GET":
                        raise errors.method_not_allowed(method)
                    content_type, page, cached = self._respond(
                        Request(number, key or "", params, now), asked.endpoint, query
                    )
                    rows = page.rows
                    response = ApiResponse(
                        200, response_headers | {"Content-Type": content_type}, page.body
                    )
                except errors.ApiError as error:
                    response_headers |= error.headers
                    response = ApiResponse(error.status, response_headers, encode(error.body))
            self.requests.append(
                RequestRecord(
                    number, method, path, params, response.status, now, cached, rows, asked.endpoint
                )
            )
        return response

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

    def _respond(
        self, request: Request, endpoint: Endpoint, query: str
    ) -> tuple[str, CachedPage, bool]:
        """Return a body's type, the body, and whether it comes from the cache."""
        now = request.at
        if endpoint == "transcript":
            asked = transcripts.parse(request.params)
            call = transcripts.find(self.world, request.params["conversation_id"], now)
            body = CachedPage(*transcripts.write(call, asked, self.unclean()), now)
            return transcripts.FORMATS[asked.format], body, False
        cached = self._cache.get(request.key, query, now, self.cache_seconds)
        if cached is not None:
            return JSON, cached, True
        page, cacheable = listing.make_page(self, request)
        if cacheable:
            self._cache.put(request.key, query, page, self.cache_seconds)
        return JSON, page, False


def _bearer(headers: Mapping[str, str]) -> str | None:
    value = headers.get("Authorization") or headers.get("authorization")
    if value is None:
        return None
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _headers(now: datetime, allowance: Allowance | None) -> dict[str, str]:
    headers = {"Content-Type": JSON, "Date": http_date(now)}
    if allowance is not None:
        headers["X-RateLimit-Limit"] = str(allowance.limit)
        headers["X-RateLimit-Remaining"] = str(allowance.remaining)
        headers["X-RateLimit-Reset"] = str(allowance.reset)
    return headers
