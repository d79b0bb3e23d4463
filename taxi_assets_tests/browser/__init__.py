"""The product as a person sees it: Dagster's real UI in a real browser."""
