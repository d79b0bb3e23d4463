"""What the sensor asks for, how often, and when it leaves a difference to people; it needs no store."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization, DefaultScheduleStatus, DefaultSensorStatus, MetadataValue

from taxi_assets.health.asset import HEALTH
from taxi_assets.recovery import heal
from taxi_assets.recovery.difference import Comparison, Difference, Kind
from taxi_assets.recovery.reconciliation import COMPARISON, RECONCILIATION
from taxi_assets_tests.assets.graph import Graph, months
from taxi_assets_tests.recovery.healing import Healer, asked

TWO_YEARS = months("2021-01", "2022-12")


@pytest.fixture
def healer(tmp_path: Path) -> Iterator[Healer]:
    """A sensor over no stores at all."""
    graph = Graph(tmp_path / "home", "postgresql://nobody@127.0.0.1:1/none")
    with graph.instance:
        yield Healer(graph)


def tell(healer: Healer, *differences: Difference, unanswered: Sequence[str] = ()) -> None:
    """Record a comparison as the asset would."""
    comparison = Comparison(differences, dict.fromkeys(unanswered, "no answer"))
    metadata = {COMPARISON: MetadataValue.json(comparison.to_json())}
    healer.graph.instance.report_runless_asset_event(AssetMaterialization(RECONCILIATION, metadata=metadata))


def lost(stage: str, *keys: str, service: str = "green") -> list[Difference]:
    return [Difference(service, stage, key, Kind.LOST) for key in keys]  # type: ignore[arg-type]


def test_the_sensor_runs_from_the_start_and_waits_for_a_comparison(healer: Healer) -> None:
    sensor = healer.graph.definitions.resolve_sensor_def("heal")
    assert sensor.default_status == DefaultSensorStatus.RUNNING
    assert "nothing was compared yet" in str(healer.tick().skip_message)


def test_everything_is_compared_every_night_from_the_start(healer: Healer) -> None:
    schedule = healer.graph.definitions.resolve_schedule_def("reconcile_nightly")
    assert schedule.default_status == DefaultScheduleStatus.RUNNING
    assert (schedule.job_name, schedule.cron_schedule) == ("reconcile", "30 4 * * *")


@pytest.mark.parametrize("targets", ["postgres", "lake"])
def test_health_and_the_shown_audit_trail_if_there_is_one_are_renewed_with_the_comparison(
    healer: Healer, targets: str
) -> None:
    healer.graph.variables = {"TAXI_TARGETS": targets}
    job = healer.graph.definitions.resolve_job_def("reconcile")
    shown = {AssetKey("audit_trail")} if targets == "postgres" else set()
    assert job.asset_layer.executable_asset_keys == {RECONCILIATION, HEALTH, *shown}


def test_a_run_takes_months_without_a_gap_and_no_more_than_its_service_may(healer: Healer) -> None:
    tell(
        healer,
        *lost("postgres", *TWO_YEARS[:8], *TWO_YEARS[12:14], service="yellow"),
        *lost("lake", *TWO_YEARS),
    )
    assert [asked(one) for one in healer.look()] == [
        ("green_trips", ("lake",), tuple(TWO_YEARS)),
        ("yellow_trips", ("postgres",), tuple(TWO_YEARS[:6])),
        ("yellow_trips", ("postgres",), tuple(TWO_YEARS[6:8])),
        ("yellow_trips", ("postgres",), tuple(TWO_YEARS[12:14])),
    ]


def test_what_is_mended_goes_before_a_backfill_as_what_was_published_anew(healer: Healer) -> None:
    tell(healer, *lost("postgres", *TWO_YEARS[:2]), *lost("raw", TWO_YEARS[5]))
    assert {one.tags["dagster/priority"] for one in healer.look()} == {"5"}


def test_months_that_need_other_assets_are_runs_of_their_own(healer: Healer) -> None:
    tell(
        healer, *lost("cleaned", *TWO_YEARS[:3]), *lost("raw", TWO_YEARS[1]), *lost("warehouse", TWO_YEARS[2])
    )
    assert [asked(one)[1:] for one in healer.look()] == [
        (("raw", "cleaned", "quarantined"), (TWO_YEARS[1],)),
        (("cleaned", "quarantined"), (TWO_YEARS[0],)),
        (("cleaned", "quarantined", "warehouse"), (TWO_YEARS[2],)),
    ]


def test_a_look_that_is_repeated_asks_for_the_same_runs(healer: Healer) -> None:
    tell(healer, *lost("raw", *TWO_YEARS[::2]))
    keys = [one.run_key for one in healer.look()]
    assert len(set(keys)) == len(keys) == 12
    assert healer.look() == []
    healer.cursor = None  # as after a tick whose cursor was lost
    assert [one.run_key for one in healer.look()] == keys


def test_more_runs_than_a_look_may_ask_for_follow_at_the_next(
    healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heal, "MOST_RUNS", 5)
    tell(healer, *lost("raw", *TWO_YEARS[::2]))
    looks = [[asked(one)[2] for one in healer.look()] for _ in range(4)]
    assert [len(one) for one in looks] == [5, 5, 2, 0]
    assert [month for look in looks for (month,) in look] == TWO_YEARS[::2]


@pytest.mark.parametrize(
    ("differences", "unanswered"),
    [
        (lost("postgres", "2022-01"), ["green/cleaned"]),
        (lost("cleaned", "2022-01"), ["green/raw"]),
        (lost("cleaned", "2022-01"), ["green/quarantined"]),
        ([Difference("green", "lake", "2022-01", Kind.UNRECORDED)], []),
    ],
)
def test_nothing_is_asked_for_whose_upstream_nobody_knows_or_that_only_dagster_lacks(
    healer: Healer, differences: list[Difference], unanswered: list[str]
) -> None:
    tell(healer, *differences, unanswered=unanswered)
    assert healer.look() == []


def test_what_two_runs_did_not_mend_is_left_to_people_who_are_told_once(
    healer: Healer, capfd: pytest.CaptureFixture[str]
) -> None:
    stubborn, said = [*lost("postgres", "2022-01"), *lost("cleaned", "2022-02")], []
    for _ in range(4):
        tell(healer, *stubborn, *lost("postgres", "2022-02"))
        stages = [asked(one)[1] for one in healer.look()]
        said.append((len(stages), capfd.readouterr().err.count("is still wrong (lost)")))
    assert said == [(2, 0), (2, 0), (0, 3), (0, 0)]

    tell(healer, *lost("lake", "2022-01"))  # somebody mended it
    assert [asked(one)[1] for one in healer.look()] == [("lake",)]
    tell(healer, *lost("postgres", "2022-01"))
    assert [asked(one)[1] for one in healer.look()] == [("postgres",)], "a new loss, not the old one"


def test_attempts_are_not_forgotten_because_a_store_was_silent(healer: Healer) -> None:
    for unanswered in ([], ["green/postgres"], [], ["green/postgres"]):
        tell(healer, *([] if unanswered else lost("postgres", "2022-01")), unanswered=unanswered)
        healer.look()
    tell(healer, *lost("postgres", "2022-01"))
    assert healer.look() == []
