"""What Hypothesis draws: how calls live, what changes while one reads, which syncs are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import strategies as st

from tap_ayra.settings import CHANGING_FILTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.formats import TimeFormat

Trouble = Literal["appear", "vanish", "both"]
TROUBLES: tuple[Trouble, ...] = ("both", "appear", "vanish")

CACHE_MARGIN_MINUTES = 2
FILTERS: tuple[Mapping[str, str | int | bool], ...] = (
    {"agent_id": "agent_support01"},
    {"caller": "+12025550100"},
    {"status": "completed"},
    {"sentiment": "positive"},
    {"outcome": "issue_resolved"},
    {"min_duration": 60},
    {"max_duration": 250},
    {"has_recording": True},
    {"has_transcript": False},
    {"search": "invoice"},
    {"topic": "refund", "agent_id": "agent_support01"},
)


@dataclass(frozen=True)
class Life:
    """One call.

    Attributes:
        slot: when it starts, in strides.
        micros: microseconds after that.
        lasts: seconds; None for a call that stays open.
        processing: what part of the time allowed passes from its end until its final values
            appear.
        delay: what part of the time allowed passes until the API lists it; more than 1 is later
            than the tap promises to notice.
        kind: what distinguishes it from other calls.
        time_format: how its times are shown.
    """

    slot: int
    micros: int = 0
    lasts: int | None = 200
    processing: float = 0.1
    delay: float = 0.0
    kind: int = 0
    time_format: TimeFormat = "seconds"


@dataclass(frozen=True)
class Change:
    """What happens at the API just before it answers a request.

    Attributes:
        request: the request's number in its sync.
        where: which call vanishes, and the slot after which one appears, long after its start.
        what: whether a call appears, vanishes, or one does this and another one that.
    """

    request: int
    where: int
    what: Trouble


@dataclass(frozen=True)
class Run:
    """One sync.

    Attributes:
        gap: seconds since the one before.
        pace: seconds that each request takes.
        page_size: conversations per request.
        concurrency: requests in flight.
        changes: what happens while it reads.
        kill_after: after how many messages the tap is killed.
        last_word: whether it then still writes its state, as on SIGTERM.
        batch: how many records the target stores at a time.
        loses_last: whether the target loses the last batch.
        clock_error: hours that this machine's clock is ahead.
        lookback_days: how far before the bookmark it reads.
        end_slot: where the window ends; None for now.
        full_table: whether the catalog asks for FULL_TABLE, this once.
        seed: in which order look-ahead pages are answered.
    """

    gap: int = 300
    pace: float = 0.0
    page_size: int = 100
    concurrency: int = 1
    changes: tuple[Change, ...] = ()
    kill_after: int | None = None
    last_word: bool = False
    batch: int = 1
    loses_last: bool = False
    clock_error: int = 0
    lookback_days: float = 0.0
    end_slot: int | None = None
    full_table: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Plan:
    """One world and the syncs that read it.

    Attributes:
        lives: the calls.
        runs: the syncs.
        stride: seconds between two slots.
        filters: settings that narrow the conversations down; the same for every sync.
        settling_minutes: how long after its end a conversation may still change.
        limit_hours: how long a conversation may stay unfinished.
        start_slot: the first slot that is asked for; None for everything.
        cache_seconds: how long the API caches.
        shuffled: whether equal start times come in another order each time.
        keeps_fractions: whether the API's date filters keep fractions of a second.
        whole_seconds: whether the API sorts and filters by the whole second, but shows more.
        rate_limit: requests a minute; None for no limit.
    """

    lives: tuple[Life, ...]
    runs: tuple[Run, ...]
    stride: int = 60
    filters: Mapping[str, str | int | bool] | None = None
    settling_minutes: int = 10
    limit_hours: int = 24
    start_slot: int | None = None
    cache_seconds: int = 60
    shuffled: bool = False
    keeps_fractions: bool = True
    whole_seconds: bool = False
    rate_limit: int | None = None


class Choices:
    """Options for each of some fields, the simplest first.

    Drawn as one byte a field, many objects at a time: strategies of their own would cost more than
    all syncs of a plan together.
    """

    def __init__(self, **options: Sequence[Any]) -> None:
        """Take the options."""
        assert all(len(each) <= 256 for each in options.values())
        self._options = options

    def one(self) -> st.SearchStrategy[dict[str, Any]]:
        """Draw one option for each field."""
        return self.some(1, 1).map(lambda drawn: drawn[0])

    def some(self, least: int, most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
        """Draw that several times."""
        width = len(self._options)
        return st.binary(min_size=least * width, max_size=most * width).map(self._read)

    def _read(self, drawn: bytes) -> list[dict[str, Any]]:
        width = len(self._options)
        return [
            {
                name: options[byte % len(options)]
                for byte, (name, options) in zip(
                    drawn[at : at + width], self._options.items(), strict=True
                )
            }
            for at in range(0, len(drawn) // width * width, width)
        ]


def lives(least: int, most: int, *, late: bool) -> st.SearchStrategy[tuple[Life, ...]]:
    """Draw calls; `late` if they may be listed later than the tap promises to notice."""
    fields = Choices(
        slot=(*range(31), *(3, 20) * 15),  # many calls in two of them
        micros=(0, 0, 0, 250_000, 500_000, 999_999),
        lasts=(200, 0, 20, 700, 4000, 9000, None),
        processing=(0.1, 0.0, 1.0),
        delay=(0.0, 0.0, 0.0, 0.5, 1.0, *((3.0, 40.0) if late else ())),
        kind=range(4),
        time_format=("seconds", "fractions", "offset"),
    )
    return fields.some(least, most).map(lambda drawn: tuple(Life(**each) for each in drawn))


def changes(trouble: Trouble) -> st.SearchStrategy[tuple[Change, ...]]:
    """Draw changes; of one kind only, unless the trouble is of both."""
    fields = Choices(
        request=(3, 4, 5, 6, 7, 8, 12, 2, 1),
        where=(*range(31), *(*range(9),) * 3),
        what=TROUBLES if trouble == "both" else (trouble,),
    )
    return fields.some(0, 9).map(lambda drawn: tuple(Change(**each) for each in drawn))


def runs(trouble: Trouble, *, smallest_page: int = 1) -> st.SearchStrategy[Run]:
    """Draw a sync; strict where calls both appear and vanish while it reads."""
    fields = Choices(
        gap=(20_000, 3600, 3600, 1000, 300, 61, 59, 1),
        pace=(0.0, 0.3, 7.0, 61.0),
        page_size=[size for size in (5, 1, 2, 3, 4, 10, 100) if size >= smallest_page],
        concurrency=(1,) if trouble == "both" else (8, 2, 1),
        kill_after=(*(None,) * 90, *range(61)),
        last_word=(False, True),
        batch=(1, 4, 1000),
        loses_last=(False, True),
        clock_error=(0, 5, -5, 24 * 365),
        lookback_days=(0.0, 0.0, 0.05, 3.0),
        end_slot=(*(None,) * 41, *range(41)),
        full_table=(False,) * 9 + (True,),
        seed=range(10),
    )
    return st.builds(
        lambda drawn, changes: Run(**drawn, changes=changes), fields.one(), changes(trouble)
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a world and its syncs, within what the tap promises.

    What it does not promise: that nothing is hidden where, between two pages of a block, one
    call vanishes and another appears. So both happen only where all blocks are of one page.
    """
    filters = draw(st.none() | st.none() | st.sampled_from(FILTERS))
    changing = any(name in CHANGING_FILTERS for name in filters or ())
    # A changing filter makes calls appear by itself.
    allowed: tuple[Trouble, ...] = ("appear", "both") if changing else ("vanish", "appear", "both")
    trouble = draw(st.sampled_from(allowed))
    shuffled = draw(st.booleans())
    size = draw(st.sampled_from((30, 60, 45, 12, 1)))
    # By chance alone five rounds may not show every call of a second that is many pages wide.
    run = runs(trouble, smallest_page=3 if shuffled else 1)
    rest = draw(
        Choices(
            stride=(60, 4, 600),
            settling_minutes=(10, 2, 30),
            limit_hours=(24,) if changing else (24, 1),
            start_slot=(*(None,) * 21, *range(21)),
            cache_seconds=(60, 0),
            keeps_fractions=(False, True),
            whole_seconds=(False, True),
            rate_limit=(None, None, 100),
        ).one()
    )
    return Plan(
        lives=draw(lives(size // 2, size, late=trouble != "vanish")),
        runs=tuple(draw(st.lists(run, min_size=2, max_size=6))),
        filters=filters,
        shuffled=shuffled,
        **rest,
    )
