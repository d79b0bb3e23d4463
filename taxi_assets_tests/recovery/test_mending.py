"""Each kind of loss is found, is mended by exactly the assets that lost, and is gone afterwards."""

from collections.abc import Callable, Iterator

import pytest
from dagster import AssetCheckSeverity

from taxi_assets_tests.assets.graph import TARGETS, Graph, statuses
from taxi_assets_tests.recovery import damage
from taxi_assets_tests.recovery.conftest import MONTHS
from taxi_assets_tests.recovery.damage import Damage
from taxi_assets_tests.recovery.healing import Healer, found, reconcile

FIRST, SECOND = MONTHS
BOTH = ("cleaned", "quarantined")

CASES: list[tuple[list[Damage], dict[str, str], list[tuple[str, ...]]]] = [
    ([damage.drop_postgres_partition], {"postgres": "lost"}, [("postgres",)]),
    ([damage.delete_postgres_rows], {"postgres": "other rows"}, [("postgres",)]),
    ([damage.delete_warehouse_month], {"warehouse": "lost"}, [("warehouse",)]),
    ([damage.delete_warehouse_rows], {"warehouse": "other rows"}, [("warehouse",)]),
    ([damage.delete_lake], {"lake": "lost"}, [("lake",)]),
    ([damage.lose_rows("lake")], {"lake": "other rows"}, [("lake",)]),
    ([damage.delete_cleaned], {"cleaned": "lost"}, [BOTH]),
    ([damage.lose_rows("cleaned")], {"cleaned": "other rows"}, [BOTH]),
    ([damage.delete_quarantined], {"quarantined": "lost"}, [BOTH]),
    ([damage.lose_rows("quarantined")], {"quarantined": "other rows"}, [BOTH]),
    ([damage.delete_raw], {"raw": "lost"}, [("raw",)]),
    ([damage.cut_raw], {"raw": "other version"}, [("raw",)]),
    (
        [damage.delete_raw, damage.delete_cleaned],
        {"raw": "lost", "cleaned": "lost"},
        [("raw", *BOTH)],
    ),
    (
        [damage.delete_cleaned, damage.drop_postgres_partition],
        {"cleaned": "lost", "postgres": "lost"},
        [(*BOTH, "postgres")],
    ),
    (
        [damage.delete_raw, damage.delete_lake, damage.delete_warehouse_month],
        {"raw": "lost", "lake": "lost", "warehouse": "lost"},
        [("raw",), ("lake",), ("warehouse",)],
    ),
]


def test_nothing_is_found_right_after_a_run_over_several_months(loaded: Graph) -> None:
    comparison, check = reconcile(loaded)
    assert comparison.clean
    assert check.passed
    assert check.description == "all 12 months stand as Dagster believes"
    assert Healer(loaded).look() == []


@pytest.mark.parametrize(
    ("damages", "lost", "runs"),
    CASES,
    ids=["+".join(one.__name__ for one in damages) for damages, _, _ in CASES],
)
def test_a_loss_is_found_and_mended_by_the_assets_that_lost_alone(
    loaded: Graph, damages: list[Damage], lost: dict[str, str], runs: list[tuple[str, ...]]
) -> None:
    before = loaded.targets("green", FIRST)
    for one in damages:
        one(loaded, "green", FIRST)
    comparison, check = reconcile(loaded)
    assert found(comparison) == {("green", stage, FIRST, kind) for stage, kind in lost.items()}
    assert (check.passed, check.severity) == (False, AssetCheckSeverity.ERROR)
    assert f"/green_trips {FIRST}: " in str(check.description)

    healed = Healer(loaded).heal()
    assert [one.what for one in healed] == [("green_trips", stages, (FIRST,)) for stages in runs]
    assert all(one.result.success for one in healed)
    assert reconcile(loaded)[0].clean
    assert loaded.targets("green", FIRST) == before


@pytest.mark.parametrize("drop", [damage.drop_postgres_table, damage.drop_warehouse_table])
def test_months_side_by_side_are_mended_by_one_run(loaded: Graph, drop: Damage) -> None:
    drop(loaded, "green", FIRST)
    assert {month for _, _, month, _ in found(reconcile(loaded)[0])} == set(MONTHS)
    (healed,) = Healer(loaded).heal()
    assert healed.what[2] == MONTHS
    assert len(healed.materialized) == 2
    assert reconcile(loaded)[0].clean


@pytest.fixture
def republished(loaded: Graph) -> Iterator[Callable[[], None]]:
    """Publishes other trips and fetches the first month; afterwards the old ones are back."""
    source = loaded.source_url

    def publish() -> None:
        loaded.source_url = "synthetic?rows=310&seed=2"
        assert loaded.run("green", FIRST, only=["raw"]).success

    yield publish
    loaded.source_url = source
    assert loaded.run("green", *MONTHS).success


def test_another_file_is_carried_on_comparison_by_comparison(
    loaded: Graph, republished: Callable[[], None]
) -> None:
    republished()
    healer = Healer(loaded)
    assert found(reconcile(loaded)[0]) == {("green", "cleaned", FIRST, "other version")}
    assert [one.what[1] for one in healer.heal()] == [BOTH]
    behind = found(reconcile(loaded)[0])
    assert {(stage, month) for _, stage, month, _ in behind} == {(target, FIRST) for target in TARGETS}
    assert [one.what[1] for one in healer.heal()] == [(target,) for target in TARGETS]
    assert reconcile(loaded)[0].clean
    assert loaded.targets("green", FIRST) == dict.fromkeys(
        TARGETS, loaded.lake_rows("cleaned", "green", FIRST)
    )


def test_a_target_that_is_of_other_rules_than_cleaned_follows_it(loaded: Graph) -> None:
    course = {"ops": {"clean_green_trips": {"config": {"rule_set": "course"}}}}
    assert loaded.run("green", FIRST, only=BOTH, config=course).success
    behind = found(reconcile(loaded)[0])
    assert {(stage, month) for _, stage, month, _ in behind} == {(target, FIRST) for target in TARGETS}
    healed = Healer(loaded).heal()
    assert {statuses(one.result, one.what[1][0])[FIRST] for one in healed} == {"replaced"}
    assert reconcile(loaded)[0].clean
    assert loaded.run("green", FIRST).success
