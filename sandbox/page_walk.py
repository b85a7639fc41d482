"""What a connector does that counts pages up and goes on from the last start time."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import requests

from sandbox.comparison import rows_by_id

if TYPE_CHECKING:
    from sandbox.comparison import Rows

TIMEOUT = 10.0


class PageWalk:
    """Reads page after page, in order of start, until the last one.

    Attributes:
        rows: what it has read, by id.
    """

    def __init__(self, url: str, key: str) -> None:
        """Begin without a bookmark.

        Args:
            url: the API's.
            key: the API's.
        """
        self.rows: Rows = {}
        self._url = f"{url}/conversations"
        self._headers = {"Authorization": f"Bearer {key}"}

    def sync(self) -> None:
        """Read from the last start time on."""
        order = {"sort_by": "start_time", "sort_order": "asc", "per_page": "100"}
        since = max((row["start_time"] for row in self.rows.values()), default=None)
        for page in count(1):
            response = requests.get(
                self._url,
                params={**order, "start_date": since, "page": str(page)},
                headers=self._headers,
                timeout=TIMEOUT,
            )
            response.raise_for_status()
            body = response.json()
            self.rows |= rows_by_id(body["data"])
            if page >= body["meta"]["total_pages"]:
                return
