"""Signals: the last STATE first, then the end of the process, within seconds."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from tap_ayra.messages import cli as messages
from tap_ayra.patience import LAST_STATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_ayra.output.writer import BufferedWriter

_stopping = threading.Lock()


def heed_signals() -> None:
    """Have handlers of signals run at once, whatever the main thread is doing.

    Python runs them in the main thread, between two of its own instructions. A look-up of a host's
    address is one instruction, which may take half a minute and which no signal interrupts. So a
    thread runs them, too.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    told, tell = socket.socketpair()
    tell.settimeout(0)  # whoever writes to it never waits
    signal.set_wakeup_fd(tell.detach(), warn_on_full_buffer=False)
    threading.Thread(target=_handle, args=(told,), name="signals", daemon=True).start()


def _handle(told: socket.socket) -> None:
    while number := told.recv(1):
        handler = signal.getsignal(number[0])
        if callable(handler) and handler is not signal.default_int_handler:
            handler(number[0], None)


def leave(code: int) -> NoReturn:
    """End the process at once: no thread and no unwritten output holds it back."""
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)


def stop_on_signal(signum: int, writer: BufferedWriter, state: Mapping[str, Any]) -> None:
    """Write the last STATE and leave with 128 + the signal's number, within seconds.

    The work is done by a thread of its own, so that a write of the main thread, which the signal
    has interrupted, can end first; where it does not, the STATE is given up. Further calls do
    nothing.

    Args:
        signum: SIGTERM or SIGINT.
        writer: of the Singer messages.
        state: the state as far as its records have been written.
    """

    def stop() -> None:
        word = threading.Thread(target=writer.write_last_state, args=(state,), daemon=True)
        word.start()
        word.join(LAST_STATE)
        message = messages.STOPPED_UNSAVED if word.is_alive() else messages.STOPPED
        message(signal=signal.Signals(signum).name).log(logging.getLogger("tap-ayra"))
        leave(128 + signum)

    if _stopping.acquire(blocking=False):
        threading.Thread(target=stop, daemon=True).start()
