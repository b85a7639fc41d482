"""These tests need Dagster, which has an environment of its own: `make scale-test`."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("dagster") else ["test_*.py"]
