"""Downloads that break off: what is resumed, what starts over, what is given up, and that bytes never mix."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxi_assets.tlc.source import (
    BadFile,
    Published,
    Source,
    SourceError,
    SourceUnavailable,
    TruncatedFile,
    open_source,
)
from taxi_assets.tlc.source.patience import parse_retry_after
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import (
    Fault,
    cut,
    html,
    republished,
    slow,
    stalled,
    status,
    unavailable,
    wrong_length,
)
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, PATH, QUICK, parquet

OTHER = parquet(seed=2, rows=15_000)


def fetch(cdn: Cdn, into: Path) -> dict[str, str]:
    """Fetch the month, check the bytes against the facts, and return those."""
    fetched = open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, into)
    assert fetched is not None
    body = fetched.path.read_bytes()
    assert fetched.facts["sha256"] == hashlib.sha256(body).hexdigest()
    assert fetched.facts["bytes"] == str(len(body))
    assert [path.name for path in into.iterdir()] == [NAME]
    return fetched.facts


def test_a_cut_download_resumes_where_it_ended(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    etag = cdn.publish(PATH, content)
    cdn.script(PATH, cut(100_000), cut(30_000))
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    first, second, third = cdn.downloads()
    assert "range" not in first.headers
    assert (second.status, second.headers["range"]) == (206, "bytes=99999-")
    assert (third.status, third.headers["range"]) == (206, "bytes=129998-")
    assert {second.headers["if-range"], third.headers["if-range"]} == {etag}
    sent = sum(request.bytes_sent for request in cdn.downloads())
    assert sent == len(content) + 2  # each resumption asks for one byte again, and for nothing else


FETCHER = """
import sys
from pathlib import Path
from taxi_assets.tlc.services import SERVICES, parse_month
from taxi_assets.tlc.source import open_source
open_source(sys.argv[1]).fetch(SERVICES["green"], parse_month("2024-01"), Path(sys.argv[2]))
"""


def test_a_process_killed_in_the_middle_is_continued_by_the_next(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, slow(20_000, pause=0.2))
    part = tmp_path / f"{NAME}.part"
    with subprocess.Popen([sys.executable, "-c", FETCHER, cdn.trip_data, str(tmp_path)]) as fetcher:
        deadline = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        fetcher.kill()
    left = part.stat().st_size
    assert 0 < left < len(content)
    assert not (tmp_path / NAME).exists()
    cdn.forget_requests()
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert [request.headers["range"] for request in cdn.downloads()] == [f"bytes={left - 1}-"]


def test_what_a_killed_process_left_is_taken_up(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    etag = cdn.publish(PATH, content)
    (tmp_path / f"{NAME}.part").write_bytes(content[:50_000])
    (tmp_path / f"{NAME}.part.etag").write_text(etag)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    (request,) = cdn.downloads()
    assert request.bytes_sent == len(content) - 49_999


def test_a_part_that_was_complete_costs_one_byte(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    etag = cdn.publish(PATH, content)
    (tmp_path / f"{NAME}.part").write_bytes(content)
    (tmp_path / f"{NAME}.part.etag").write_text(etag)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert [request.bytes_sent for request in cdn.downloads()] == [1]


@pytest.mark.parametrize("etag", ['"of-another-version"', None])
def test_a_part_of_another_or_unknown_version_is_thrown_away(
    cdn: Cdn, content: bytes, tmp_path: Path, etag: str | None
) -> None:
    cdn.publish(PATH, content)
    (tmp_path / f"{NAME}.part").write_bytes(b"x" * 50_000)
    if etag is not None:
        (tmp_path / f"{NAME}.part.etag").write_text(etag)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


def test_a_run_that_gave_up_leaves_its_bytes_to_the_next(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, cut(100_000), *unavailable(times=QUICK.attempts - 1))
    with pytest.raises(SourceUnavailable, match=r"given up after 6 attempts.*HTTP 503"):
        open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, tmp_path)
    assert not (tmp_path / NAME).exists()
    cdn.forget_requests()
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert [request.status for request in cdn.downloads()] == [206]


def test_a_month_republished_in_the_middle_starts_over(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, republished(OTHER, after=90_000))
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == OTHER
    assert [request.status for request in cdn.downloads()] == [200, 200]


def test_a_server_that_ignores_if_range_does_not_mix_versions(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    cdn.publish(PATH, content)
    rest = Fault(
        status=206,
        body=OTHER[89_999:],
        headers={"ETag": '"other"', "Content-Range": f"bytes 89999-{len(OTHER) - 1}/{len(OTHER)}"},
    )
    cdn.script(PATH, republished(OTHER, after=90_000), rest)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == OTHER


WRONG_RANGES = {
    "another start": Fault(status=206, body=b"x" * 10, headers={"Content-Range": "bytes 5-14/160000"}),
    "no range told": Fault(status=206, body=b"x" * 10),
    "the whole file": Fault(ignores_ranges=True),
    "not satisfiable": Fault(status=416, headers={"Content-Range": "bytes */7"}),
}


@pytest.mark.parametrize("fault", WRONG_RANGES.values(), ids=WRONG_RANGES)
def test_a_wrong_answer_to_a_range_starts_over(
    cdn: Cdn, content: bytes, tmp_path: Path, fault: Fault
) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, cut(100_000), fault)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


def test_a_server_that_gives_less_than_the_range_is_asked_for_the_rest(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    cdn.publish(PATH, content)
    piece = Fault(
        status=206,
        body=content[99_999:120_000],
        headers={"Content-Range": f"bytes 99999-119999/{len(content)}"},
    )
    cdn.script(PATH, cut(100_000), piece)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert cdn.downloads()[-1].headers["range"] == "bytes=119999-"


def test_without_a_strong_etag_a_cut_download_starts_over(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    weak = Fault(headers={"ETag": 'W/"1"'}, stop_after=100_000)
    cdn.script(PATH, weak)
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert "range" not in cdn.downloads()[1].headers


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(cdn: Cdn, content: bytes, tmp_path: Path, code: int) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, *status(code, times=2))
    fetch(cdn, tmp_path)
    assert [request.status for request in cdn.downloads()] == [code, code, 200]


def test_a_server_that_stalls_is_asked_again(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, stalled(100_000, seconds=QUICK.read * 2))
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert [request.status for request in cdn.downloads()] == [200, 206]


def test_a_slow_server_is_waited_for(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, slow(20_000, pause=0.08))
    began = time.monotonic()
    fetch(cdn, tmp_path)
    assert time.monotonic() - began > QUICK.read
    assert len(cdn.downloads()) == 1


def test_a_drip_of_single_bytes_is_given_up(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, slow(1, pause=0.01))
    fetch(cdn, tmp_path)
    assert len(cdn.downloads()) == 2


@pytest.mark.parametrize("shortened", [1, 100_000])
def test_a_short_copy_with_a_length_to_match_is_fetched_once_more(
    cdn: Cdn, content: bytes, tmp_path: Path, shortened: int
) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, wrong_length(len(content) - shortened))
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


def test_a_published_file_that_is_cut_off_is_refused_after_a_second_look(
    cdn: Cdn, content: bytes, tmp_path: Path
) -> None:
    cdn.publish(PATH, content[:-1000])
    with pytest.raises(TruncatedFile, match="cut off"):
        open_source(cdn.trip_data, patience=QUICK).fetch(GREEN, MONTH, tmp_path)
    assert len(cdn.downloads()) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_body_longer_than_the_file_is_not_waited_for(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, wrong_length(len(content) + 5))
    fetch(cdn, tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


def test_retry_after_is_kept_up_to_the_limit(cdn: Cdn, content: bytes, tmp_path: Path) -> None:
    cdn.publish(PATH, content)
    cdn.script(PATH, *unavailable(retry_after="3600"))
    began = time.monotonic()
    fetch(cdn, tmp_path)
    assert QUICK.longest_retry_after <= time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 20 Mar 2024 14:05:33 GMT", 33.0),
        ("Wed, 20 Mar 2024 14:04:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, "Wed, 20 Mar 2024 14:05:00 GMT") == seconds


def test_a_connection_that_nobody_takes_is_tried_again_and_named(tmp_path: Path) -> None:
    with serve_cdn() as gone:
        url = gone.trip_data
    with pytest.raises(SourceUnavailable, match="Connection refused"):
        open_source(url, patience=QUICK).fetch(GREEN, MONTH, tmp_path)


SMALL, NEW = parquet(seed=3, rows=600), parquet(seed=4, rows=700)

FAULTS = st.one_of(
    st.builds(cut, st.integers(0, len(SMALL))),
    st.builds(wrong_length, st.integers(0, len(SMALL) + 500)),
    st.builds(republished, st.sampled_from([SMALL, NEW]), st.integers(0, len(SMALL))),
    st.sampled_from([500, 503, 429, 416, 403, 400]).map(lambda code: status(code)[0]),
    st.builds(slow, st.integers(500, 3000), st.just(0.002)),
    st.just(html()),
    st.builds(Fault, body=st.binary(max_size=40)),
    st.builds(Fault, ignores_ranges=st.just(True), stop_after=st.none() | st.integers(0, len(SMALL))),
)


def outcome(source: Source, into: Path) -> Published | SourceError:
    """What a fetch gives or raises."""
    try:
        fetched = source.fetch(GREEN, MONTH, into)
    except SourceError as error:
        return error
    assert fetched is not None
    return fetched


@settings(max_examples=120, deadline=None)
@given(script=st.lists(FAULTS, max_size=8))
def test_whatever_goes_wrong_the_name_never_stands_over_wrong_bytes(
    tmp_path_factory: pytest.TempPathFactory, shared_cdn: Cdn, script: list[Fault]
) -> None:
    into = tmp_path_factory.mktemp("into")
    path = f"{into.name}/{NAME}"
    shared_cdn.publish(path, SMALL)
    shared_cdn.script(path, *script)
    source = open_source(f"{shared_cdn.url}/{into.name}", patience=QUICK)
    final = into / NAME
    for _ in range(len(script) + 2):  # every run uses up at least one fault, and two for a short copy
        fetched = outcome(source, into)
        if isinstance(fetched, SourceError):
            assert str(fetched).startswith(f"{shared_cdn.url}/{path}: ")
            assert not final.exists()
            assert not isinstance(fetched, BadFile) or not list(into.iterdir())
            continue
        assert final.read_bytes() in {SMALL, NEW}
        assert fetched.facts["sha256"] == hashlib.sha256(final.read_bytes()).hexdigest()
        assert [found.name for found in into.iterdir()] == [NAME]
        return
    pytest.fail("the faults were used up, and still the file did not come")


@pytest.fixture(scope="module")
def shared_cdn() -> Iterator[Cdn]:
    with serve_cdn() as server:
        yield server
