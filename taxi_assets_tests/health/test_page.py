"""Whatever is wrong, the page is short, the most urgent first, readable, and tells no secret."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from taxi_assets.health.facts import Facts, Failed, FailedCheck, ServiceFacts, Trail
from taxi_assets.health.finding import Urgency
from taxi_assets.health.findings import findings
from taxi_assets.health.page import MOST_LINES, page
from taxi_assets.recovery.believed import Record
from taxi_assets.recovery.compared import Compared
from taxi_assets.recovery.difference import Comparison, Difference, Kind
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, ServiceName
from taxi_assets_tests.assets.graph import TARGETS, months

NOW = datetime(2024, 9, 20, 12, tzinfo=UTC)
SECRET = "hid*den_w[or]d"
SETTINGS = Settings.from_environment(
    {
        "TAXI_HOME": "/nowhere",
        "TAXI_POSTGRES_URL": f"postgresql://me:{SECRET.replace('[', '%5B').replace(']', '%5D')}@host/db",
        "TAXI_ALERT_URLS": "json://s3cr3t",
        "TAXI_UI_URL": "https://dagster.example.com",
    }
)
STAGES = ("raw", "cleaned", "quarantined", *TARGETS)
KEYS = months("2023-01", "2024-06")


def record(version: str = "v1", at: float = 0.0) -> Record:
    return Record(10, {"version": version, "sha256": "s1"}, at)


def service(name: ServiceName, held: list[str] | None = None) -> ServiceFacts:
    """A service of which some months are held, everywhere alike."""
    kept = KEYS if held is None else held
    return ServiceFacts(
        service=SERVICES[name],
        months=KEYS,
        records={stage: {month: record() for month in kept} for stage in STAGES},
    )


def well() -> Facts:
    """An installation in which nothing is wrong."""
    return Facts(
        at=NOW,
        services={name: service(name) for name in SERVICES},
        targets=TARGETS,
        compared=Compared(NOW.timestamp() - 3600, 432, Comparison()),
        trail=Trail(["postgres of green 2024-06, 10 rows"]),
    )


def told(facts: Facts) -> list[str]:
    """The page's lines."""
    return page(facts, SETTINGS).splitlines()


def with_green(**changes: object) -> Facts:
    """All is well, but for green."""
    facts = well()
    return replace(
        facts,
        services={**facts.services, "green": replace(facts.services["green"], **changes)},  # type: ignore[arg-type]
    )


def without(stage: str, *missing: str, version: str = "") -> Facts:
    """All is well, but green lacks months of a stage, or has them in another version."""
    records = {one: dict(known) for one, known in well().services["green"].records.items()}
    for month in missing:
        del records[stage][month]
        if version:
            records[stage][month] = record(version)
    return with_green(records=records)


def test_a_healthy_installation_says_so_in_one_line_and_then_what_it_holds() -> None:
    first, *rest = told(well())
    assert first == "**All is well**, at 2024-09-20 12:00 UTC."
    assert rest[1] == (
        "- green: 18 months, 2023-01 to 2024-06; the newest ended 81 days ago; "
        "2024-07 is expected by 2024-10-15"
    )
    assert rest[4] == "- stores compared at 2024-09-20 11:00 UTC: 432 months of tables, all as believed"
    assert rest[5:] == ["- stored postgres of green 2024-06, 10 rows"]


def test_an_installation_that_holds_nothing_is_not_blamed_for_it() -> None:
    empty = replace(well(), services={name: service(name, []) for name in SERVICES}, compared=None)
    first, *rest = told(empty)
    assert first.startswith("**Nothing is loaded yet**")
    assert rest[0] == "- yellow: no month is held"


CASES: dict[str, tuple[Facts, str]] = {
    "a failed month": (
        with_green(failed={"postgres": Failed(frozenset(["2024-01", "2024-02"]), "disk\nfull")}),
        "**urgent** [postgres/green_trips](https://dagster.example.com/assets/postgres/green_trips"
        "?view=partitions) 2024-01 to 2024-02: failed; the older version still stands (“disk full”).",
    ),
    "a month held back": (
        with_green(held_back=frozenset(["2024-03"]), held_back_why="3 times more rows"),
        "**urgent** [cleaned/green_trips](https://dagster.example.com/assets/cleaned/green_trips"
        "?view=partitions&partition=2024-03) 2024-03: waiting for a person, no target gets it "
        "(“3 times more rows”). If it is right: `taxi-assets load green 2024-03 --accept`.",
    ),
    "a target that lacks a month": (
        without("lake", "2023-05"),
        "**to look at** [lake/green_trips](https://dagster.example.com/assets/lake/green_trips"
        "?view=partitions&partition=2023-05) 2023-05: missing, and cleaned is there. Materialize",
    ),
    "a stale target": (
        without("lake", "2023-05", "2023-06", version="v0"),
        "2023-05 to 2023-06: stale, made of another version than cleaned has now. Materialize",
    ),
    "a gap": (
        with_green(records=service("green", [month for month in KEYS if month != "2023-07"]).records),
        "2023-07: missing between months that are held. Backfill",
    ),
    "a month that is late": (
        replace(with_green(records=service("green", KEYS[:-1]).records), at=NOW),
        "2024-06: late, it was expected by 2024-09-14.",
    ),
    "an overdue month": (
        with_green(records=service("green", KEYS[:-3]).records),
        "**urgent** [raw/green_trips](https://dagster.example.com/assets/raw/green_trips): overdue, 2024-05 "
        "should be out for sure, the newest month held is 2024-03.",
    ),
    "other rules": (
        with_green(outdated=frozenset(KEYS)),
        "**to know** [cleaned/green_trips](https://dagster.example.com/assets/cleaned/green_trips"
        "?view=partitions) 2023-01 to 2024-06: cleaned by other rules",
    ),
    "a failed check": (
        replace(well(), checks=[FailedCheck("zones", "has_all", frozenset(), True, "264 zones")]),
        "**urgent** [zones](https://dagster.example.com/assets/zones): the check has_all fails (“264",
    ),
    "a warning": (
        replace(well(), checks=[FailedCheck("raw/fhv_trips", "rows", frozenset(["2023-02"]), False, "few")]),
        "2023-02: the check rows fails (“few”). A warning, which stops nothing.",
    ),
    "a lost month": (
        replace(
            well(),
            compared=Compared(9.0, 1, Comparison([Difference("fhv", "lake", "2023-02", Kind.LOST)])),
        ),
        "**urgent** [lake/fhv_trips](https://dagster.example.com/assets/lake/fhv_trips?view=partitions"
        "&partition=2023-02) 2023-02: lost in the store.",
    ),
    "a store that is silent": (
        replace(well(), compared=Compared(9.0, 1, Comparison(unanswered={"fhv/lake": "denied"}))),
        "**urgent** [reconciliation](https://dagster.example.com/assets/reconciliation): no answer "
        "for fhv/lake (“denied”).",
    ),
    "an old comparison": (
        replace(well(), compared=Compared(9.0, 1, Comparison())),
        "the stores were not compared for longer than a night. Is the daemon up",
    ),
    "no comparison": (replace(well(), compared=None), "the stores were never compared."),
    "Postgres away": (
        replace(well(), trail=Trail(away="connection refused")),
        "**urgent** [audit_trail](https://dagster.example.com/assets/audit_trail): can't be read, Postgres "
        "does not answer (“connection refused”). Run `taxi-assets doctor`.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_trouble_is_a_line_that_a_person_can_act_on(case: str) -> None:
    facts, expected = CASES[case]
    lines = told(facts)
    assert expected in lines[1], lines
    assert lines[0].startswith("**All is well**") == ("to know" in lines[1])


def test_postgres_switched_off_is_told_and_no_trouble() -> None:
    assert told(replace(well(), trail=None))[-1] == "- no audit trail, as Postgres is switched off"
    assert findings(replace(well(), trail=None)) == []


def test_a_cause_is_told_once_and_not_again_with_what_follows_from_it() -> None:
    month = frozenset(["2024-03"])
    held_back = with_green(
        held_back=month,
        failed={target: Failed(month) for target in TARGETS},
        records=service("green").records,
    )
    assert [one.asset for one in findings(held_back)] == ["cleaned/green_trips"]
    blocked = replace(
        with_green(failed={target: Failed(month) for target in TARGETS}),
        checks=[FailedCheck("cleaned/green_trips", "conserves", month)],
    )
    assert [one.says for one in findings(blocked)] == ["the check conserves fails"]
    busy = replace(
        without("lake", "2024-03"),
        services={
            **well().services,
            "green": replace(without("lake", "2024-03").services["green"], busy=month),
        },
    )
    assert findings(busy) == []
    assert "- under way: green 2024-03" in told(busy)


def test_what_was_stored_again_since_the_comparison_is_lost_no_more() -> None:
    lost = Compared(NOW.timestamp() - 60, 1, Comparison([Difference("fhv", "lake", "2023-02", Kind.LOST)]))
    facts = replace(well(), compared=lost)
    assert [one.says for one in findings(facts)] == ["lost in the store"]
    facts.services["fhv"].records["lake"]["2023-02"] = record(at=NOW.timestamp())  # type: ignore[index]
    assert findings(facts) == []


words = st.text(max_size=20) | st.sampled_from(
    [SECRET, f"{'x' * 155}{SECRET}", f"no\n{SECRET}*", "\u2028\x85\x1c|", "y" * 999]
)
spans = st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).map(
    lambda ends: frozenset(KEYS[KEYS.index(min(ends)) : KEYS.index(max(ends)) + 1])
)
some = spans | st.just(frozenset(KEYS[::2]))
records = st.fixed_dictionaries(
    {},
    optional={
        stage: st.builds(
            lambda months, version: {month: record(version) for month in sorted(months)},
            some,
            st.sampled_from(["v1", "v2"]),
        )
        for stage in STAGES
    },
)
services = st.builds(
    ServiceFacts,
    service=st.sampled_from(list(SERVICES.values())),
    months=st.just(KEYS),
    records=records,
    failed=st.dictionaries(st.sampled_from(STAGES), st.builds(Failed, some, words)),
    busy=st.just(frozenset[str]()) | some,
    held_back=st.just(frozenset[str]()) | some,
    held_back_why=words,
    outdated=st.just(frozenset[str]()) | some,
)
differences = st.builds(
    Difference,
    st.sampled_from(list(SERVICES)),
    st.sampled_from(STAGES),
    st.sampled_from(KEYS),
    st.sampled_from(list(Kind)),
)
comparisons = st.builds(
    Comparison,
    st.lists(differences, max_size=8),
    st.dictionaries(st.sampled_from(["green/lake", "fhv/postgres"]), words),
)
troubled = st.builds(
    Facts,
    at=st.just(NOW),
    services=st.lists(services, min_size=1, max_size=4).map(
        lambda found: {one.service.name: one for one in found}
    ),
    targets=st.just(TARGETS),
    checks=st.lists(
        st.builds(
            FailedCheck,
            st.sampled_from(["zones", "raw/fhv_trips"]),
            st.just("check"),
            some,
            st.booleans(),
            words,
        ),
        max_size=15,
    ),
    compared=st.none() | st.builds(Compared, st.floats(0, NOW.timestamp()), st.integers(0, 999), comparisons),
    trail=st.none() | st.builds(Trail, st.lists(words, max_size=3), words),
)


@hypothesis_settings(max_examples=40, deadline=None, phases=[Phase.generate])  # shrinking takes minutes
@given(troubled)
def test_whatever_is_wrong_the_page_is_short_and_sorted_and_keeps_its_secrets(facts: Facts) -> None:
    text = page(facts, SETTINGS)
    lines = text.splitlines()
    assert len(lines) <= MOST_LINES
    assert SECRET not in text.replace("\\", "")
    names = ["**urgent**", "**to look at**", "**to know**"]
    marks = [names.index(mark[1]) for line in lines if (mark := re.match(r"- (\*\*[a-z ]+\*\*) \[", line))]
    assert marks == sorted(marks)
    found = findings(facts)
    more = sum(int(one[1]) for line in lines if (one := re.match(r"- and (\d+) more", line)))
    assert len(marks) + more == len(found)
    assert all(line.startswith(("**", "- ")) for line in lines)
    urgent = sum(one.urgency == Urgency.URGENT for one in found)
    assert (f"{urgent} urgent" in lines[0]) == bool(urgent)


def test_an_error_can_neither_end_its_line_nor_draw_on_the_page(tmp_path: Path) -> None:
    why = "a\u2028b\x85c\v<img src=x> **loud** [link](http://evil) `code`"
    (line,) = [
        line for line in told(with_green(failed={"raw": Failed(frozenset(KEYS), why)})) if "evil" in line
    ]
    assert r"a b c \<img src=x\> \*\*loud\*\* \[link\](http://evil) \`code\`" in line
