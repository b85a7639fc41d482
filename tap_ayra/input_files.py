"""The files given on the command line, each checked to be what it is given as."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.helpers._util import load_json
from singer_sdk.singerlib import Catalog

from tap_ayra.errors import TapAyraError
from tap_ayra.messages import cli as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_ayra.messages import Message, Text

_REASONS = {
    FileNotFoundError: "file not found",
    IsADirectoryError: "it is a directory",
    PermissionError: "permission denied",
}
_KINDS = {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}


def read_config(file: str) -> dict[str, Any]:
    """Read a file of settings.

    Raises:
        TapAyraError: if it is not a JSON object; it names the file.
    """
    return _parse(file, _read(file), messages.CONFIG_NOT_AN_OBJECT, messages.FIX_CONFIG())


class InputFile(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """An option for a JSON file that is read and checked at once; ``-`` is stdin."""

    name = "filename"

    def __init__(self, check: Callable[[str, str], None]) -> None:
        """Make the type.

        Args:
            check: raises an error that names the file (the first argument) if the text (the
                second) is not what it should be.
        """
        self._check = check

    def convert(
        self,
        value: Any,  # noqa: ANN401  as click has it
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> io.StringIO:
        """Read the file and check it."""
        text = _read(value)
        self._check(value, text)
        return io.StringIO(text)


def check_state(file: str, text: str) -> None:
    """Refuse a state that is not a JSON object."""
    _parse(file, text, messages.STATE_NOT_AN_OBJECT, messages.FIX_STATE())


def check_catalog(file: str, text: str) -> None:
    """Refuse a catalog that the SDK cannot make sense of."""
    remedy = messages.FIX_CATALOG()
    document = _parse(file, text, messages.CATALOG_NOT_AN_OBJECT, remedy)
    if not isinstance(document.get("streams"), list):
        reason = '"streams" must be a list'
        raise TapAyraError(messages.NOT_A_CATALOG(file=file, reason=reason), remedy)
    try:
        Catalog.from_dict(document)
    except Exception:  # noqa: BLE001  the SDK does not say which ones it raises
        reason = "each stream needs a tap_stream_id, a schema and metadata as Singer has them"
        raise TapAyraError(messages.NOT_A_CATALOG(file=file, reason=reason), remedy) from None


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        reason = _REASONS.get(type(error), error.strerror)
        raise TapAyraError(messages.CANNOT_READ(file=file, reason=reason)) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TapAyraError(messages.FILE_NOT_UTF8(file=file)) from None


def _parse(file: str, text: str, not_an_object: Message, remedy: Text) -> dict[str, Any]:
    if not text.strip():
        raise TapAyraError(messages.FILE_EMPTY(file=file), remedy)
    try:
        document: Any = load_json(text)
    except (ValueError, RecursionError) as error:
        raise TapAyraError(messages.FILE_NOT_JSON(file=file, reason=error), remedy) from None
    if not isinstance(document, dict):
        got = _KINDS.get(type(document), "a number")
        raise TapAyraError(not_an_object(file=file, got=got), remedy)
    return document
