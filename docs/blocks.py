"""The generated blocks of files that are otherwise written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_blocks(text: str, contents: Mapping[str, str]) -> str:
    """Put content between the lines that mark each block.

    The marks are comments, in the file's own language, that hold ``generated: NAME`` and
    ``end: NAME``.

    Args:
        text: of the file as it is.
        contents: of the blocks, by name.

    Raises:
        ValueError: if a mark is missing.
    """
    lines = text.splitlines(keepends=True)
    for name, content in contents.items():
        begin = _mark(lines, f"generated: {name} ") + 1
        lines[begin : _mark(lines, f"end: {name} ")] = content.splitlines(keepends=True)
    return "".join(lines)


def _mark(lines: list[str], words: str) -> int:
    for number, line in enumerate(lines):
        if words in line.rstrip() + " ":
            return number
    message = f"no line holds {words!r}"
    raise ValueError(message)
