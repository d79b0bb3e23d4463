"""What the TLC publishes: services, schema, cleaning rules, source. Knows no Dagster and no store."""
