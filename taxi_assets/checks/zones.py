"""The zones are what every trip is joined with: one row for each id, and text where the TLC says ``N/A``."""

import pyarrow as pa
import pyarrow.compute as pc
from dagster import AssetCheckResult, AssetChecksDefinition, asset_check

from taxi_assets.tlc.profile import ZONES

FIRST, LAST = 1, ZONES

UNKNOWN = {
    264: {"borough": "Unknown", "zone": "N/A", "service_zone": "N/A"},
    265: {"borough": "N/A", "zone": "Outside of NYC", "service_zone": "N/A"},
}
"""The two ids that are no zone, as the TLC publishes them."""


def zone_checks() -> list[AssetChecksDefinition]:
    """Every check of the lookup; its copies wait for the blocking one."""

    @asset_check(
        asset="zones",
        blocking=True,
        description="Every id from 1 to 265 once: a join neither loses trips nor doubles them.",
    )
    def ids_are_complete(zones: pa.Table) -> AssetCheckResult:
        ids = zones["location_id"].to_pylist()
        wanted = set(range(FIRST, LAST + 1))
        found = {
            "missing": sorted(wanted - set(ids)),
            "unknown": sorted(str(one) for one in set(ids) - wanted),
            "twice": sorted(str(one) for one in set(ids) if ids.count(one) > 1),
        }
        return AssetCheckResult(
            passed=not any(found.values()),
            description=f"{len(ids)} rows with ids {FIRST} to {LAST}, each once"
            if not any(found.values())
            else ", ".join(f"{what}: {which}" for what, which in found.items() if which),
            metadata={"rows": len(ids)},
        )

    @asset_check(
        asset="zones",
        description="No null and no empty text; 264 and 265, which are no zones, say so in the TLC's words.",
    )
    def unknown_is_text(zones: pa.Table) -> AssetCheckResult:
        wrong = [
            f"{name} is empty in {count} rows"
            for name in ("borough", "zone", "service_zone")
            if (count := pc.sum(pc.equal(pc.fill_null(zones[name], ""), "")).as_py())
        ]
        for row in zones.to_pylist():
            wanted = UNKNOWN.get(row["location_id"], {})
            wrong += [
                f"{row['location_id']}: {name} is {row[name]!r}, expected {text!r}"
                for name, text in wanted.items()
                if row[name] != text
            ]
        return AssetCheckResult(passed=not wrong, description="; ".join(wrong) or "as published since 2022")

    return [ids_are_complete, unknown_is_text]
