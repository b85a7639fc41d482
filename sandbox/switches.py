"""`--crooked SWITCH[=VALUE]`: the crooked API's switches on a command line."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Reader = Callable[[str], Any]

WORLD_SWITCHES = ("restated", "odd_transcripts")


class Switch(NamedTuple):
    """One switch.

    Attributes:
        usual: The value when none is given.
        read: Reads a value; raises ValueError for one that cannot be.
        expected: What values can be, for people.
        about: What the switch does.
    """

    usual: str
    read: Reader
    expected: str
    about: str


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _share(text: str) -> float:
    share = _positive(text)
    if share > 1:
        raise ValueError
    return share


def _numbers(text: str) -> set[int]:
    return {_count(each) for each in text.split(",")}


def _counted(usual: int, about: str) -> Switch:
    return Switch(str(usual), _count, "an integer of at least 1", about)


def _measured(usual: float, about: str) -> Switch:
    return Switch(f"{usual:g}", _positive, "a positive number", about)


def _shared(usual: float, about: str) -> Switch:
    return Switch(f"{usual:g}", _share, "a share above 0, up to 1", about)


def _chosen(*choices: str, about: str) -> Switch:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return Switch(choices[0], read, " or ".join(choices), about)


SWITCHES: Mapping[str, Switch] = {
    "cap_total": _counted(1000, "totals are reported as this at most"),
    "pages_past_cap": _chosen(
        "refused", "empty", "served", about="pages past the capped total are refused or empty"
    ),
    "round_total": _counted(100, "totals are rounded to a multiple of this"),
    "inflate_total": _measured(1.01, "totals are multiplied by this"),
    "estimate_total": _shared(0.03, "totals are off by up to this share, different each time"),
    "cached_total_seconds": _measured(60, "totals are cached for this long"),
    "no_total": _chosen("absent", "null", about="meta has no total"),
    "exclusive_bounds": _chosen(
        "start", "end", "both", about='start_date means "after", end_date "before"'
    ),
    "rounded_bounds": _measured(60, "start_date and end_date are rounded to this many seconds"),
    "bounds_rounding": _chosen("down", "nearest", "up", about="direction of that rounding"),
    "show_rounded_starts": _chosen(
        "down", "nearest", "up", about="start_time is shown in whole seconds, sorted by fractions"
    ),
    "swap_pages": Switch(
        "3", _numbers, "page numbers, such as 2,5", "these pages return the next page's data once"
    ),
    "repeat_page_beyond": _counted(5, "deeper pages repeat this page"),
    "refuse_pages_beyond": _counted(5, "deeper pages than this are refused"),
    "refusal_status": _counted(400, "HTTP status of refused pages"),
    "list_twice": _shared(0.01, "this share of conversations is listed twice"),
    "clock_skew_seconds": _measured(5, "every second response has a clock this far behind"),
    "latin1_text": _shared(0.01, "this share of summaries and transcripts is not UTF-8"),
    "lone_surrogates": _shared(0.01, "this share of them holds half a surrogate pair"),
    "not_a_number": _shared(0.01, "this share of numbers is NaN or infinite"),
    "tie_order": _chosen(
        "shuffled", "stable", about="equal start times are ordered differently each time"
    ),
    "restated": _shared(0.2, "this share of start times is corrected when the call ends"),
    "odd_transcripts": _shared(0.1, "this share of transcripts is empty, hours late or missing"),
}


def read_switch(text: str) -> tuple[str, Any]:
    """Read a switch as it stands on a command line, such as "cap-total=1000"."""
    written, equals, value = text.partition("=")
    name = written.replace("-", "_")
    switch = SWITCHES.get(name)
    if switch is None:
        close = difflib.get_close_matches(name, SWITCHES, 1)
        hint = f' Did you mean "{_written(close[0])}"?' if close else ""
        message = f'unknown switch "{written}".{hint}'
        raise argparse.ArgumentTypeError(message)
    try:
        return name, switch.read(value if equals else switch.usual)
    except ValueError:
        message = f'{written}: expected {switch.expected}, got "{value}"'
        raise argparse.ArgumentTypeError(message) from None


def describe_switches() -> str:
    """Return a line for each switch, for a help text."""
    lines = ["switches for --crooked, each with the value it has if none is given:"]
    for name, switch in SWITCHES.items():
        lines.append(f"  {_written(name) + '=' + switch.usual:<26} {switch.about}")
    return "\n".join(lines)


def _written(name: str) -> str:
    return name.replace("_", "-")
