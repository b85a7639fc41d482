"""Signals, pipes and disks, with real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import SandboxApi, SandboxClock, World, faults
from sandbox.faults import Exchange, Fault, FaultyServer, faulty, instead
from tests.processes import TAP, Running, running
from tests.singer import small_pages
from tests.sweeps import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
SECONDS = 20.0  # far less than what is waited for, and enough for a busy machine


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    clock = SandboxClock(NOW, frozen=True)
    until = NOW - timedelta(hours=2)
    world = World.generate(clock, seed=3, count=400, since=NOW - timedelta(days=5), until=until)
    with faulty(SandboxApi(world, cache_seconds=0, rate_limit=None)) as served:
        yield served


def after_page_one(fault: Fault) -> Callable[[int, Mapping[str, str]], Fault | None]:
    """Let everything after the first page fail."""
    return lambda _number, params: fault if "start_date" in params else None


def messages(lines: list[bytes]) -> list[dict[str, Any]]:
    """Read lines, each of which must be whole."""
    assert all(line.endswith(b"\n") for line in lines)
    return [json.loads(line) for line in lines]


def check_stopped(tap: Running, lines: list[bytes], asked: float) -> None:
    assert time.monotonic() - asked < SECONDS
    last = messages(lines)[-1]
    assert last["type"] == "STATE"
    assert last["value"]["bookmarks"]["conversations"]["replication_key_value"]
    assert "Traceback" not in tap.log
    assert "the final state was written" in tap.log


def stop_each(
    server: FaultyServer,
    folder: Path,
    ready: Callable[[Running], object],
    command: Sequence[str | Path] = (TAP,),
    **more: Any,
) -> None:
    """Start a tap for each signal; once it is ready, send the signal and see how it ends."""
    with ExitStack() as stack:
        taps = {}
        for number in CODES:
            place = folder / number.name
            place.mkdir()
            settings = small_pages(server, **more)
            taps[number] = stack.enter_context(running(place, settings, command=command))
        for number, tap in taps.items():
            lines = tap.read_until_state()
            ready(tap)
            asked = time.monotonic()
            tap.process.send_signal(number)
            lines += tap.stdout
            assert tap.end() == CODES[number]
            check_stopped(tap, lines, asked)


def test_a_signal_in_mid_sync(server: FaultyServer, tmp_path: Path) -> None:
    def slowly(exchange: Exchange) -> None:
        exchange.stopped.wait(0.2)
        faults.whole(exchange)

    server.script = lambda _number, _params: slowly
    stop_each(server, tmp_path, lambda _tap: None)


@pytest.mark.parametrize("concurrency", sweep([8, 1]))
@pytest.mark.parametrize("quick", [0, 60], ids=["ahead", "as it is wanted"])
def test_a_signal_while_a_request_is_stalled(
    server: FaultyServer, tmp_path: Path, quick: int, concurrency: int
) -> None:
    stalled = set()

    def stall(exchange: Exchange) -> None:
        stalled.add(exchange.connection)
        faults.stalled(exchange)

    server.script = after_page_one(stall)
    stop_each(
        server,
        tmp_path,
        lambda tap: tap.wait_for(lambda: stalled),
        command=after(f"prefetch.QUICK = {quick}"),
        concurrency=concurrency,
    )


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_a_hosts_address_is_looked_up(
    server: FaultyServer, tmp_path: Path, number: signal.Signals
) -> None:
    """As in the system's resolver, no signal gets the main thread out of what it waits in."""
    stalled = (
        "lock = ctypes.create_string_buffer(64)\n"
        "def stalled(*_args, **_options):\n"
        "    print('looking up', file=sys.stderr, flush=True)\n"
        "    while True: ctypes.CDLL(None).pthread_mutex_lock(lock)\n"
        "socket.getaddrinfo = stalled"
    )
    with running(tmp_path, small_pages(server), command=after(stalled)) as tap:
        tap.wait_for_log("looking up")
        asked = time.monotonic()
        tap.process.send_signal(number)
        assert tap.end() == CODES[number]
        assert time.monotonic() - asked < SECONDS
    check_quiet(tap)


def after(code: str) -> tuple[str, ...]:
    """Run the tap after some code."""
    imports = "import ctypes, socket, sys\nfrom tap_ayra.api import prefetch\n"
    start = "\nfrom tap_ayra.tap import TapAyra\nTapAyra.cli()"
    return (sys.executable, "-c", imports + code + start)


def test_a_signal_while_waiting_to_try_again(server: FaultyServer, tmp_path: Path) -> None:
    server.script = after_page_one(instead(503, Retry_After="300"))
    stop_each(server, tmp_path, lambda tap: tap.wait_for_log("Retrying in 300.0 s"))


def test_a_signal_while_waiting_for_the_rate_limit(server: FaultyServer, tmp_path: Path) -> None:
    def last_one(exchange: Exchange) -> None:
        reset = str(int(NOW.timestamp()) + 300)
        headers = {"Limit": "500", "Remaining": "0", "Reset": reset}
        exchange.send(
            faults.raw(exchange.response, **{f"X-RateLimit-{k}": v for k, v in headers.items()})
        )

    server.script = after_page_one(last_one)
    stop_each(server, tmp_path, lambda tap: tap.wait_for_log("Rate limit reached: waiting 30"))


def fill_the_pipe(tap: Running) -> list[bytes]:
    """Read the first messages, and then nothing until the tap can write no more."""
    lines = tap.read_until_state()
    tap.wait_until_blocked()
    return lines


@pytest.fixture
def wordy(server: FaultyServer) -> FaultyServer:
    for call in server.api.world.visible():
        call.summary = "word " * 2000
    return server


@pytest.mark.parametrize("number", sweep([signal.SIGTERM, signal.SIGINT]))
def test_a_signal_while_the_target_reads_nothing(
    wordy: FaultyServer, tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path, small_pages(wordy)) as tap:
        lines = fill_the_pipe(tap)
        asked = time.monotonic()
        tap.process.send_signal(number)
        assert tap.end() == CODES[number]
        assert time.monotonic() - asked < SECONDS
        *whole, _torn = [*lines, *tap.stdout]
        messages(whole)
    assert "could not write the final state (output pipe blocked)" in tap.log
    assert "Traceback" not in tap.log


@pytest.mark.parametrize("unbuffered", sweep(["", "1"]))
def test_a_signal_while_the_target_is_slow(
    wordy: FaultyServer, tmp_path: Path, unbuffered: str
) -> None:
    with running(tmp_path, small_pages(wordy), PYTHONUNBUFFERED=unbuffered) as tap:
        lines = fill_the_pipe(tap)
        tap.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        lines += tap.stdout
        assert tap.end() == 143
        assert messages(lines)[-1]["type"] == "STATE"


@pytest.mark.parametrize("concurrency", sweep([8, 1]))
def test_a_target_that_dies_in_mid_sync(
    wordy: FaultyServer, tmp_path: Path, concurrency: int
) -> None:
    target = (
        "import os, signal, sys\n"
        "for _ in range(20): sys.stdin.readline()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with (
        running(tmp_path, small_pages(wordy, concurrency=concurrency)) as tap,
        subprocess.Popen([sys.executable, "-c", target], stdin=tap.stdout) as reader,
    ):
        tap.stdout.close()
        reader.wait()
        died = time.monotonic()
        assert tap.end() == 1
        assert time.monotonic() - died < SECONDS
    assert "Output pipe closed by the target; stopping" in tap.log
    check_quiet(tap)


def check_quiet(tap: Running) -> None:
    for word in ("Traceback", "Exception ignored", "unhandled"):
        assert word not in tap.log


def test_a_full_disk(wordy: FaultyServer, tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        running(tmp_path, small_pages(wordy), stdout=full) as tap,
    ):
        assert tap.end() == 1
    assert "Cannot write the output: No space left on device" in tap.log
    check_quiet(tap)


@pytest.mark.parametrize("unbuffered", sweep(["", "1"]))
def test_a_disk_that_fills_up_in_mid_sync(
    wordy: FaultyServer, tmp_path: Path, unbuffered: str
) -> None:
    limited = ("sh", "-c", 'ulimit -f 512; exec "$@"', "sh", TAP)
    with (
        (tmp_path / "out").open("wb") as file,
        running(
            tmp_path, small_pages(wordy), command=limited, stdout=file, PYTHONUNBUFFERED=unbuffered
        ) as tap,
    ):
        assert tap.end() == 1
    assert "Cannot write the output: File too large" in tap.log
    check_quiet(tap)
    assert any('"STATE"' in line for line in (tmp_path / "out").read_text().splitlines())


@pytest.mark.parametrize("argument", sweep(["--test", "--discover", "--about"]))
def test_a_full_disk_whatever_is_asked(server: FaultyServer, tmp_path: Path, argument: str) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        running(tmp_path, small_pages(server), argument, stdout=full) as tap,
    ):
        code = tap.end()
    assert code == 1
    assert "Cannot write the output: No space left on device" in tap.log
    check_quiet(tap)


def test_what_nobody_expected_keeps_its_traceback_without_secrets(
    server: FaultyServer, tmp_path: Path
) -> None:
    code = (
        "from unittest import mock\n"
        "from tap_ayra.tap import TapAyra\n"
        "from tap_ayra.paging.page import Page\n"
        f"error = ZeroDivisionError('bug near {server.api.key} and +15550100123')\n"
        "with mock.patch.object(Page, 'read', side_effect=error): TapAyra.cli()\n"
    )
    config = small_pages(server, caller="+15550100123")
    with running(tmp_path, config, command=(sys.executable, "-c", code)) as tap:
        tap.stdout.read()
        assert tap.end() == 1
    assert "Traceback" in tap.log
    assert "ZeroDivisionError: bug near *** and ***" in tap.log
    assert server.api.key not in tap.log
    assert "15550100123" not in tap.log
