"""The client by itself: what it hands on, how it waits, and what stops it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from requests import PreparedRequest, Request, Response
from requests.adapters import BaseAdapter

from sandbox import SandboxClock
from tap_ayra.api import AyraClient, decode
from tap_ayra.api.rate_limit import RateLimiter
from tap_ayra.api.retry import Attempts, Patience
from tap_ayra.errors import (
    PageFailedError,
    PageMismatchError,
    QuotaExhaustedError,
    TapAyraError,
    TransientError,
)
from tap_ayra.tap import TapAyra
from tests.faking import FakeTime

if TYPE_CHECKING:
    from collections.abc import Mapping

Reply = tuple[int, bytes, dict[str, str]]
OK: Reply = (200, b"{}", {})
BUSY: Reply = (503, b"", {})
REVOKED: Reply = (401, b"", {})
BROKEN: Reply = (200, b'{"a": }', {})


class Replies(BaseAdapter):
    """Gives one reply after another, the last one again and again.

    Attributes:
        replies: what is left to give.
        urls: what has been asked for.
    """

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies = list(replies)
        self.urls: list[str] = []

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        self.urls.append(request.url or "")
        response = Response()
        response.status_code, response._content, headers = (
            self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        )
        response.headers.update(headers)
        response.url = request.url or ""
        return response


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    return FakeTime.install(
        monkeypatch, SandboxClock(datetime(2026, 3, 9, 15, tzinfo=UTC), frozen=True)
    )


def client_of(api: Replies, *, max_tries: int | None = None) -> AyraClient:
    tap = TapAyra(config={"api_key": "sk_test_0000"})
    client = AyraClient(tap.client._settings, logging.getLogger("tap-ayra"), max_tries=max_tries)
    client.session.mount("https://", api)
    return client


def get(client: AyraClient, read: Any = lambda response: response.json(), **options: Any) -> Any:  # noqa: ANN401
    return client.get("/things", lambda attempt: {"attempt": str(attempt)}, read, **options)


def mismatch(_response: Response) -> None:
    message = "it does not add up"
    raise PageMismatchError(message)


@pytest.mark.usefixtures("time")
def test_each_attempt_has_a_query_of_its_own() -> None:
    api = Replies(BUSY, BUSY, OK)
    assert get(client_of(api)) == {}
    assert api.urls == [f"https://api.ayra.ai/v1/things?attempt={n}" for n in range(3)]


def test_an_accepted_status_goes_to_the_caller() -> None:
    client = client_of(Replies((404, b"", {})))
    assert get(client, lambda response: response.status_code, accept={200, 404}) == 404
    assert client.requests == 1


@pytest.mark.usefixtures("time")
def test_a_body_that_is_not_json_is_named_by_what_was_requested() -> None:
    client = client_of(Replies(BROKEN))
    with pytest.raises(PageFailedError, match=r"^Page 3: the response is not valid JSON: "):
        get(client, lambda response: decode(response.content), about="Page 3")
    assert client.requests == 3


@pytest.mark.usefixtures("time")
def test_a_response_that_never_adds_up_stops_nothing_else() -> None:
    client = client_of(Replies(OK))
    with pytest.raises(PageFailedError, match="it does not add up") as caught:
        get(client, mismatch)
    assert [getattr(line, "code", "") for line in caught.value.lines] == ["", "gave-up"]
    assert client.requests == 3
    assert get(client) == {}


@pytest.mark.parametrize("failure", ["status", "read"])
def test_a_permanent_failure_stops_everything(failure: str) -> None:
    api = Replies(REVOKED if failure == "status" else OK)
    client = client_of(api)
    kind = TapAyraError if failure == "status" else ZeroDivisionError
    with pytest.raises(kind):
        get(client, lambda _: 1 // 0)
    api.replies = [OK]
    with pytest.raises(kind):
        get(client)
    assert client.requests == 1


def test_it_is_stopped_before_the_failed_request_makes_room_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed_first = []
    release = RateLimiter.release

    def spy(limiter: RateLimiter, headers: Mapping[str, str] | None) -> None:
        closed_first.append(limiter._closed is not None)
        release(limiter, headers)

    monkeypatch.setattr(RateLimiter, "release", spy)
    with pytest.raises(TapAyraError):
        get(client_of(Replies(REVOKED)))
    assert closed_first == [True]


@pytest.mark.parametrize("max_tries", [1, 2])
@pytest.mark.usefixtures("time")
def test_a_bound_on_tries(max_tries: int) -> None:
    client = client_of(Replies(BUSY), max_tries=max_tries)
    with pytest.raises(TapAyraError) as caught:
        get(client)
    assert caught.value.code == "server-error"
    assert client.requests == max_tries


def test_what_the_server_asks_for_is_waited_by_every_request(time: FakeTime) -> None:
    api = Replies((429, b"", {"Retry-After": "40"}), OK)
    client = client_of(api)
    with pytest.raises(PageFailedError):
        get(client, mismatch)
    assert time.slept[0] == 40
    api.replies = [OK]
    client.limiter.pause(30)
    before = time.waited
    get(client)
    assert time.waited - before == pytest.approx(30)


def test_its_own_waits_hold_back_no_other_request(time: FakeTime) -> None:
    client = client_of(Replies(BUSY, OK))
    get(client)
    assert len(time.slept) == 1
    assert client.limiter._wait() == 0


def test_a_success_gives_all_patience_back(time: FakeTime) -> None:
    many = [BUSY] * 8
    client = client_of(Replies(*many, OK, *many, OK))
    get(client)
    get(client)
    assert time.waited > 300


def test_what_the_server_asks_for_does_not_use_up_patience(time: FakeTime) -> None:
    minutes = (503, b"", {"Retry-After": "300"})
    client = client_of(Replies(BUSY, minutes, minutes, BUSY, OK))
    get(client)
    assert time.waited > 600


@pytest.mark.parametrize(("status", "code"), [(429, "quota-exhausted"), (503, "wait-too-long")])
def test_waits_in_a_row_are_bounded_together(time: FakeTime, status: int, code: str) -> None:
    client = client_of(Replies((status, b"", {"Retry-After": "400"})))
    with pytest.raises(QuotaExhaustedError) as caught:
        get(client)
    assert caught.value.code == code
    assert time.waited == pytest.approx(800)


def test_a_success_begins_the_row_anew(time: FakeTime) -> None:
    pause = (429, b"", {"Retry-After": "400"})
    client = client_of(Replies(pause, pause, OK, pause, pause, OK))
    get(client)
    get(client)
    assert time.waited == pytest.approx(1600)


def test_an_hour_without_requests_uses_up_no_patience(time: FakeTime) -> None:
    client = client_of(Replies(OK, BUSY, OK))
    get(client)
    time.sleep(3600)
    get(client)


def test_waits_that_the_server_asked_for_earlier_give_no_patience_later(time: FakeTime) -> None:
    client = client_of(Replies((503, b"", {"Retry-After": "300"}), OK, BUSY))
    get(client)
    with pytest.raises(TapAyraError):
        get(client)
    assert time.waited < 300 + 300 + 1


@pytest.mark.parametrize("second", [10, 200])
def test_waits_of_two_threads_at_a_time_count_once(time: FakeTime, second: float) -> None:
    patience, one, other = Patience(), Attempts(), Attempts()
    patience.wait_after(TransientError("busy", retry_after=200), one)
    patience.wait_after(TransientError("busy", retry_after=second), other)
    time.sleep(200 + 290)
    assert patience.wait_after(TransientError("busy"), Attempts()) < 2
    time.sleep(20)
    with pytest.raises(TapAyraError):
        patience.wait_after(TransientError("busy"), Attempts())


def test_a_wait_is_logged_once(time: FakeTime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        get(client_of(Replies((429, b"", {"Retry-After": "40"}), OK)))
    assert time.slept == [40]
    codes = [record.code for record in caplog.records if hasattr(record, "code")]
    assert codes == ["retrying"]


@pytest.mark.parametrize("path", ["/things", "/things/a%20b", "/thïngs/x y"])
def test_a_request_is_the_one_that_requests_itself_would_make(path: str) -> None:
    query = {"search": "café & ~co", "start_date": "2026-03-09T15:00:00+02:00", "page": "1"}
    api = Replies(OK)
    session = client_of(api).session
    url = f"https://api.ayra.ai/v1{path}"
    for _ in range(2):
        session.fetch("https://api.ayra.ai/v1/things", {}, timeout=1)
        session.fetch(url, query, timeout=1)
    expected = session.prepare_request(Request("GET", url, params=query))
    assert api.urls[1::2] == [expected.url] * 2
