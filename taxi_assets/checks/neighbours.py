"""The gate's verdict on every cleaned month, for people to see."""

from collections.abc import Mapping
from statistics import median

from dagster import (
    AssetCheckExecutionContext,
    AssetChecksDefinition,
    AssetCheckSeverity,
    ResourceParam,
    asset_check,
)

from taxi_assets.assets.common import monthly_partitions, trips_key
from taxi_assets.assets.gate import ACCEPTED, CHECK, JUDGED, Gate, Judgement
from taxi_assets.checks.by_month import Events, Verdict, by_month
from taxi_assets.targets.target import Target
from taxi_assets.tlc.services import Service, parse_month

_DESCRIPTION = """\
Rows, and the share of rejected ones, are like those of the months around. A month that is not waits in
the lake until a person lets it through: resource gate, accept, in the run's config."""


def neighbours_check(service: Service) -> AssetChecksDefinition:
    """The gate's verdict for people to see; it stops a run of one month, see ``gate.py``."""
    cleaned, quarantined = (trips_key(stage, service) for stage in ("cleaned", "quarantined"))

    @asset_check(
        asset=cleaned,
        name=CHECK,
        additional_deps=[quarantined],
        blocking=True,
        description=_DESCRIPTION,
        partitions_def=monthly_partitions(service),
    )
    def like_its_neighbours(
        context: AssetCheckExecutionContext, gate: Gate, lake: ResourceParam[Target]
    ) -> Events:
        judge_of = gate.at(service, lake, context.instance)

        def judge(month_key: str) -> Verdict:
            found = judge_of.judge(parse_month(month_key))
            sizes = _sizes(found)
            if not found.unlike:
                return Verdict(True, "like the months around it", sizes)
            unlike = "; ".join(found.unlike)
            if found.accepted:
                words = f"let through by {found.accepted}: {unlike}"
                return Verdict(True, words, {**sizes, ACCEPTED: found.version})
            config = f'resources: {{gate: {{config: {{accept: ["{month_key}"]}}}}}}'
            return Verdict(
                False,
                f"{unlike}. Kept in the lake, not stored in the targets",
                {**sizes, "to_let_it_through": config, JUDGED: found.version},
            )

        # The targets hold back what is odd month by month: the others of the run need not wait for it.
        yield from by_month(context, cleaned, CHECK, judge, AssetCheckSeverity.ERROR, stops_all=False)

    return like_its_neighbours


def _sizes(found: Judgement) -> Mapping[str, int | float]:
    """The numbers that were compared."""
    if found.rows is None:
        return {}
    around = {"median_rows_around": round(median(found.around))} if found.around else {}
    return {
        "rows": found.rows,
        "quarantined_share": round(found.rejected_share, 6),
        "months_around": len(found.around),
        **around,
    }
