"""What tap-ayra is measured against, each set up as its own documentation has it."""
