"""Side-by-side measurements of tap-ayra and other ways to read the same endpoint."""
