"""``monthly_summary/<service>_trips``: a month in one row, and the pictures of it."""

from taxi_assets.assets.summary.asset import MONTHLY_SUMMARY, summary_asset

__all__ = ["MONTHLY_SUMMARY", "summary_asset"]
