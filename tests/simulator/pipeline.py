"""A tap, the API it reads and the target it feeds, for one test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox import Call, SandboxApi, SandboxClock, World
from sandbox.comparison import rows_by_id
from tap_ayra.tap import TapAyra
from tests.simulator.sync import Sync, bookmark_in, sync
from tests.simulator.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from singer_sdk import Tap

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)


def ago(*, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> datetime:
    """Give a moment before `NOW`."""
    return NOW - timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)


def call(name: str, start: datetime, *, lasts: float | None = 60, **details: Any) -> Call:
    """Make a call that lasts so many seconds; None for one that stays open."""
    end = None if lasts is None else start + timedelta(seconds=lasts)
    return Call(name, start, end, **details)


def history(count: int, *, apart: float = 60, **details: Any) -> list[Call]:
    """Make calls of the day before, so many seconds apart, named c000, c001 and so on."""
    first = ago(days=1)
    return [call(f"c{n:03}", first + timedelta(seconds=n * apart), **details) for n in range(count)]


class Pipeline:
    """Syncs run one after another, with the state that the target hands back.

    Attributes:
        clock: the API's clock, at `NOW`.
        world: the calls.
        api: the API.
        target: where the records go.
    """

    def __init__(
        self, calls: Iterable[Call] = (), *, tap_class: type[Tap] = TapAyra, **api: Any
    ) -> None:
        """Begin with nothing read; the API caches nothing and has no rate limit, if not told."""
        self.clock = SandboxClock(NOW, frozen=True)
        self.world = World(self.clock, calls)
        self.api = SandboxApi(self.world, **{"rate_limit": None, "cache_seconds": 0, **api})
        self.target = Target()
        self._tap_class = tap_class

    @property
    def bookmark(self) -> str | None:
        """The bookmark in the target's hands."""
        return bookmark_in(self.target.state)

    def sync(
        self,
        *,
        kill_after: int | None = None,
        clock_error: timedelta = timedelta(0),
        catalog: dict[str, Any] | None = None,
        batch: int = 1,
        loses_last: bool = False,
        **config: Any,
    ) -> Sync:
        """Run one sync; raise what it gave up with."""
        outcome = sync(
            self.api,
            config,
            state=self.target.state,
            catalog=catalog,
            kill_after=kill_after,
            clock_error=clock_error,
            tap_class=self._tap_class,
        )
        self.target.receive(outcome.messages, batch=batch, loses_last=loses_last)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def wait(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.clock.advance(seconds + 60 * minutes + 86_400 * days)

    def before_request(self, number: int, action: Callable[[], object]) -> None:
        """Have something happen just before a request to come is answered, counted from 1."""
        number += len(self.api.requests)

        def on_request(_: object) -> None:
            if len(self.api.requests) + 1 == number:
                action()

        self.api.on_request = on_request

    def wrong(self) -> set[str]:
        """Give the ids of what the API shows now and the target does not hold just so."""
        held = rows_by_id(self.target.rows.values())
        shown = rows_by_id(self.world.rows())
        return {key for key, row in shown.items() if held.get(key) != row}
