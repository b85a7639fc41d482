"""The command line: what the user sees and the exit code when something goes wrong."""

from __future__ import annotations

import gc
import logging
import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from tap_ayra.errors import TapAyraError
from tap_ayra.messages import Text
from tap_ayra.messages import cli as messages
from tap_ayra.redaction import one_line
from tap_ayra.signals import heed_signals, leave

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS_BETWEEN_COLLECTIONS = 10_000
"""Roughly: records make no reference cycles, and looking for some took a fifth of the CPU."""


class AyraCommand(SingerCommand):
    """The SDK's command, which reports expected failures in a few lines and no traceback.

    The last line names what is wrong and how to fix it, since ``meltano config test`` shows no
    other; the details come before.
    """

    def main(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Run, unless there is nothing to write to."""
        if sys.stdout is None:
            self._report(messages.CANNOT_WRITE(reason="it is closed"))
            sys.exit(1)
        heed_signals()
        return super().main(*args, **options)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Parse the command line; ``--test`` and ``--discover`` run here."""
        with self._report_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the sync, the garbage collector tuned for many short-lived records."""
        gc.freeze()
        gc.set_threshold(RECORDS_BETWEEN_COLLECTIONS, 50, 50)
        logging.captureWarnings(capture=True)
        sys.excepthook = self.excepthook
        with self._report_errors():  # the SDK's own invoke would report invalid settings its way
            return click.Command.invoke(self, ctx)

    @contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Exit with 1 after an expected failure; anything else passes through."""
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except TapAyraError as error:
            what, *more = str(error).splitlines()
            remedy = more[:1]
            stop = "" if what.endswith((".", "?", "!")) else "."
            last = " ".join([what + stop, *remedy]) if remedy else what
            self._report(*more[1:], Text(last, error.code))
        except ConfigValidationError as error:
            self._report(str(error), *error.errors)
        except BrokenPipeError:
            messages.PIPE_CLOSED().log(self.logger)
            leave(1)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.strerror and not error.filename:
                self._report(messages.CANNOT_WRITE(reason=reason))
                leave(1)
            if error.filename:
                self._report(messages.CANNOT_READ(file=error.filename, reason=reason))
            else:
                self._report(messages.SYSTEM_ERROR(reason=reason))
        else:
            return
        sys.exit(1)

    def _report(self, *lines: str) -> None:
        for line in lines[:-1]:
            self.logger.error(line)
        code = getattr(lines[-1], "code", "")
        debug = self.logger.isEnabledFor(logging.DEBUG)
        self.logger.error("%s", lines[-1], exc_info=debug, extra={"code": code})


def check_log_level(prefix: str) -> Text | None:
    """Make what the environment says of the log level a level that `logging` knows.

    Numbers are given their names; anything else that is not a level counts as INFO.

    Args:
        prefix: of the tap's own variable, which goes before ``LOGLEVEL``.

    Returns:
        What to tell the user; None if there is nothing to tell.
    """
    variable, value = "LOGLEVEL", "INFO"
    for name in ("LOGLEVEL", f"{prefix}LOGLEVEL"):
        if found := os.environ.get(name, "").strip():
            variable, value = name, found
    level = logging.getLevelName(int(value)) if value.isdecimal() else value.upper()
    if level in logging.getLevelNamesMapping():
        os.environ[variable] = level
        return None
    os.environ[variable] = "INFO"
    levels = "DEBUG, INFO, WARNING, ERROR"
    return messages.UNKNOWN_LOG_LEVEL(variable=variable, levels=levels, value=one_line(value))


def is_only_watched() -> bool:
    """Whether stdout and stderr are one pipe, as under ``meltano config test``.

    No target can read that, so someone is waiting to see whether the connection works.
    """
    try:
        out, err = os.fstat(1), os.fstat(2)
    except OSError:
        return False
    is_pipe = stat.S_ISFIFO(out.st_mode) or stat.S_ISSOCK(out.st_mode)
    return is_pipe and (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino)


@contextmanager
def only_warnings() -> Iterator[None]:
    """Log nothing below WARNING, unless the log level asks for more than usual."""
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
