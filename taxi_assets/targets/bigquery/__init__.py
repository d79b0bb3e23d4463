"""BigQuery as a target: one native table per asset, partitioned by month, a month replaced in one load job.

Two ways to replace a partition, both atomic:

* ``write_truncate``, for the real service: one load job with ``WRITE_TRUNCATE`` into the partition
  decorator ``table$202401``. Free, no DML, and the service itself makes it all or nothing.
* ``transaction``, for emulators, none of which implements the decorator: load a staging table, then one
  script ``BEGIN; DELETE the month; INSERT from staging; COMMIT``.

What tests prove: the transaction against a real emulator process; the load job against a local HTTP
endpoint that answers as the REST API documents, through Google's own client. **Neither path has met the
real service.**

Values that do not come back as they went in: a null list returns as an empty one (BigQuery's arrays are
never null) and a list with a null element is refused; timestamps lie between the years 1 and 9999;
decimals of more than 38 digits after the point or of more than 38 before it do not fit. NaN,
infinities, -0.0, empty strings and empty bytes survive.
"""

from taxi_assets.targets.bigquery.target import BigQueryTarget

__all__ = ["BigQueryTarget"]
