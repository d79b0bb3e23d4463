"""What TAXI_SOURCE_URL may say, and what is said about anything else."""

import subprocess
import sys
from pathlib import Path

import pytest

from taxi_assets.tlc.source import open_source

UNDERSTOOD = {
    "https://d37ci6vzurychx.cloudfront.net/trip-data": "d37ci6vzurychx.cloudfront.net/trip-data'",
    "http://user:pass@mirror.example:8080/tlc/": "HttpSource('http://mirror.example:8080/tlc')",
    "/data/tlc": "DirectorySource('/data/tlc')",
    "file:///data/with%20space": "DirectorySource('/data/with space')",
    "gs://bucket/some/prefix/": "GcsSource('gs://bucket/some/prefix')",
    "gs://bucket": "GcsSource('gs://bucket/')",
    "synthetic": "SyntheticSource(rows=60000, seed=1)",
    "synthetic?rows=100&seed=3": "SyntheticSource(rows=100, seed=3)",
}


@pytest.mark.parametrize(("url", "shown"), UNDERSTOOD.items())
def test_every_form_opens_its_source(url: str, shown: str) -> None:
    assert shown in repr(open_source(url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sythetic",
        "synthetic?row=5",
        "synthetic?rows=many",
        "synthetic?rows=-1",
        "s3://bucket/prefix",
        "https:///trip-data",
        "gs:///prefix",
        "ftp://user:s3cr3t@host/x",
        "https://user:s3/cr3t@host/trip-data",
        "https://user:s3cr3t@host:port/trip-data",
        "https://user:[s3cr3t]@host/trip-data",
        "https://user:1?cr3t@host/trip-data",
        "https://user:1#cr3t@host/trip-data",
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected https://host/trip-data, .* found ") as caught:
        open_source(url)
    assert "cr3t" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_relative_directory_is_resolved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tlc").mkdir()
    monkeypatch.chdir(tmp_path)
    assert repr(open_source("tlc")) == f"DirectorySource({str(tmp_path / 'tlc')!r})"


def test_a_source_needs_neither_dagster_nor_a_store_nor_a_cloud_client() -> None:
    program = (
        "import sys, taxi_assets.tlc.source as s; s.open_source('gs://b/p'); s.open_source('synthetic');"
        "print({'dagster', 'google.cloud.storage', 'taxi_assets.targets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
