"""Names of the taxi zones, as far as the lake has them."""

from collections.abc import Mapping

from taxi_assets.targets.target import Target


def zone_names(lake: Target) -> Mapping[int, str]:
    """Zone -> its name with the borough, as three zones share one name; empty before ``zones`` was made."""
    table = lake.table_name(["zones"])
    if lake.held(table, None) is None:
        return {}
    rows = lake.read(table, columns=["location_id", "borough", "zone"]).read_all().to_pylist()
    return {row["location_id"]: f"{row['zone']}, {row['borough']}" for row in rows}
