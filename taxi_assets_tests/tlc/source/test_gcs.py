"""A bucket as the source, on the real fake-gcs-server."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Bucket, Client  # type: ignore[import-untyped]

from taxi_assets.tlc.source import BadFile, NotPublished, Refused, SourceUnavailable, open_source
from taxi_assets_tests.servers.cdn import Cdn
from taxi_assets_tests.servers.gcs import GcsServer, fake_gcs
from taxi_assets_tests.tlc.source.conftest import GREEN, MONTH, NAME, QUICK, parquet, zones


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with fake_gcs(tmp_path_factory.mktemp("gcs") / "objects") as running:
        yield running


@pytest.fixture
def bucket(server: GcsServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Bucket:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    name = server.create_bucket(hashlib.md5(request.node.name.encode()).hexdigest())
    return Client(project="test", credentials=AnonymousCredentials()).bucket(name)  # type: ignore[no-untyped-call]


def test_an_object_arrives_byte_for_byte_with_its_provenance(
    bucket: Bucket, tmp_path: Path, content: bytes
) -> None:
    bucket.blob(f"tlc/trip-data/{NAME}").upload_from_string(content)
    fetched = open_source(f"gs://{bucket.name}/tlc/trip-data").fetch(GREEN, MONTH, tmp_path)
    assert fetched is not None
    assert fetched.path == tmp_path / NAME
    assert fetched.path.read_bytes() == content
    assert fetched.facts["url"] == f"gs://{bucket.name}/tlc/trip-data/{NAME}"
    assert fetched.facts["etag"] == str(bucket.get_blob(f"tlc/trip-data/{NAME}").generation)
    assert fetched.facts["sha256"] == hashlib.sha256(content).hexdigest()
    assert fetched.facts["last_modified"].endswith("+00:00")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_generation_tells_whether_an_object_is_unchanged(
    bucket: Bucket, tmp_path: Path, content: bytes
) -> None:
    source = open_source(f"gs://{bucket.name}")
    assert source.look(GREEN, MONTH).state == "unpublished"
    bucket.blob(NAME).upload_from_string(content)
    first = source.fetch(GREEN, MONTH, tmp_path / "one")
    assert first is not None
    assert source.look(GREEN, MONTH, known=first.facts).state == "unchanged"
    assert source.fetch(GREEN, MONTH, tmp_path / "two", known=first.facts) is None
    assert not (tmp_path / "two").exists()
    again = parquet(seed=2)
    bucket.blob(NAME).upload_from_string(again)
    assert source.look(GREEN, MONTH, known=first.facts).state == "changed"
    second = source.fetch(GREEN, MONTH, tmp_path / "two", known=first.facts)
    assert second is not None
    assert second.path.read_bytes() == again


def test_a_missing_object_says_when_it_is_expected(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(NotPublished, match=r"green_tripdata_2024-01: not published.*by 2024-04-16"):
        open_source(f"gs://{bucket.name}/trips").fetch(GREEN, MONTH, tmp_path)


def test_a_bad_object_never_gets_its_name(bucket: Bucket, tmp_path: Path, content: bytes) -> None:
    bucket.blob(NAME).upload_from_string(content[:-50])
    with pytest.raises(BadFile, match=f"^gs://{bucket.name}/{NAME}: .*cut off"):
        open_source(f"gs://{bucket.name}").fetch(GREEN, MONTH, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["tlc/misc/taxi_zone_lookup.csv", "tlc/trip-data/taxi_zone_lookup.csv"])
def test_zones_lie_beside_or_under_the_prefix(bucket: Bucket, tmp_path: Path, name: str) -> None:
    source = open_source(f"gs://{bucket.name}/tlc/trip-data/")
    with pytest.raises(NotPublished, match="zone lookup"):
        source.fetch_zones(tmp_path)
    bucket.blob(name).upload_from_string(zones())
    assert source.fetch_zones(tmp_path).path.read_bytes() == zones()


def test_a_server_that_is_gone_is_a_passing_failure(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(SourceUnavailable, match=f"gs://{bucket.name}/"):
        open_source(f"gs://{bucket.name}", patience=replace(QUICK, deadline=0.5)).fetch(
            GREEN, MONTH, tmp_path
        )


def test_a_bucket_that_may_not_be_read_is_no_unpublished_month(
    cdn: Cdn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cdn.url)  # which answers 403 to whatever is asked
    source = open_source("gs://private/trip-data", patience=QUICK)
    for call in (lambda: source.fetch(GREEN, MONTH, tmp_path), lambda: source.look(GREEN, MONTH)):
        with pytest.raises(Refused, match=r"gs://private/trip-data: .*HTTP 403.*objectViewer"):
            call()


def test_missing_credentials_are_told_with_the_command_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # no look for a metadata server on the network
    with pytest.raises(Refused, match="gcloud auth application-default login"):
        open_source("gs://bucket").fetch(GREEN, MONTH, tmp_path)
