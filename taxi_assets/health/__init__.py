"""Is everything all right? One page of at most twenty lines, the most urgent first.

The facts come out of Dagster's own records in seconds, however many months there are: no store is asked,
as counting rows takes minutes and ``reconciliation`` does it every night. The page says what that found.
"""
