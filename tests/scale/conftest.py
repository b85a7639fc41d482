"""These tests need Dagster, which has an environment of its own: `make scale-test`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

collect_ignore_glob = [] if find_spec("dagster") else ["test_*.py"]

_FIGURES: dict[str, float] = {}


@pytest.fixture
def figure() -> Callable[[str, float], None]:
    """Take down what was measured, in seconds, for the end of pytest's report."""
    return _FIGURES.__setitem__


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what was measured."""
    for what, seconds in _FIGURES.items():
        terminalreporter.write_line(f"{what}: {seconds:.1f} s")
