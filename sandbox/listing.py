"""The endpoint that lists conversations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sandbox import pages
from sandbox.cache import CachedPage
from sandbox.call import Call
from sandbox.formats import timestamp
from sandbox.query import parse

if TYPE_CHECKING:
    from sandbox.api import SandboxApi
    from sandbox.records import Request


def make_page(api: SandboxApi, request: Request) -> tuple[CachedPage, bool]:
    """Return a page of conversations, and whether the API may cache it.

    Raises:
        ApiError: A parameter is not valid, or the page is refused.
    """
    now = request.at
    asked = parse(request.params, dates_keep_fractions=api.date_filters_keep_fractions)
    shuffle_ties = api.random if api.tie_order == "shuffled" else None
    calls = api.listed(pages.choose(api.world, asked, api.bounds(asked), now, shuffle_ties))
    served, swapped = api.page_served(asked, len(calls))
    unclean = api.unclean()
    encoded = Call.encoded if unclean is None else unclean.encoded
    rows = [encoded(call, now) for call in calls.page(served)]
    total = api.total(len(calls), request)
    meta: dict[str, object] = {
        "total": total,
        "page": asked.page,
        "per_page": asked.per_page,
        "total_pages": None if total is None else math.ceil(total / asked.per_page),
        "request_id": f"req_conversations_list_{request.number}",
        "timestamp": timestamp(api.node_time(request.number, now)),
    }
    if api.no_total == "absent":
        del meta["total"], meta["total_pages"]
    body = pages.write(rows, meta, base_url=api.base_url, more=served.stop < len(calls))
    return CachedPage(body, len(rows), now), not swapped
