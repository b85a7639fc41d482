"""The least that reads the endpoint: `requests`, page after page, a JSON line for each record.

No types, no state, no retries but for the rate limit. Usage: requests_loop.py API_URL START_DATE
"""

from __future__ import annotations

import json
import sys
import time

import requests


def main(api_url: str, start_date: str) -> None:
    """Write every conversation to stdout."""
    session = requests.Session()
    session.headers["Authorization"] = "Bearer sk_test_benchmark"
    query: dict[str, str | int] = {
        "per_page": 100,
        "sort_by": "start_time",
        "sort_order": "asc",
        "start_date": start_date,
    }
    page = pages = 1
    while page <= pages:
        response = session.get(f"{api_url}/conversations", params={**query, "page": page})
        if response.status_code == requests.codes.too_many_requests:
            time.sleep(int(response.headers["Retry-After"]))
            continue
        response.raise_for_status()
        body = response.json()
        for record in body["data"]:
            sys.stdout.write(json.dumps(record) + "\n")
        pages = body["meta"]["total_pages"]
        page += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
