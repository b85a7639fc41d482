"""What people read of a sync: a line about every ten seconds, and one at the end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pty
import re
import subprocess
import termios
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Call, RunningSandbox, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import clean_environment
from tap_ayra.output import progress
from tap_ayra.output.progress import Progress
from tests.processes import TAP
from tests.singer import run_tap, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
LOGGER = logging.getLogger("tap-ayra")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands in for the module `time`."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    clock = SandboxClock(NOW, frozen=True)
    world = World.generate(clock, seed=2, count=40, until=NOW - timedelta(hours=1))
    with serve(SandboxApi(world, rate_limit=None, cache_seconds=0)) as running:
        yield running


def test_a_line_every_ten_seconds(clock: SimpleNamespace, lines: pytest.LogCaptureFixture) -> None:
    told = Progress(LOGGER, "conversation")
    for second in range(1, 61):
        clock.now = float(second)
        told.page(100, 1_000_000, 450)
    assert len(lines.messages) == 6


def test_what_a_line_says(clock: SimpleNamespace, lines: pytest.LogCaptureFixture) -> None:
    told = Progress(LOGGER, "conversation")
    told.page(2_000, 40_000, None)
    clock.now = 10.0
    told.page(2_000, 40_000, 123)
    assert lines.messages == [
        (
            "4,000 of 40,000 conversations (10%) · 400/s · 1 min 30 s left · rate limit: "
            "123 requests left in this minute's window"
        )
    ]


@pytest.mark.parametrize(
    ("counted", "remaining", "said"),
    [
        (100, 0, "100 of 100 conversations (100%) · 10/s · 0 s left · rate limit: 0 requests left"),
        (90, None, "100 of 90 conversations (100%) · 10/s · 0 s left · rate limit: not known"),
        (72_200, 7, "(0%) · 10/s · 2 h 0 min left"),
        (1_000, 7, "(10%) · 10/s · 1 min 30 s left"),
        (150, 1, "(67%) · 10/s · 5 s left · rate limit: 1 request left in this minute's window"),
    ],
)
def test_odd_counts(
    clock: SimpleNamespace,
    lines: pytest.LogCaptureFixture,
    counted: int,
    remaining: int | None,
    said: str,
) -> None:
    told = Progress(LOGGER, "conversation")
    clock.now = 10.0
    told.page(100, counted, remaining)
    assert said in lines.messages[0]


def test_pages_that_bring_nothing(clock: SimpleNamespace, lines: pytest.LogCaptureFixture) -> None:
    told = Progress(LOGGER, "conversation")
    clock.now = 10.0
    told.page(0, 0, None)
    assert lines.messages == ["0 of 0 conversations (0%) · 0/s · 0 s left · rate limit: not known"]


def test_at_debug_each_block_page_and_count_is_told(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    run_tap(sandbox, page_size=25)
    told = [record.getMessage() for record in caplog.records]
    codes = Counter(getattr(record, "code", "") for record in caplog.records)
    pages = [each.params for each in sandbox.api.requests if each.params["per_page"] == "25"]
    assert codes["page-read"] == len(pages) == 3
    assert codes["block-begins"] == sum(params["page"] == "1" for params in pages)
    assert codes["counted"] == len(sandbox.api.requests) - len(pages)
    assert "Page 1: 25 conversations of 40" in told
    assert any(line.startswith("A block begins: the beginning to ") for line in told)


def test_a_terminal_shows_a_live_line(sandbox: RunningSandbox, tmp_path: Path) -> None:
    screen = on_a_terminal(tmp_path, settings_for(sandbox, page_size=2))
    drawn = [line for line in re.split(r"[\r\n]+", screen) if "| INFO" not in line]
    assert re.search(
        r"\d+ of 40 conversations \(\d+%\) · [\d,]+/s · [\w ]+ left · rate limit: not known ",
        drawn[0],
    )
    lines = [line for line in screen.replace("\r", "\n").split("\n") if "| INFO" in line]
    assert any("Sync complete: 40 of 40 conversations" in line for line in lines)
    assert not any("%" in line for line in lines)


def test_what_is_logged_above_the_line_is_masked(sandbox: RunningSandbox, tmp_path: Path) -> None:
    screen = on_a_terminal(tmp_path, settings_for(sandbox, page_size=2), LOGLEVEL="DEBUG")
    assert "| DEBUG" in screen
    assert sandbox.api.key not in screen


def test_a_narrow_terminal_shows_what_fits(sandbox: RunningSandbox, tmp_path: Path) -> None:
    screen = on_a_terminal(tmp_path, settings_for(sandbox, page_size=2), columns=40)
    drawn = [line for line in re.split(r"[\r\n]+", screen) if re.match(r"\d+ of 40 ", line)]
    assert drawn
    assert all(len(line) <= 40 for line in drawn)


def on_a_terminal(
    folder: Path, settings: Mapping[str, Any], columns: int = 160, **variables: str
) -> str:
    """Run the tap with its stderr on a terminal, and give all that it wrote there."""
    config = folder / "config.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    with subprocess.Popen(
        [TAP, "--config", config],
        cwd=folder,
        env=clean_environment() | variables,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        written = b""
        with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
            while part := os.read(screen, 4096):
                written += part
    os.close(screen)
    assert process.returncode == 0
    return written.decode()


def test_no_line_for_each_request(sandbox: RunningSandbox, lines: pytest.LogCaptureFixture) -> None:
    run_tap(sandbox, page_size=2)
    last = [record for record in lines.records if getattr(record, "code", "") == "sync-complete"]
    assert len(sandbox.api.requests) > 20
    assert len(lines.messages) < 10
    assert len(last) == 1


def test_the_last_line(sandbox: RunningSandbox, lines: pytest.LogCaptureFixture) -> None:
    run_tap(sandbox)
    bookmark = sandbox.api.world.rows()[-1]["start_time"]
    assert (
        f"Sync complete: 40 of 40 conversations, 2 requests. Bookmark {bookmark} "
        "(the last conversation)"
    ) in lines.messages


def test_the_last_line_names_what_holds_the_bookmark(
    sandbox: RunningSandbox, lines: pytest.LogCaptureFixture
) -> None:
    start = NOW - timedelta(minutes=30)
    sandbox.api.world.add(Call("conv_open", start))
    run_tap(sandbox)
    (last,) = [line for line in lines.messages if line.startswith("Sync complete: ")]
    assert last.endswith(
        "Bookmark 2026-03-09T14:29:00Z (waiting for conv_open, in progress since "
        "2026-03-09T14:30:00Z)"
    )


def test_conversations_that_never_ended_are_named(
    sandbox: RunningSandbox, lines: pytest.LogCaptureFixture
) -> None:
    for number in range(12):
        sandbox.api.world.add(Call(f"conv_stuck{number:02}", NOW - timedelta(days=3)))
    run_tap(sandbox)
    (warning,) = [r for r in lines.records if r.levelno == logging.WARNING]
    assert getattr(warning, "code", "") == "stuck-open"
    assert warning.getMessage().startswith("12 conversations still open after 24 h")
    assert warning.getMessage().endswith("conv_stuck08, conv_stuck09, ...")


def test_the_completeness_metric(sandbox: RunningSandbox, lines: pytest.LogCaptureFixture) -> None:
    run_tap(sandbox)
    points = [
        json.loads(line.partition("METRIC: ")[2])
        for line in lines.messages
        if "sync_completeness" in line
    ]
    (point,) = points
    assert point["tags"] == {"stream": "conversations"}
    assert point["value"] == {
        "complete": True,
        "reason": None,
        "counted": 40,
        "delivered": 40,
        "ledger": 40,
        "api_count": 40,
        "missing": 0,
        "deleted": 0,
        "late": 0,
        "requests": 2,
        "re_reads": 0,
        "bookmark": sandbox.api.world.rows()[-1]["start_time"],
        "held_by": None,
    }
