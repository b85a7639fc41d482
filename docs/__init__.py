"""The generators of the documentation: `make docs` runs them."""
