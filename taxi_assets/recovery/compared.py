"""What the stores were found to be when they were last compared: the newest ``reconciliation``, read back."""

from dataclasses import dataclass

from dagster import DagsterInstance

from taxi_assets.recovery.difference import Comparison
from taxi_assets.recovery.reconciliation import COMPARISON, RECONCILIATION


@dataclass(frozen=True)
class Compared:
    """The newest comparison of the stores with Dagster's records.

    Attributes:
        at: When, in seconds since 1970.
        months: How many months of tables it looked at.
        found: What it found.
        number: Storage id of its record, which grows from one comparison to the next.
        run_id: The run that compared.
    """

    at: float
    months: int
    found: Comparison
    number: int = 0
    run_id: str = ""


def newest_comparison(instance: DagsterInstance) -> Compared | None:
    """The newest comparison, if there is any."""
    for record in instance.fetch_materializations(RECONCILIATION, limit=1).records:
        materialization = record.asset_materialization
        told = materialization.metadata if materialization else {}
        values = {name: one.value for name, one in told.items()}
        if isinstance(found := values.get(COMPARISON), dict):
            months = int(str(values.get("months", 0)))
            comparison = Comparison.from_json(found)
            return Compared(record.timestamp, months, comparison, record.storage_id, record.run_id)
    return None
