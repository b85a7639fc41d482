"""Which page comes next, and when a page may be trusted."""
