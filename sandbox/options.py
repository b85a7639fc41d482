"""The options of `python -m sandbox`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from sandbox.switches import describe_switches, read_switch

_DESCRIPTION = """\
Run a simulated Ayra API on this machine, with invented conversations.

With a COMMAND, run it with TAP_AYRA_API_URL, TAP_AYRA_API_KEY and AYRA_SANDBOX_URL set, and
exit with its exit code. Without one, serve until stopped with Ctrl-C.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        usage="%(prog)s [options] [COMMAND…]",
        description=_DESCRIPTION,
        epilog=describe_switches(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_world(parser)
    _add_limits(parser)
    _add_failures(parser)
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port; 0: any (0)")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="COMMAND", help="command to run"
    )
    return parser


def _add_world(parser: argparse.ArgumentParser) -> None:
    _moment.__name__ = "date-time"
    _positive.__name__ = "positive number"
    add = parser.add_argument
    add("--seed", type=int, default=1, metavar="N", help="seed of the conversations (1)")
    add("--count", type=_count, default=2000, metavar="N", help="conversations up to now (2000)")
    add("--days", type=_positive, default=14, metavar="N", help="days they spread over (14)")
    add("--now", type=_moment, metavar="ISO", help="what the API's clock shows at first")
    add("--frozen", action="store_true", help="stop the clock until it is advanced")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    _count.__name__ = "count"
    add = parser.add_argument
    add(
        "--rate-limit",
        type=_count,
        default=500,
        metavar="N",
        help="requests per rate-limit window; 0: no limit (500)",
    )
    add(
        "--window",
        type=_positive,
        default=60,
        metavar="SECONDS",
        help="length of the rate-limit window (60)",
    )
    add("--daily-limit", type=_count, metavar="N", help="requests per UTC day (no limit)")
    add("--latency-ms", type=float, default=0, metavar="MS", help="time per response (0)")
    add("--no-cache", action="store_true", help="do not cache responses for 60 s")


def _add_failures(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--fail-after",
        type=_count,
        metavar="N",
        help="refuse one request after the first N, so that the next sync has to resume",
    )
    add(
        "--fail-with",
        type=_status,
        default=401,
        metavar="STATUS",
        help="HTTP status of that refusal (401)",
    )
    _status.__name__ = "HTTP status from 400 to 599"
    add(
        "--crooked",
        type=read_switch,
        action="append",
        default=[],
        metavar="SWITCH[=VALUE]",
        help="break the API's documented behavior in one way; can be repeated",
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise ValueError
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _status(text: str) -> int:
    status = int(text)
    if status not in range(400, 600):
        raise ValueError
    return status
