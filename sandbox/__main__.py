"""`python -m sandbox`: the simulated API for trying things, or around a command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import ApiResponse, RunningSandbox, SandboxApi, SandboxClock, World, errors, serve
from sandbox.formats import encode
from sandbox.generate import CallCentre
from sandbox.options import parser
from sandbox.switches import WORLD_SWITCHES

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Mapping, Sequence

_COMING = timedelta(hours=6)
_FEWEST_COMING = 60
_IN_PROGRESS = 6
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_SIGNALLED = 128
_BIN = Path(sys.executable).parent

_USAGE = """\
Simulated Ayra API running with {count:,} conversations. Press Ctrl-C to stop.

  URL   {url}
  key   {key}

Send a request:
  curl "{url}/conversations?per_page=2" -H "Authorization: Bearer {key}"

Run the tap:
  TAP_AYRA_API_URL={url} TAP_AYRA_API_KEY={key} {tap} --config=ENV

Advance the API's clock by an hour, then count the conversations:
  curl -X POST "{control}/advance?seconds=3600"
  curl "{control}/status"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox, and the command in it; return the exit code."""
    options = parser().parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    api = _api(options)
    with ExitStack() as stack:
        try:
            sandbox = stack.enter_context(
                serve(api, port=options.port, latency=options.latency_ms / 1000)
            )
        except OSError as error:
            sys.stderr.write(f"Cannot use port {options.port}: {error.strerror}\n")
            return 1
        return _run(command, sandbox) if command else _wait(sandbox)


def _api(options: Namespace) -> SandboxApi:
    switches: dict[str, Any] = dict(options.crooked)
    oddities = {name: switches.pop(name) for name in WORLD_SWITCHES if name in switches}
    api = SandboxApi(
        _world(options, oddities),
        rate_limit=options.rate_limit or None,
        window_seconds=options.window,
        daily_limit=options.daily_limit,
        cache_seconds=0 if options.no_cache else 60,
        seed=options.seed,
        **switches,
    )
    if options.fail_after is not None:
        api.faults = _fail_once(options.fail_after, options.fail_with)
    return api


def _world(options: Namespace, oddities: Mapping[str, Any]) -> World:
    """Make conversations up to now, some of them in progress, and more that are still to come."""
    clock = SandboxClock(options.now, frozen=options.frozen)
    now = clock.now().replace(microsecond=0)
    history = timedelta(days=options.days)
    world = World.generate(
        clock,
        seed=options.seed,
        count=options.count,
        since=now - history,
        until=now,
        in_progress=_IN_PROGRESS,
        **oddities,
    )
    coming = max(_FEWEST_COMING, round(options.count * (_COMING / history)))
    world.extend(CallCentre(options.seed + 1, **oddities).calls(coming, now, now + _COMING))
    return world


def _fail_once(after: int, status: int) -> Callable[[int, Mapping[str, str]], ApiResponse | None]:
    refusal = errors.failure(status)
    body = encode(refusal.body)
    return lambda number, _: ApiResponse(status, {}, body) if number == after + 1 else None


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
            tap="tap-ayra" if shutil.which("tap-ayra") else _BIN / "tap-ayra",
        )
    )
    sys.stdout.flush()


def _run(command: list[str], sandbox: RunningSandbox) -> int:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(_BIN), os.environ.get("PATH", os.defpath))),
        "TAP_AYRA_API_URL": sandbox.url,
        "TAP_AYRA_API_KEY": sandbox.api.key,
        "AYRA_SANDBOX_URL": sandbox.control_url,
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


if __name__ == "__main__":
    sys.exit(main())
