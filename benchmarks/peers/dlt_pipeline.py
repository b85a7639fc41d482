"""dlt's rest_api source: extracted and normalised, and loaded if a database is given.

A tap ends where a target begins. dlt's extract and normalise steps do what a tap does (fetch,
follow a cursor, check types, write a schema and rows), and the load step what a target does.
Without a database it is left out, and the rows are JSON lines in the pipeline's folder below the
working directory. With one, they are loaded as dlt's documentation recommends for speed: Parquet
by way of ADBC.
Usage: dlt_pipeline.py API_URL START_DATE [DATABASE_URL]
"""

from __future__ import annotations

import sys

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source


def main(api_url: str, start_date: str, database_url: str = "") -> None:
    """Read every conversation, into the database if there is one."""
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
    destination = (
        dlt.destinations.postgres(database_url)
        if database_url
        else dlt.destinations.filesystem("loaded")
    )
    pipeline = dlt.pipeline(
        "benchmark", pipelines_dir="pipelines", destination=destination, dataset_name="loaded"
    )
    source = rest_api_source(config)
    if database_url:
        pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
    else:
        pipeline.extract(source)
        pipeline.normalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
