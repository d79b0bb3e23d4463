"""What a month's page says of services in order, held back, behind, missing, without money, and hostile."""

from dataclasses import replace
from datetime import date

from taxi_assets.reports.evidence import Copy, Evidence, Verdict
from taxi_assets.tlc.services import SERVICES
from taxi_assets_tests.reports.made_up import LOADED, MONTH, month, shown

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)> {{ 7 * 7 }} {% raw %} &amp;"""


def test_a_month_in_order_is_told_in_numbers_pictures_and_origin() -> None:
    page = shown(month("yellow"), zones={132: "JFK Airport, Queens"})
    assert (
        "990 trips of 1 of 1 services, for which passengers paid 20 thousand USD; all of it adds up."
        in page.text
    )
    assert "Nothing needs a look." in page.text
    numbers = "Yellow taxi in numbers"
    assert page.row(numbers, "Trips") == ["990", "+10.0 %", "-"]
    assert page.row(numbers, "Paid a trip") == ["20.20 USD", "+81.8 %", "-"]
    assert page.row(numbers, "Tips, share of it") == ["10 %", "same", "-"]
    assert page.row(numbers, "Time a trip") == ["12.1 minutes", "+81.8 %", "-"]
    assert page.row(numbers, "Rejected rows") == ["1 %", "-9.00 points", "-"]
    sums = "From the published file"
    assert page.row(sums, "published") == ["1,000", "", ""]
    assert page.row(sums, "rejected") == [
        "10",
        "yes: published = valid + rejected, proved in rows and dollars",
        "",
    ]
    assert page.row(sums, "lake") == ["990", "yes: = valid, proved in rows and dollars", "2024-05-20 04:30"]
    assert page.row("Rejected rows by rule", "impossible duration")[0] == "9"
    assert "a dropoff clock one day late" in page.row("Rejected rows by rule", "impossible duration")[1]
    assert page.row("The busiest taxi zones", "JFK Airport, Queens") == ["700", "70.7 %"]
    assert page.row("The published file", "sha256") == ["0123456789ab…"]
    assert len(page.all("img")) == 4
    assert page.links == [
        "../../overview/overview.html",
        "../trip_month=2024-04-01/report-2024-04.html",
        "#yellow",
        "https://published.example/yellow_tripdata_2024-03.parquet",
    ]


def test_a_service_without_money_says_so_and_the_sum_leaves_it_out() -> None:
    page = shown(month("yellow"), month("fhv"), month("fhvhv"))
    assert page.row("All services", "For-hire vehicle") == ["990", "not published", "adds up in every store"]
    assert "The TLC publishes no money and no distance of this service." in page.text
    assert page.row("For-hire vehicle in numbers", "Paid a trip") == []
    assert page.row("High-volume for-hire vehicle in numbers", "Passengers paid")[0] == "20 thousand USD"
    assert "2,970 trips of 3 of 3 services, for which passengers paid 40 thousand USD" in page.text


def test_a_month_that_is_held_back_says_why_once_and_is_no_fault_of_the_targets() -> None:
    why = "200 rows, fewer than a third of 2024-02"
    verdict = Verdict("cleaned", "like_its_neighbours", False, True, f"{why}. Kept in the lake", LOADED)
    held = month("green", held_back=why, copies=(Copy("lake"), Copy("warehouse")), verdicts=(verdict,))
    page = shown(held)
    assert page.row("All services", "Green (boro) taxi")[2] == "held back"
    assert [one.text for one in page.all("li")] == [f"Green (boro) taxi: held back before the targets: {why}"]
    assert page.row("From the published file", "lake") == ["-", "held back", ""]
    assert "0 of 1 services add up" in page.text


def test_what_does_not_add_up_is_named_store_by_store() -> None:
    behind = (Copy("postgres"), Copy("lake", 990, "v0", LOADED), Copy("warehouse", 989, "v1", LOADED))
    page = shown(month("yellow", copies=behind, raw_rows=1001))
    assert page.row("All services", "Yellow taxi")[2] == "does not add up"
    assert [one.text.removeprefix("Yellow taxi: ") for one in page.all("li")] == [
        "rejected: valid and rejected rows are not the published ones",
        "postgres: never loaded",
        "lake: an earlier version",
        "warehouse: other rows or dollars than the valid ones",
    ]


def test_a_failed_proof_counts_whatever_the_rows_say_and_a_warning_is_told_after_it() -> None:
    verdicts = (
        Verdict("raw", "published_row_count", False, False, "re-published?", LOADED),
        Verdict("lake", "matches_cleaned", False, True, "off by 0.01 in tips", LOADED),
    )
    page = shown(month("yellow", verdicts=verdicts))
    assert [one.text.removeprefix("Yellow taxi: ") for one in page.all("li")] == [
        "lake: other rows or dollars than the valid ones",
        "lake: the check matches_cleaned failed: off by 0.01 in tips",
        "raw: the check published_row_count warns: re-published?",
    ]
    assert page.row("From the published file", "warehouse")[1] == "yes: = valid, by count, not proved yet"


def test_services_that_are_not_there_say_since_when_or_from_when() -> None:
    green, fhvhv = SERVICES["green"], SERVICES["fhvhv"]
    page = shown(
        Evidence(green, MONTH),
        Evidence(fhvhv, date(2018, 3, 1)),
        Evidence(SERVICES["fhv"], MONTH, {"file": "fhv_tripdata_2024-03.parquet"}),
    )
    assert "No service has trips of this month here." in page.text
    usually = "not here; usually published by 2024-06-15"
    assert page.row("All services", green.title) == ["-", "-", usually]
    assert page.row("All services", fhvhv.title) == ["-", "-", "published since 2019-02"]
    assert page.row("All services", "For-hire vehicle") == ["-", "-", "fetched, not cleaned yet"]
    assert page.all("img") == []


def test_a_month_that_was_cleaned_before_there_were_profiles_is_shown_without_what_was_not_counted() -> None:
    old = month("yellow", profile=None)
    bare = tuple(replace(one, revenue=None, tips=None, miles=None, hours=None) for one in old.history)
    page = shown(replace(old, history=bare))
    assert page.row("Yellow taxi in numbers", "Trips")[0] == "990"
    assert page.row("Yellow taxi in numbers", "Distance")[0] == "not counted"
    assert len(page.all("img")) == 2


def test_text_from_outside_is_text_wherever_it_stands() -> None:
    hostile = month(
        "yellow",
        file={"file": HOSTILE, "url": f"javascript:{HOSTILE}", "last_modified": HOSTILE, "sha256": HOSTILE},
        rule_set=HOSTILE,
        reasons={HOSTILE: 10},
        held_back=HOSTILE,
        copies=(Copy(HOSTILE, 990, "v1", LOADED),),
        verdicts=(Verdict(HOSTILE, HOSTILE, False, True, HOSTILE, LOADED),),
    )
    page = shown(hostile, zones={132: HOSTILE})
    said = " ".join(HOSTILE.split())
    assert page.text.count(said) >= 8
    assert not any(link.startswith("javascript") for link in page.links)
    assert "49" not in page.row("The published file", "File")[0]


def test_no_secret_of_the_settings_is_on_the_page_whoever_said_it() -> None:
    word = "s3cr&t<word>"
    verdict = Verdict("lake", "matches_cleaned", False, True, f"could not log in with {word}", LOADED)
    told = month("yellow", verdicts=(verdict,), file={"url": f"https://me:{word}@mirror.example/x.parquet"})
    page = shown(told, secrets=frozenset({word}))
    assert word not in page.text
    assert "could not log in with ***" in page.text
    assert not any("s3cr" in link for link in page.links)
    assert "s3cr" not in page.html


def test_a_page_is_the_same_for_the_same_evidence_and_its_version_knows_no_clock() -> None:
    first, again = month("yellow"), month("yellow")
    assert repr(first) == repr(again)
    later = tuple(replace(one, at=LOADED + 60) for one in first.verdicts)
    assert repr(replace(first, verdicts=later)) == repr(first)
    assert repr(replace(first, held_back="odd")) != repr(first)
