"""The audit trail: who replaced which month, when, by which published file; ``taxi_audit.loads`` in Postgres.

Stores know what stands in them now. The trail knows what stood there before, and who changed it.
"""

from taxi_assets.audit.journal import PostgresJournal

__all__ = ["PostgresJournal"]
