"""The tap that the Singer SDK's own template gives, with no more changed than this endpoint needs.

That is: bearer token, page numbers up to `meta.total_pages`, 100 records a page, sorted by start.
Everything else is the template's: its way of parsing, its paginator, the SDK's defaults.
"""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.helpers.jsonpath import extract_jsonpath
from singer_sdk.pagination import PageNumberPaginator

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from singer_sdk.streams.rest import HTTPRequest, PageContext


class TotalPagesPaginator(PageNumberPaginator):
    """Page numbers up to the last one that the response names."""

    def has_more(self, response: requests.Response) -> bool:
        """Say whether a page follows."""
        return bool(self.current_value < response.json()["meta"]["total_pages"])


class Conversations(RESTStream[int]):
    """The one stream."""

    name = "conversations"
    path = "/conversations"
    primary_keys = ("id",)
    replication_key = "start_time"
    is_sorted = True
    records_jsonpath = "$.data[*]"
    schema = th.PropertiesList(
        th.Property("id", th.StringType),
        th.Property("agent_id", th.StringType),
        th.Property("agent_name", th.StringType),
        th.Property("caller_number", th.StringType),
        th.Property("status", th.StringType),
        th.Property("start_time", th.DateTimeType),
        th.Property("end_time", th.DateTimeType),
        th.Property("duration", th.IntegerType),
        th.Property("sentiment", th.StringType),
        th.Property("outcome", th.StringType),
        th.Property("topics", th.ArrayType(th.StringType)),
        th.Property("has_recording", th.BooleanType),
        th.Property("has_transcript", th.BooleanType),
        th.Property("summary", th.StringType),
        th.Property("created_at", th.DateTimeType),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The API's base."""
        return str(self.config["api_url"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """The key in the header that the API wants."""
        return BearerTokenAuthenticator(token=self.config["auth_token"])

    def get_new_paginator(self) -> TotalPagesPaginator:
        """Begin with the first page."""
        return TotalPagesPaginator(1)

    def get_http_request(self, *, page: PageContext[int]) -> HTTPRequest:
        """Ask for one page from the bookmark on."""
        request = super().get_http_request(page=page)
        request.params |= {
            "page": page.next_page_token,
            "per_page": 100,
            "sort_by": "start_time",
            "sort_order": "asc",
        }
        if start := self.get_starting_replication_key_value(page.stream_context):
            request.params["start_date"] = start
        return request

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """Take the records out of a page."""
        body = response.json(parse_float=decimal.Decimal)
        yield from extract_jsonpath(self.records_jsonpath, input=body)


class TapTemplate(Tap):
    """A tap with that stream."""

    name = "tap-template"
    config_jsonschema = th.PropertiesList(
        th.Property("auth_token", th.StringType(nullable=False), required=True, secret=True),
        th.Property("api_url", th.StringType(nullable=False), required=True),
        th.Property("start_date", th.DateTimeType),
    ).to_dict()

    def discover_streams(self) -> list[Conversations]:
        """Name the streams."""
        return [Conversations(self)]


if __name__ == "__main__":
    TapTemplate.cli()
