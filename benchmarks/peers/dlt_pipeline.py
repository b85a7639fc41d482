"""dlt's rest_api source, extracted and normalised, not loaded.

A tap ends where a target begins. dlt's extract and normalise steps do what a tap does (fetch,
follow a cursor, check types, write a schema and rows), and the load step what a target does: it
is left out. Rows stand as JSON lines in the pipeline's folder below the working directory.
Usage: dlt_pipeline.py API_URL START_DATE
"""

from __future__ import annotations

import sys

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source


def main(api_url: str, start_date: str) -> None:
    """Read every conversation into the normalised package."""
    config: RESTAPIConfig = {
        "client": {
            "base_url": api_url,
            "auth": {"type": "bearer", "token": "sk_test_benchmark"},
            "paginator": {
                "type": "page_number",
                "base_page": 1,
                "total_path": "meta.total_pages",
            },
        },
        "resources": [
            {
                "name": "conversations",
                "primary_key": "id",
                "max_table_nesting": 0,
                "endpoint": {
                    "path": "conversations",
                    "data_selector": "data",
                    "params": {
                        "per_page": 100,
                        "sort_by": "start_time",
                        "sort_order": "asc",
                        "start_date": "{incremental.start_value}",
                    },
                    "incremental": {"cursor_path": "start_time", "initial_value": start_date},
                },
            }
        ],
    }
    pipeline = dlt.pipeline(
        "benchmark", pipelines_dir="pipelines", destination=dlt.destinations.filesystem("loaded")
    )
    pipeline.extract(rest_api_source(config))
    pipeline.normalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
