"""Files of records: where they are kept, and how each gets its name when it is complete."""

from __future__ import annotations

import gzip
import os
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from upath import UPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEPT = 12 * 3600.0
"""Seconds for which files of earlier syncs are kept: targets may still have to read them."""

_MARK = "tap-ayra--"
_GZIP_LEVEL = 3  # the default, 9, takes several times as long for a tenth of the size


class Folder:
    """Where batch files are kept."""

    def __init__(self, root: str, prefix: str, params: Mapping[str, Any]) -> None:
        """Make the folder, if it is on this machine.

        Args:
            root: the folder, or the URL of one at a store that fsspec knows.
            prefix: what the names of files begin with; it may name a folder in the folder.
            params: what fsspec wants to know of the store.
        """
        folder = UPath(root, **params)
        self._local = folder.protocol in {"", "file"}
        self._root = UPath(Path(folder.path).absolute()) if self._local else folder
        self._name = f"{prefix}{_MARK}"
        self._run = uuid.uuid4().hex
        if self._local:
            (self._root / self._name).parent.mkdir(parents=True, exist_ok=True)
        else:
            _ = folder.fs  # which needs a package for most stores

    def new_file(self, stream: str, number: int, *, zipped: bool) -> BatchFile:
        """Open a file for records of a stream."""
        stream = re.sub(r"[^\w.-]", "_", stream)
        name = f"{self._name}{stream}-{self._run}-{number:06}.jsonl" + (".gz" if zipped else "")
        return BatchFile(self._root / name, local=self._local, zipped=zipped)

    def remove_old_files(self) -> None:
        """Remove what earlier syncs left here, unless it is so new that a target may need it."""
        if not self._local:
            return
        beginning = self._root / self._name
        for file in beginning.parent.iterdir():
            with suppress(OSError):
                is_ours = file.name.removeprefix(".").startswith(beginning.name)
                if is_ours and file.stat().st_mtime < time.time() - KEPT:
                    file.unlink()


class BatchFile:
    """A file of records, which gets its name when it is complete.

    Attributes:
        records: how many it holds.
    """

    def __init__(self, path: UPath, *, local: bool, zipped: bool) -> None:
        """Open it under another name; a store shows a file only when it has been closed.

        Args:
            path: its name in the end.
            local: whether it is on this machine.
            zipped: whether it is compressed.
        """
        self.records = 0
        self._path, self._local = path, local
        self._partial = path.with_name(f".{path.name}.part") if local else path
        self._file: IO[bytes] = self._partial.open("wb")
        self._gzip = (
            gzip.GzipFile("", "wb", _GZIP_LEVEL, fileobj=self._file, mtime=0) if zipped else None
        )

    def add(self, bodies: Sequence[bytes]) -> None:
        """Write records, one a line."""
        lines = b"\n".join([*bodies, b""])
        (self._gzip or self._file).write(lines)
        self.records += len(bodies)

    def complete(self) -> str:
        """Close the file, and give it its name once all of it is on the disk.

        Returns:
            Its URL. The path in it is as it is: the SDK's targets decode none.
        """
        with self._file:
            if self._gzip:
                self._gzip.close()
            if not self._local:
                return self._path.as_uri()
            self._file.flush()
            os.fsync(self._file.fileno())
        self._partial.rename(self._path)
        return f"file://{self._path}"
