"""The streams: what there is to read."""
