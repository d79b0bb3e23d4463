"""Random scripts of faults: each ends with the published bytes or with a clear error."""

import hashlib
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
    open_source,
)
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import (
    Fault,
    cut,
    html,
    republished,
    slow,
    status,
    wrong_length,
)
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, QUICK, parquet

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
