"""The command line: what the user sees and the exit code when something goes wrong."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from tap_ayra.errors import TapAyraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import click

    from tap_ayra.output.writer import BufferedWriter

LAST_WORD_SECONDS = 2.0
RECORDS_BETWEEN_COLLECTIONS = 10_000
"""Roughly: records make no reference cycles, and looking for some took a fifth of the CPU."""


class AyraCommand(SingerCommand):
    """The SDK's command, with expected failures told in a few lines and without a traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line; ``--test`` and ``--discover`` run here."""
        with self._telling():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the sync, the garbage collector tuned for many short-lived records."""
        gc.freeze()
        gc.set_threshold(RECORDS_BETWEEN_COLLECTIONS, 50, 50)
        with self._telling():
            return super().invoke(ctx)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Exit with 1 after an expected failure; anything else passes through."""
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except TapAyraError as error:
            lines = str(error).splitlines()
        except ConfigValidationError as error:
            lines = [*error.errors, "Config validation failed"]
        except UnicodeDecodeError:
            lines = ["A file given is no text in UTF-8"]
        except ValueError as error:
            if not hasattr(error, "lineno"):  # as the JSON errors of every library have
                raise
            lines = [f"A file given is no JSON: {error}"]
        except BrokenPipeError:
            self.logger.info("Nobody reads the output any more; stopping")
            leave(1)
        except OSError as error:
            if error.strerror and not error.filename:
                self._tell(f"The output cannot be written: {error.strerror}")
                leave(1)
            lines = [f"A file cannot be read or written: {error.strerror or error}"]
            lines += [str(error.filename)] * bool(error.filename)
        else:
            return
        self._tell(*lines)
        sys.exit(1)

    def _tell(self, *lines: str) -> None:
        for line in lines[:-1]:
            self.logger.error(line)
        self.logger.error(lines[-1], exc_info=self.logger.isEnabledFor(logging.DEBUG))


def leave(code: int) -> NoReturn:
    """End the process at once: no thread and no unwritten output holds it back."""
    sys.stderr.flush()
    os._exit(code)


def stop_on_signal(signum: int, writer: BufferedWriter, state: Mapping[str, Any]) -> None:
    """Write the last STATE and leave with 128 + the signal's number, within seconds.

    The work is done by a thread of its own, so that a write of the main thread, which the signal
    has interrupted, can end first; where it does not, the STATE is given up.

    Args:
        signum: SIGTERM or SIGINT.
        writer: of the Singer messages.
        state: the state as far as its records have been written.
    """

    def stop() -> None:
        word = threading.Thread(target=writer.write_last_state, args=(state,), daemon=True)
        word.start()
        word.join(LAST_WORD_SECONDS)
        told = "not written, since nobody reads it" if word.is_alive() else "written"
        logging.getLogger("tap-ayra").info(
            "Stopped by %s; the last state was %s", signal.Signals(signum).name, told
        )
        leave(128 + signum)

    threading.Thread(target=stop, daemon=True).start()
