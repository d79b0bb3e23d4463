"""What is tried again, how long it is waited for, and what is given up."""

import time
from pathlib import Path

import pytest

from taxi_assets.tlc.source import (
    SourceUnavailable,
    TruncatedFile,
    open_source,
)
from taxi_assets.tlc.source.patience import parse_retry_after
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import (
    slow,
    stalled,
    status,
    unavailable,
    wrong_length,
)
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, PATH, QUICK, fetch


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
