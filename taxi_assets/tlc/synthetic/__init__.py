"""Months as the TLC would have published them: any service, any era, any size, made from ``schema.py``.

The real files can't be had everywhere, and few of them at all sizes. A synthetic month has the raw names
and types of its era, the rhythm of a real month, and the dirt of the real ones in known amounts.
"""

from taxi_assets.tlc.synthetic.dirt import MonthCounts, month_counts
from taxi_assets.tlc.synthetic.files import batches, write_csv_month, write_month
from taxi_assets.tlc.synthetic.published_form import published_schema

__all__ = ["MonthCounts", "batches", "month_counts", "published_schema", "write_csv_month", "write_month"]
