"""Runs the tap in this process, and reads what it writes as Singer messages."""

from __future__ import annotations

import io
import json
import signal
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_ayra.tap import TapAyra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sandbox import RunningSandbox
    from sandbox.faults import FaultyServer

Message = dict[str, Any]


@dataclass(frozen=True)
class Output:
    """The messages that a tap has written."""

    messages: list[Message]

    @classmethod
    def parse(cls, lines: str | bytes) -> Output:
        """Read messages, one a line, their fractions exactly."""
        return cls([json.loads(line, parse_float=Decimal) for line in lines.splitlines()])

    def of_type(self, kind: str) -> list[Message]:
        """Give the messages of a type such as `RECORD`."""
        return [message for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records, in order."""
        return [message["record"] for message in self.of_type("RECORD")]

    @property
    def schema(self) -> dict[str, Any]:
        """The one schema."""
        (message,) = self.of_type("SCHEMA")
        schema: dict[str, Any] = message["schema"]
        return schema


def settings_for(server: RunningSandbox | FaultyServer, **settings: object) -> dict[str, Any]:
    """Give settings that lead to a simulated API, and others."""
    return {"api_url": server.url, "api_key": server.api.key, **settings}


def small_pages(server: RunningSandbox | FaultyServer, **settings: object) -> dict[str, Any]:
    """Give settings that read ten conversations a page, and others."""
    return settings_for(server, page_size=10, **settings)


def run_tap(
    sandbox: RunningSandbox | None = None,
    config: Mapping[str, object] | None = None,
    *,
    catalog: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    environment: bool = False,
    **settings: object,
) -> Output:
    """Sync from a sandbox, or from where the settings say if none is given.

    Args:
        sandbox: its address and key are the settings that need not be given.
        config: settings.
        catalog: what to read; everything if not given.
        state: where to go on.
        environment: whether settings are taken from the environment too.
        settings: more of them.
    """
    address = {} if sandbox is None else settings_for(sandbox)
    with captured() as written:
        TapAyra(
            config={**address, **(config or {}), **settings},
            catalog=catalog,
            state=state,
            parse_env_config=environment,
        ).sync_all()
    return Output.parse(written.getvalue())


@contextmanager
def captured() -> Iterator[io.BytesIO]:
    """Collect what is written to stdout, and leave the handling of signals as it was."""
    written = io.BytesIO()
    text = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
    try:
        with redirect_stdout(text), signals_kept():
            yield written
    finally:
        text.detach()


@contextmanager
def signals_kept() -> Iterator[None]:
    """Leave the handling of signals as it was: a tap made here would end the tests on Ctrl-C."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def discovered() -> dict[str, Any]:
    """Give a catalog as the tap discovers it, to be changed at will."""
    with captured():
        catalog: dict[str, Any] = json.loads(
            TapAyra(validate_config=False, setup_mapper=False).catalog_json_text
        )
    return catalog


def deselect(catalog: Mapping[str, Any], fields: Iterable[str]) -> None:
    """Change a catalog so that some fields of the conversations are left out."""
    stream, _ = catalog["streams"]
    for entry in stream["metadata"]:
        if entry["breadcrumb"][-1:] and entry["breadcrumb"][-1] in fields:
            entry["metadata"]["selected"] = False
