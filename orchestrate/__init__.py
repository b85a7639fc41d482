"""Many accounts, long histories: tap-ayra on Dagster. See docs/scale-out.md."""
