"""Many accounts on Dagster: `make scale-test`."""
