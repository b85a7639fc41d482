"""Sweeps: every case of a kind is tested, the first of them in `make test`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def sweep(cases: Iterable[Any], *, quick: int = 1) -> list[Any]:
    """Give the cases for `parametrize`, all but the first marked `slow`.

    Args:
        cases: values; tuples where there are several arguments.
        quick: how many of them aren't marked.
    """
    return [case if number < quick else _slow(case) for number, case in enumerate(cases)]


def _slow(case: Any) -> Any:  # noqa: ANN401
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
