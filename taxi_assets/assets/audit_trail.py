"""``audit_trail``: the newest entries of the audit trail, to be read in the UI."""

from dagster import (
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableColumn,
    TableSchema,
    asset,
)

from taxi_assets.assets.common import OPERATIONS, OWNERS, retry_policy
from taxi_assets.audit import PostgresJournal
from taxi_assets.audit.table import COLUMNS
from taxi_assets.audit.trail import count, for_the_ui, newest
from taxi_assets.settings import Settings
from taxi_assets.targets.failures import refusals

_SCHEMA = TableSchema([TableColumn(one.name, one.type.split(" ")[0], one.meaning) for one in COLUMNS])


def audit_assets(settings: Settings) -> list[AssetsDefinition]:
    """The asset that shows the trail; none where Postgres is switched off, and the trail with it."""
    if "postgres" not in settings.targets:
        return []

    @asset(
        key="audit_trail",
        description="Who replaced which month, when, by which published file: the newest entries.",
        retry_policy=retry_policy(settings),
        group_name=OPERATIONS,
        owners=OWNERS,
        kinds={"postgres"},
        code_version="1",
        metadata={"dagster/column_schema": _SCHEMA},
    )
    def audit_trail(journal: ResourceParam[PostgresJournal]) -> MaterializeResult[None]:
        with refusals(), journal.connect() as connection:
            loads = newest(connection, journal.schema_name)
            entries = count(connection, journal.schema_name)
        last = {"last_entry": MetadataValue.timestamp(loads[0].recorded)} if loads else {}
        return MaterializeResult(
            metadata={
                "dagster/row_count": entries,
                "dagster/table_name": f"{journal.schema_name}.loads",
                "dagster/storage_kind": "postgres",
                **last,
                "newest": MetadataValue.md(for_the_ui(loads)),
            }
        )

    return [audit_trail]
