"""How far the replication key may move."""
