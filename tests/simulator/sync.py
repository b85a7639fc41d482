"""One sync: the tap, its stream, paginator and bookmark as they are, on a simulated machine."""

from __future__ import annotations

import functools
import json
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

from singer_sdk import Tap, metrics

from sandbox import SandboxAdapter
from tap_ayra.api.prefetch import Prefetch
from tap_ayra.errors import TapAyraError
from tap_ayra.output.writer import BufferedWriter
from tap_ayra.paging import walk as pagination
from tap_ayra.streams import fetching, listing
from tap_ayra.streams.sync import ConversationsSync
from tap_ayra.streams.transcripts_sync import TranscriptsSync
from tap_ayra.tap import TapAyra

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping

    import requests

    from sandbox import SandboxApi, SandboxClock

Row = dict[str, Any]
T = TypeVar("T", bound="Hashable")
P = TypeVar("P")


class KilledError(BaseException):
    """The tap's process is gone; no code of it may notice."""


@dataclass
class Sync:
    """What one sync sent, and how it ended.

    Attributes:
        messages: records, and the values of STATE messages, in order.
        error: what the tap gave up with.
        killed: whether it was killed.
        requests: how many requests the API answered.
        verdicts: the values of the metric ``sync_completeness``, by stream.
        spans: how many spans of conversations were read again.
        spans_said: how many spans of transcripts were.
    """

    messages: list[tuple[str, Row]] = field(default_factory=list)
    error: TapAyraError | None = None
    killed: bool = False
    requests: int = 0
    verdicts: dict[str, Row] = field(default_factory=dict)
    spans: int = 0
    spans_said: int = 0

    @property
    def verdict(self) -> Row:
        """The value of the metric for the conversations; empty if there was none."""
        return self.verdicts.get("conversations", {})

    @property
    def records(self) -> list[Row]:
        """The conversations sent."""
        return [row for kind, row in self.messages if kind == "RECORD" and "position" not in row]

    @property
    def said(self) -> list[Row]:
        """The messages of transcripts sent."""
        return [row for kind, row in self.messages if kind == "RECORD" and "position" in row]

    @property
    def ids(self) -> list[str]:
        """The ids of the records sent."""
        return [record["id"] for record in self.records]

    @property
    def states(self) -> list[Row]:
        """The states sent."""
        return [value for kind, value in self.messages if kind == "STATE"]

    @property
    def state(self) -> Row | None:
        """The last state sent."""
        return self.states[-1] if self.states else None

    @property
    def bookmark(self) -> str | None:
        """Where the last state sent has the bookmark."""
        return bookmark_in(self.state)


def bookmark_in(state: Mapping[str, Any] | None, stream: str = "conversations") -> str | None:
    """Give the bookmark in a state, if there is one."""
    found = (state or {}).get("bookmarks", {}).get(stream, {})
    return None if found is None else found.get("replication_key_value")


def state_of(bookmark: str) -> Row:
    """Give a state that holds a bookmark."""
    entry = {"replication_key": "start_time", "replication_key_value": bookmark}
    return {"bookmarks": {"conversations": entry}}


@functools.cache
def _discovered() -> str:
    return json.dumps(TapAyra(config={"api_key": "any"}).catalog_dict)


def catalog(
    *,
    method: str = "INCREMENTAL",
    key: str | None = "start_time",
    deselected: Collection[str] = (),
    transcripts: bool = False,
) -> Row:
    """Give the catalog that the tap discovers, edited.

    Args:
        method: the replication method asked for.
        key: the replication key asked for.
        deselected: names of fields that are not wanted.
        transcripts: whether they are wanted, too.
    """
    found: Row = json.loads(_discovered())
    for stream in found["streams"]:
        wanted = transcripts or stream["tap_stream_id"] == "conversations"
        stream |= {"replication_method": method, "replication_key": key}
        for entry in stream["metadata"]:
            field_name = (entry["breadcrumb"] or [None])[-1]
            entry["metadata"]["selected"] = wanted and field_name not in deselected
    return found


def sync(  # noqa: PLR0913
    api: SandboxApi,
    config: Mapping[str, Any] | None = None,
    *,
    state: Mapping[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    kill_after: int | None = None,
    last_word: bool = False,
    tap_class: type[Tap] = TapAyra,
    clock_error: timedelta = timedelta(0),
    seed: int | None = None,
) -> Sync:
    """Run the tap once, from its settings to its last message.

    Args:
        api: what it reads from; the API's clock is the machine's, but for `clock_error`.
        config: settings other than the key.
        state: what the target kept of the last sync.
        catalog: what to replicate, and how.
        kill_after: after how many records and states the process is killed.
        last_word: whether it then still writes its state, as on SIGTERM.
        tap_class: the tap.
        clock_error: how far ahead this machine's clock is.
        seed: in which order pages asked for at the same time are answered; None for their own.
    """
    outcome = Sync()
    before = len(api.requests)
    with machine(api.world.clock, clock_error, seed), _watched(outcome):
        tap = tap_class(
            config={"api_key": api.key, "user_agent": "simulator", **(config or {})},
            state=json.loads(json.dumps(state or {})),
            catalog=catalog,
            message_writer=_Wire(outcome, kill_after),
        )
        _session_of(tap).mount("https://", SandboxAdapter(api))
        try:
            tap.sync_all()
        except KilledError:
            outcome.killed = True
            if last_word:
                outcome.messages.append(("STATE", json.loads(json.dumps(tap.state))))
        except TapAyraError as error:
            outcome.error = error
    outcome.requests = len(api.requests) - before
    return outcome


def _session_of(tap: Tap) -> requests.Session:
    """The session of the tap, or that of a tap as the SDK's template makes it."""
    if isinstance(tap, TapAyra):
        return tap.client.session
    session: requests.Session = tap.streams["conversations"].requests_session  # type: ignore[attr-defined]
    return session


@contextmanager
def _watched(outcome: Sync) -> Iterator[None]:
    def log(_: object, point: metrics.Point[Any]) -> None:
        if point.metric == "sync_completeness":
            outcome.verdicts[str(point.tags["stream"])] = point.value

    def counted(sync: type[ConversationsSync], name: str) -> mock._patch[Any]:
        read_again = sync._read_again

        def count(*args: Any) -> int:
            setattr(outcome, name, getattr(outcome, name) + 1)
            return read_again(*args)

        return mock.patch.object(sync, "_read_again", count)

    with (
        mock.patch.object(metrics, "log", log),
        counted(ConversationsSync, "spans"),
        counted(TranscriptsSync, "spans_said"),
    ):
        yield


class _Wire(BufferedWriter):
    """Takes messages until the process is killed."""

    def __init__(self, outcome: Sync, kill_after: int | None) -> None:
        super().__init__()
        self._outcome = outcome
        self._kill_after = kill_after

    def _write(self) -> None:
        """Nothing: what is gathered has been taken."""

    def _gather(self, lines: list[bytes]) -> None:
        messages = self._outcome.messages
        for line in lines:
            if self._kill_after is not None and len(messages) >= self._kill_after:
                raise KilledError
            message = json.loads(line)
            if message["type"] == "RECORD":
                messages.append(("RECORD", message["record"]))
            elif message["type"] == "STATE":
                messages.append(("STATE", message["value"]))
            elif message["type"] == "ACTIVATE_VERSION":
                messages.append(("ACTIVATE_VERSION", message))


@contextmanager
def machine(clock: SandboxClock, clock_error: timedelta, seed: int | None) -> Iterator[None]:
    """Give the tap a machine whose clock, sleep and threads are simulated."""

    class LocalClock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override] # noqa: ANN401
            return (clock.now() + clock_error).astimezone(tz or UTC)

    def prefetch(fetch: Callable[[T], P], **options: Any) -> InlinePrefetch[T, P]:
        return InlinePrefetch(fetch, seed=seed, **options)

    def local_time() -> float:
        return LocalClock.now().timestamp()

    def monotonic() -> float:
        return clock.now().timestamp()

    with (
        mock.patch.object(time, "time", local_time),
        mock.patch.object(time, "monotonic", monotonic),
        mock.patch.object(time, "sleep", clock.advance),
        mock.patch.object(pagination, "datetime", LocalClock),
        mock.patch.object(Tap, "_setup_signal_handlers", _leave_signals),
        mock.patch.object(listing, "Prefetch", prefetch),
        mock.patch.object(fetching, "Prefetch", prefetch),
    ):
        yield


def _leave_signals(_tap: Tap) -> None:
    """Do nothing: Ctrl-C is pytest's here."""


class InlinePrefetch(Prefetch[T, P]):
    """Fetches without threads: all pages asked for at a time, in any order, one after another.

    With every fifth seed pages begin to come quickly, and none is fetched before it is wanted.
    """

    def __init__(self, fetch: Callable[[T], P], *, seed: int | None = None, **options: Any) -> None:
        """Make ready; without a seed pages are fetched in the order asked for."""
        super().__init__(fetch, **options)
        self._quick = seed is not None and seed % 5 == 4
        self._random = None if seed is None else Random(seed)  # noqa: S311
        self._due: list[tuple[T, Future[P]]] = []

    def _submit(self, token: T) -> None:
        self._pages[token] = page = _Fetched(self)
        self._due.append((token, page))

    def work(self) -> None:
        """Fetch what has been asked for."""
        due, self._due = self._due, []
        if self._random is not None:
            self._random.shuffle(due)
        for token, page in due:
            try:
                page.set_result(self._fetch(token))
            except Exception as error:  # noqa: BLE001  it surfaces where the page is wanted
                page.set_exception(error)


class _Fetched(Future[P]):
    """A page that is fetched once one is waited for."""

    def __init__(self, prefetch: InlinePrefetch[Any, P]) -> None:
        super().__init__()
        self._prefetch = prefetch

    def result(self, timeout: float | None = None) -> P:
        self._prefetch.work()
        return super().result(timeout)
