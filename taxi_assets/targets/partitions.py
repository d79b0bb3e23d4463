"""From Dagster's partition keys to the dates that targets store under."""

from datetime import date

from dagster import InputContext, OutputContext, TimeWindowPartitionsDefinition

from taxi_assets.targets.target import TargetError


def partition_date(context: InputContext | OutputContext, key: str) -> date:
    """First day of a time partition, whatever the format of its key.

    Raises:
        TargetError: The asset isn't partitioned by time.
    """
    definition = context.asset_partitions_def
    if not isinstance(definition, TimeWindowPartitionsDefinition):
        raise TargetError(
            f"{context.asset_key.to_user_string()} needs partitions by time, it has {definition}."
        )
    return definition.time_window_for_partition_key(key).start.date()
