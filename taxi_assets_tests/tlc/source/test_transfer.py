"""Downloads that break off: what is resumed, what starts over, and that versions never mix."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from taxi_assets.tlc.source import (
    SourceUnavailable,
    open_source,
)
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.faults import (
    Fault,
    cut,
    republished,
    slow,
    unavailable,
)
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, PATH, QUICK, fetch, parquet

OTHER = parquet(seed=2, rows=15_000)


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
