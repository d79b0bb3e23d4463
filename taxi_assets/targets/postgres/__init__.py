"""Tables in Postgres whose months are replaced whole: ``PostgresTarget``."""

from taxi_assets.targets.postgres.target import PostgresTarget

__all__ = ["PostgresTarget"]
