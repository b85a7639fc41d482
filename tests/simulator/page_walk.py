"""What one gets by following the SDK's tutorial: page after page until the last one.

Tests run it on the same sandbox to show that what they test is no matter of course.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import PageNumberPaginator
from singer_sdk.streams import RESTStream

from tap_ayra.streams.schemas import CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests
    from singer_sdk import Stream
    from singer_sdk.helpers.types import Context


class TotalPagesPaginator(PageNumberPaginator):
    """Counts pages up to ``meta.total_pages``."""

    def has_more(self, response: requests.Response) -> bool:
        """Tell whether this was not the last page."""
        meta = response.json()["meta"]
        return bool(meta["page"] < meta["total_pages"])


class PlainConversations(RESTStream[int]):
    """The conversations, from the last bookmark on."""

    name = "conversations"
    path = "/conversations"
    url_base = "https://api.ayra.ai/v1"
    records_jsonpath = "$.data[*]"
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    replication_key = "start_time"
    is_sorted = True
    schema: ClassVar[dict[str, Any]] = CONVERSATION

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """The API key as a bearer token."""
        return BearerTokenAuthenticator(token=self.config["api_key"])

    def get_new_paginator(self) -> TotalPagesPaginator:
        """Begin with page 1."""
        return TotalPagesPaginator(1)

    def get_url_params(
        self, context: Context | None, next_page_token: int | None
    ) -> dict[str, Any]:
        """Sort by start time, and ask from the bookmark on."""
        start = self.get_starting_timestamp(context)
        return {
            "sort_by": "start_time",
            "sort_order": "asc",
            "per_page": self.config.get("page_size", 100),
            "page": next_page_token,
            **({"start_date": start.isoformat()} if start else {}),
        }


class PageWalk(Tap):
    """A tap as the SDK's template makes it."""

    name = "tap-page-walk"
    config_jsonschema: ClassVar[dict[str, Any]] = {"properties": {}}

    def discover_streams(self) -> Sequence[Stream]:
        """The streams that there are: one."""
        return [PlainConversations(self)]
