"""The tests of tap-ayra."""
