"""New York City taxi trip records as Dagster assets, kept correct in three stores."""
