"""What every stream of the API has in common, and what the SDK asks of it."""

from __future__ import annotations

import logging
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.exceptions import SyncLifecycleSignal

from tap_ayra.errors import TapAyraError
from tap_ayra.settings import Settings

if TYPE_CHECKING:
    from tap_ayra.api import AyraClient

_TOLD_ELSEWHERE = (TapAyraError, OSError, SyncLifecycleSignal)


class AyraStream(Stream):
    """A stream of the Ayra API.

    Attributes:
        path: what follows ``api_url`` in its address.
    """

    path: ClassVar[str]

    @cached_property
    def settings(self) -> Settings:
        """The settings, parsed."""
        return Settings.from_config(self.config)

    @property
    def client(self) -> AyraClient:
        """The tap's client, which all streams share."""
        client: AyraClient = self._tap.client  # type: ignore[attr-defined]
        return client

    @property
    def url_base(self) -> str:
        """The setting ``api_url``."""
        return self.settings.api_url

    @property
    def workers(self) -> int:
        """How many threads make requests; a connection test needs one only."""
        return 1 if self.ABORT_AT_RECORD_COUNT else self.settings.concurrency

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message; the SDK's word on an unhandled error not where the failure is expected."""
        if level < logging.ERROR or not isinstance(sys.exc_info()[1], _TOLD_ELSEWHERE):
            super().log(message, *args, level=level, **kwargs)
