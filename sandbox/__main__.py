"""`python -m sandbox`: the simulated API for trying things, or around a command."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox import RunningSandbox, SandboxApi, SandboxClock, World, serve
from sandbox.generate import CallCentre

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_COMING = timedelta(hours=6)
_FEWEST_COMING = 60
_IN_PROGRESS = 6
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_SIGNALLED = 128

_DESCRIPTION = """\
A simulated Ayra API on this machine, with invented calls.

With a COMMAND, it runs the command with TAP_AYRA_API_URL, TAP_AYRA_API_KEY and
TAP_AYRA_SANDBOX_URL set, and ends with the command's exit code. Without one, it serves until
it is stopped.
"""

_USAGE = """\
A simulated Ayra API is up, with {count:,} calls. Ctrl-C stops it.

  URL   {url}
  key   {key}

Ask it:
  curl "{url}/conversations?per_page=2" -H "Authorization: Bearer {key}"

Read it with the tap:
  TAP_AYRA_API_URL={url} TAP_AYRA_API_KEY={key} tap-ayra --config=ENV

Let an hour pass, and see what there is:
  curl -X POST "{control}/advance?seconds=3600"
  curl "{control}/status"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox, and the command in it; return the exit code."""
    options = _parser().parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    clock = SandboxClock(options.now, frozen=options.frozen)
    api = SandboxApi(
        _world(clock, options.seed, options.count, timedelta(days=options.days)),
        rate_limit=options.rate_limit or None,
        window_seconds=options.window,
        cache_seconds=0 if options.no_cache else 60,
    )
    with ExitStack() as stack:
        try:
            sandbox = stack.enter_context(
                serve(api, port=options.port, latency=options.latency_ms / 1000)
            )
        except OSError as error:
            sys.stderr.write(f"The sandbox cannot use port {options.port}: {error.strerror}.\n")
            return 1
        return _run(command, sandbox) if command else _wait(sandbox)


def _world(clock: SandboxClock, seed: int, count: int, history: timedelta) -> World:
    """Make calls up to now, some of them still going on, and more that are still to come."""
    now = clock.now().replace(microsecond=0)
    world = World.generate(
        clock, seed=seed, count=count, since=now - history, until=now, in_progress=_IN_PROGRESS
    )
    coming = max(_FEWEST_COMING, round(count * (_COMING / history)))
    world.extend(CallCentre(seed + 1).calls(coming, now, now + _COMING))
    return world


def _wait(sandbox: RunningSandbox) -> int:
    stopped = threading.Event()
    with _on_signal(lambda _: stopped.set()):
        _say_how_to_use(sandbox)
        stopped.wait()
    return 0


def _say_how_to_use(sandbox: RunningSandbox) -> None:
    sys.stdout.write(
        _USAGE.format(
            count=len(sandbox.api.world.visible()),
            url=sandbox.url,
            key=sandbox.api.key,
            control=sandbox.control_url,
        )
    )
    sys.stdout.flush()


def _run(command: list[str], sandbox: RunningSandbox) -> int:
    environment = {
        **os.environ,
        "TAP_AYRA_API_URL": sandbox.url,
        "TAP_AYRA_API_KEY": sandbox.api.key,
        "TAP_AYRA_SANDBOX_URL": sandbox.control_url,
    }
    try:
        process = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        sys.stderr.write(f"{command[0]}: command not found\n")
        return _NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _NOT_EXECUTABLE
    # A terminal sends Ctrl-C to the command as well; twice would mean "at once" to it.
    at_terminal = sys.stdin is not None and sys.stdin.isatty()

    def pass_on(number: int) -> None:
        if number != signal.SIGINT or not at_terminal:
            process.send_signal(number)

    with _on_signal(pass_on):
        code = process.wait()
    return code if code >= 0 else _SIGNALLED - code


@contextmanager
def _on_signal(act: Callable[[int], None]) -> Iterator[None]:
    """Do this at a request to stop, as long as the context lasts."""
    before = {
        number: signal.signal(number, lambda received, _: act(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        usage="%(prog)s [options] [COMMAND…]",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _moment.__name__ = "date and time (ISO 8601)"
    _positive.__name__ = "positive number"
    add = parser.add_argument
    add("--seed", type=int, default=1, metavar="N", help="the same seed makes the same calls (1)")
    add("--count", type=int, default=2000, metavar="N", help="calls up to now (2000)")
    add("--days", type=_positive, default=14, metavar="N", help="days that they lie in (14)")
    add(
        "--rate-limit",
        type=int,
        default=500,
        metavar="N",
        help="requests per window; 0 for no limit (500)",
    )
    add(
        "--window",
        type=_positive,
        default=60,
        metavar="SECONDS",
        help="length of the rate window (60)",
    )
    add("--latency-ms", type=float, default=0, metavar="MS", help="time an answer takes (0)")
    add("--no-cache", action="store_true", help="never repeat an answer of the last 60 s")
    add("--now", type=_moment, metavar="ISO", help="what the sandbox's clock shows at first")
    add("--frozen", action="store_true", help="let the clock stand still until it is advanced")
    add("--port", type=int, default=0, metavar="N", help="port to serve on; a free one if 0 (0)")
    add("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run in the sandbox")
    return parser


if __name__ == "__main__":
    sys.exit(main())
