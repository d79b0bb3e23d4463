"""The HTTP source against a CDN that behaves: what is fetched, what is not, what is remembered."""

import hashlib
import traceback
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taxi_assets.tlc.source import (
    FACT_NAMES,
    BadFile,
    NotPublished,
    Refused,
    Source,
    SourceError,
    SourceUnavailable,
    open_source,
)
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import Fault, html, status, unavailable
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, PATH, QUICK, ZONES_PATH, parquet, zones

MODIFIED = datetime(2024, 3, 20, 14, 5, 33, tzinfo=UTC)


def test_a_month_arrives_byte_for_byte_with_its_provenance(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    etag = cdn.publish(PATH, content, MODIFIED)
    fetched = open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, tmp_path / "new")
    assert fetched is not None
    assert fetched.path == tmp_path / "new" / NAME
    assert fetched.path.read_bytes() == content
    assert pq.read_metadata(fetched.path).num_rows == 20_000
    assert set(fetched.facts) == set(FACT_NAMES)
    fetched_at = datetime.fromisoformat(fetched.facts.pop("fetched_at"))
    assert abs((datetime.now(UTC) - fetched_at).total_seconds()) < 60
    assert fetched.facts == {
        "url": f"{cdn.trip_data}/{NAME}",
        "etag": etag,
        "last_modified": "2024-03-20T14:05:33+00:00",
        "bytes": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "file_name": NAME,
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == [NAME]


def test_an_unchanged_month_is_not_downloaded_again(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    etag = cdn.publish(PATH, content)
    source = open_source(cdn.trip_data, patience=QUICK)
    first = source.fetch(GREEN, MONTH, tmp_path)
    assert first is not None
    cdn.forget_requests()
    assert source.fetch(GREEN, MONTH, tmp_path, known=first.facts) is None
    (request,) = cdn.requests()
    assert request.headers["if-none-match"] == etag
    assert (request.status, request.bytes_sent) == (304, 0)


def test_a_date_is_enough_for_a_server_without_etags(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content, MODIFIED)
    cdn.script(PATH, Fault(headers={"ETag": None}))
    source = open_source(cdn.trip_data, patience=QUICK)
    first = source.fetch(GREEN, MONTH, tmp_path)
    assert first is not None
    assert first.facts["etag"] == ""
    assert source.fetch(GREEN, MONTH, tmp_path, known=first.facts) is None
    assert cdn.requests()[-1].headers["if-modified-since"] == format_datetime(MODIFIED, usegmt=True)
    elsewhere = first.facts | {"url": "https://elsewhere.example/trip-data/" + NAME}
    source.fetch(GREEN, MONTH, tmp_path, known=elsewhere)
    assert "if-modified-since" not in cdn.requests()[-1].headers


def test_a_server_that_ignores_conditions_is_left_before_the_body(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    etag = cdn.publish(PATH, content, MODIFIED)
    source = open_source(cdn.trip_data, patience=QUICK)
    # Known without validators that the test server would act upon, so that it answers 200.
    known = {"etag": "W/" + etag, "bytes": str(len(content)), "url": "file:///elsewhere"}
    assert source.fetch(GREEN, MONTH, tmp_path, known=known) is None
    assert cdn.requests()[-1].status == 200
    assert list(tmp_path.iterdir()) == []


def test_a_republished_month_is_fetched_again(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    source = open_source(cdn.trip_data, patience=QUICK)
    first = source.fetch(GREEN, MONTH, tmp_path)
    assert first is not None
    again = parquet(seed=2, rows=20_001)
    cdn.publish(PATH, again)
    second = source.fetch(GREEN, MONTH, tmp_path, known=first.facts)
    assert second is not None
    assert second.path.read_bytes() == again
    assert second.facts["etag"] != first.facts["etag"]


@pytest.mark.parametrize("code", [403, 404])
def test_a_month_that_is_not_there_is_told_at_once_with_the_day_to_expect_it(
    cdn: Cdn, tmp_path: Path, code: int
) -> None:
    cdn.script(PATH, *status(code))
    with pytest.raises(NotPublished, match=rf"{NAME}: not published \(HTTP {code}\).* by 2024-04-16"):
        open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, tmp_path)
    assert len(cdn.requests()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_month_that_is_not_there_becomes_fetchable_when_it_is_published(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    source = open_source(cdn.trip_data, patience=QUICK)
    with pytest.raises(NotPublished):
        source.fetch(GREEN, MONTH, tmp_path)
    cdn.publish(PATH, content)
    assert source.fetch(GREEN, MONTH, tmp_path) is not None
    cdn.remove(PATH)
    with pytest.raises(NotPublished):
        source.fetch(GREEN, MONTH, tmp_path)


@pytest.mark.parametrize("code", [400, 401, 405])
def test_a_refusal_that_would_come_again_is_not_retried(cdn: Cdn, tmp_path: Path, code: int) -> None:
    cdn.publish(PATH, b"never sent")
    cdn.script(PATH, *status(code))
    with pytest.raises(Refused, match=f"HTTP {code}"):
        open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, tmp_path)
    assert len(cdn.requests()) == 1


BAD_BODIES = {
    "a page that says it is one": (html(), "HTML page"),
    "a page without a type": (Fault(body=b"\n <?xml version='1.0'?><Error/>"), "HTML or XML page"),
    "a CSV": (Fault(body=b"VendorID,lpep_pickup_datetime\n1,2024-01-01\n"), "begins with 'VendorID,lpep"),
    "nothing": (Fault(body=b""), "empty file"),
    "magics without a footer": (Fault(body=b"PAR1" + bytes(40) + b"PAR1"), "footer that can't be read"),
}


@pytest.mark.parametrize(("fault", "found"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_what_is_no_parquet_file_never_gets_its_name(
    cdn: Cdn, tmp_path: Path, fault: Fault, found: str
) -> None:
    cdn.publish(PATH, b"replaced by the fault")
    cdn.script(PATH, fault)
    with pytest.raises(BadFile, match=found):
        open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, tmp_path)
    assert len(cdn.requests()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_leaves_the_good_one_of_an_earlier_fetch(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    source = open_source(cdn.trip_data, patience=QUICK)
    source.fetch(GREEN, MONTH, tmp_path)
    cdn.script(PATH, html())
    with pytest.raises(BadFile):
        source.fetch(GREEN, MONTH, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


def test_a_look_tells_new_changed_unchanged_and_unpublished_without_a_download(
    cdn: Cdn, content: bytes
) -> None:
    source = open_source(cdn.trip_data, patience=QUICK)
    assert source.look(GREEN, MONTH).state == "unpublished"
    cdn.publish(PATH, content, MODIFIED)
    first = source.look(GREEN, MONTH)
    assert (first.state, first.facts["bytes"]) == ("new", str(len(content)))
    assert source.look(GREEN, MONTH, known=first.facts).state == "unchanged"
    cdn.publish(PATH, parquet(seed=2))
    assert source.look(GREEN, MONTH, known=first.facts).state == "changed"
    assert cdn.downloads() == []


def test_facts_of_a_fetch_are_what_a_look_compares_with(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    source = open_source(cdn.trip_data, patience=QUICK)
    fetched = source.fetch(GREEN, MONTH, tmp_path)
    assert fetched is not None
    assert source.look(GREEN, MONTH, known=fetched.facts).state == "unchanged"


def test_a_look_is_as_patient_as_a_fetch(cdn: Cdn, content: bytes) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, *status(503, times=2, on_head=True))
    assert open_source(cdn.trip_data, patience=QUICK).look(GREEN, MONTH).state == "new"
    cdn.script(PATH, *status(503, times=QUICK.attempts, on_head=True))
    with pytest.raises(SourceUnavailable, match="HTTP 503"):
        open_source(cdn.trip_data, patience=QUICK).look(GREEN, MONTH)


@pytest.mark.parametrize(
    ("base", "path"), [("/trip-data", ZONES_PATH), ("/mirror", "mirror/taxi_zone_lookup.csv")]
)
def test_zones_come_from_misc_beside_trip_data_or_from_the_base(
    cdn: Cdn, tmp_path: Path, base: str, path: str
) -> None:
    cdn.publish(path, zones())
    fetched = open_source(cdn.url + base, patience=QUICK).fetch_zones(tmp_path)
    assert fetched.path.read_bytes() == zones()
    assert fetched.facts["file_name"] == "taxi_zone_lookup.csv"


@pytest.mark.parametrize("body", [zones(264), zones().replace(b"Borough", b"Boro"), b"<html>,</html>"])
def test_a_zone_lookup_of_another_shape_is_refused(cdn: Cdn, tmp_path: Path, body: bytes) -> None:
    cdn.publish(ZONES_PATH, body)
    with pytest.raises(BadFile):
        open_source(cdn.trip_data, patience=QUICK).fetch_zones(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_zones_say_where_they_were_looked_for(cdn: Cdn, tmp_path: Path) -> None:
    with pytest.raises(NotPublished, match=ZONES_PATH):
        open_source(cdn.trip_data, patience=QUICK).fetch_zones(tmp_path)


SECRETS = ("s3cr3t", "hidden-user", "signature")


def test_credentials_reach_the_server_and_nobody_else(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    url = f"{cdn.trip_data.replace('//', '//hidden-user:s3cr3t%2F@')}?signature=abc"
    source = open_source(url, patience=QUICK)
    fetched = source.fetch(GREEN, MONTH, tmp_path)
    assert fetched is not None
    assert cdn.requests()[-1].headers["authorization"] == "Basic aGlkZGVuLXVzZXI6czNjcjN0Lw=="
    cdn.script(PATH, html(), *status(400), *unavailable(times=QUICK.attempts))
    errors = [_error_of(source, tmp_path) for _ in range(3)]
    for text in (repr(source), str(fetched.facts), *errors):
        assert not [secret for secret in SECRETS if secret in text]


def test_credentials_stay_out_of_the_error_when_nobody_listens(tmp_path: Path) -> None:
    source = open_source("http://hidden-user:s3cr3t@127.0.0.1:9/trip-data?signature=abc", patience=QUICK)
    text = _error_of(source, tmp_path)
    assert "Connection refused" in text
    assert not [secret for secret in SECRETS if secret in text]


def _error_of(source: Source, into: Path) -> str:
    """The whole traceback as text, chained exceptions included."""
    with pytest.raises(SourceError) as caught:
        source.fetch(GREEN, MONTH, into)
    chain: list[BaseException] = [caught.value]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    return "".join(traceback.format_exception(caught.value)) + "".join(map(repr, chain))


def test_a_look_at_a_known_month_is_a_conditional_request(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    etag = cdn.publish(PATH, content, MODIFIED)
    source = open_source(cdn.trip_data, patience=QUICK)
    fetched = source.fetch(GREEN, MONTH, tmp_path)
    assert fetched is not None
    found = source.look(GREEN, MONTH, known=fetched.facts)
    request = cdn.requests()[-1]
    assert (request.method, request.status) == ("HEAD", 304)
    assert request.headers["if-none-match"] == etag
    assert request.headers["if-modified-since"] == format_datetime(MODIFIED, usegmt=True)
    assert found.facts == fetched.facts | {"sha256": "", "fetched_at": ""}
    cdn.script(PATH, *status(304, on_head=True))
    assert source.look(GREEN, MONTH).state == "new"  # a 304 that nobody asked for is asked about again
