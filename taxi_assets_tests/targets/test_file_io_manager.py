"""The IO manager of files: fetched when they changed, kept byte for byte, read only when they are intact."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    ExecuteInProcessResult,
    Failure,
    MonthlyPartitionsDefinition,
    RetryPolicy,
    asset,
    materialize,
)

from taxi_assets.targets.file_io_manager import FileIOManager, LazyFile, StoredFile, intact, verified
from taxi_assets.targets.files import FileStore
from taxi_assets.targets.target import Facts

MONTHS = MonthlyPartitionsDefinition(start_date="2024-01", fmt="%Y-%m", end_offset=1)
JANUARY = date(2024, 1, 1)
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@dataclass
class Fetched:
    path: Path
    facts: Mapping[str, str]


@dataclass
class Publisher:
    """Publishes a text a month; gives a file only to who does not have this one."""

    texts: dict[str, str]
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def file(self, key: str) -> LazyFile:
        def fetch(into: Path, known: Facts | None) -> Fetched | None:
            self.asked.append((key, known["etag"] if known else None))
            text = self.texts[key]
            if known and known["etag"] == text:
                return None
            path = into / f"trips_{key}.txt"
            path.write_text(text, encoding="utf-8")
            return Fetched(path, {"etag": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})

        return LazyFile(fetch)


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(url=str(tmp_path / "lake"))


def _assets(publisher: Publisher, read: list[tuple[str, str]]) -> list[AssetsDefinition]:
    @asset(io_manager_key="io", partitions_def=MONTHS)
    def raw(context: AssetExecutionContext) -> Mapping[str, LazyFile]:
        return {key: publisher.file(key) for key in context.partition_keys}

    @asset(partitions_def=MONTHS)
    def reader(raw: Mapping[str, StoredFile]) -> None:
        for key, file in raw.items():
            with file.open() as path:
                read.append((path.name, path.read_text(encoding="utf-8")))
            assert key in path.name
            assert file.scratch().is_dir()

    return [raw, reader]


def _run(
    files: FileStore,
    definitions: list[AssetsDefinition],
    first: str = "2024-01",
    last: str | None = None,
    instance: DagsterInstance | None = None,
    pass_over_current: bool = True,
    only: list[AssetsDefinition] | None = None,
) -> ExecuteInProcessResult:
    return materialize(
        definitions,
        selection=only,
        resources={"io": FileIOManager(files=files, pass_over_current=pass_over_current)},
        partition_key=None if last else first,
        tags=dict(zip(_RANGE, (first, last), strict=True)) if last else None,
        instance=instance,
        raise_on_error=False,
    )


def _status(result: ExecuteInProcessResult) -> dict[str | None, object]:
    return {
        one.partition: one.metadata["status"].value for one in result.asset_materializations_for_node("raw")
    }


def test_a_file_is_fetched_once_and_again_when_it_changed(files: FileStore) -> None:
    publisher, read = Publisher({"2024-01": "one"}), list[tuple[str, str]]()
    assets = _assets(publisher, read)
    assert _status(_run(files, assets)) == {"2024-01": "stored"}
    assert _status(_run(files, assets)) == {"2024-01": "unchanged"}
    publisher.texts["2024-01"] = "two"
    assert _status(_run(files, assets)) == {"2024-01": "replaced"}
    assert [known for _, known in publisher.asked] == [None, "one", "one"]
    assert [text for _, text in read] == ["one", "one", "two"]


def test_a_file_that_replaces_another_says_which(files: FileStore) -> None:
    publisher = Publisher({"2024-01": "one"})
    assets = _assets(publisher, [])[:1]

    def shown() -> dict[str, object]:
        (told,) = _run(files, assets).asset_materializations_for_node("raw")
        return {name: value.value for name, value in told.metadata.items() if name.endswith("_before")}

    assert shown() == {}
    assert shown() == {}
    publisher.texts["2024-01"] = "three"
    assert shown() == {
        "etag_before": "one",
        "sha256_before": hashlib.sha256(b"one").hexdigest(),
        "bytes_before": "3",
    }


def test_a_file_is_fetched_regardless_when_told_so(files: FileStore) -> None:
    publisher = Publisher({"2024-01": "one"})
    assets = _assets(publisher, [])[:1]
    _run(files, assets)
    assert _status(_run(files, assets, pass_over_current=False)) == {"2024-01": "replaced"}
    assert publisher.asked == [("2024-01", None)] * 2


def test_a_run_over_many_months_keeps_each_and_those_before_a_failure(files: FileStore) -> None:
    publisher, read = Publisher({"2024-01": "one", "2024-02": "two"}), list[tuple[str, str]]()
    with DagsterInstance.ephemeral() as instance:
        failed = _run(files, _assets(publisher, read), "2024-01", "2024-03", instance)
        assert not failed.success
        assert instance.get_materialized_partitions(AssetKey("raw")) == {"2024-01", "2024-02"}
    publisher.texts["2024-03"] = "three"
    assert _run(files, _assets(publisher, read), "2024-01", "2024-03").success
    assert [text for _, text in read] == ["one", "two", "three"]
    assert list(files.partitions("raw")) == [date(2024, month, 1) for month in (1, 2, 3)]


def test_a_fetch_that_fails_leaves_the_file_that_was_kept_and_nothing_else(files: FileStore) -> None:
    publisher = Publisher({"2024-01": "one"})
    assets = _assets(publisher, [])[:1]
    _run(files, assets)
    del publisher.texts["2024-01"]
    assert not _run(files, assets).success
    with files.open("raw", JANUARY) as path:
        assert path.read_text(encoding="utf-8") == "one"
    assert list(files.scratch().iterdir()) == []


def test_a_fetch_goes_on_with_what_the_last_one_from_the_same_publisher_left(files: FileStore) -> None:
    seen: list[list[str]] = []

    def run(publisher: str, finished: str | None) -> bool:
        def fetch(into: Path, _: Facts | None) -> Fetched:
            seen.append([path.name for path in into.iterdir()])
            (into / "half").touch()
            if finished is None:
                raise RuntimeError("the connection ended")
            (into / "half").rename(into / finished)
            return Fetched(into / finished, {})

        @asset(io_manager_key="io", partitions_def=MONTHS)
        def raw() -> Mapping[str, LazyFile]:
            return {"2024-01": LazyFile(fetch, publisher=publisher)}

        return _run(files, [raw]).success

    assert not run("one", None)
    assert not run("another", None)
    assert not run("one", ".a name that is refused")
    assert run("one", "whole")
    assert run("another", "whole")
    assert seen == [[], [], ["half"], [], ["half"]]
    place = files.scratch()
    assert [path for path in place.parent.iterdir() if path.is_dir()] == [place]


def test_the_facts_and_the_size_of_a_file_are_shown(files: FileStore) -> None:
    (told,) = _run(files, _assets(Publisher({"2024-01": "one"}), [])[:1]).asset_materializations_for_node(
        "raw"
    )
    shown = {name: value.value for name, value in told.metadata.items()}
    assert (shown["file"], shown["dagster/size_bytes"], shown["etag"]) == ("trips_2024-01.txt", 3, "one")
    assert str(shown["dagster/uri"]).endswith("raw/trip_month=2024-01-01/trips_2024-01.txt")


def test_a_month_without_a_file_is_named(files: FileStore) -> None:
    assets = _assets(Publisher({}), [])
    result = materialize(
        assets,
        resources={"io": FileIOManager(files=files)},
        selection=[assets[1]],
        partition_key="2024-01",
        raise_on_error=False,
    )
    (failed,) = result.get_step_failure_events()
    said = str(failed.step_failure_data.error)
    assert "raw has no file for 2024-01" in said
    assert "materialize it first" in said


@pytest.mark.parametrize("content", ["onE", "one more", ""])
def test_a_file_that_is_not_the_one_that_was_fetched_is_not_read(files: FileStore, content: str) -> None:
    _run(files, _assets(Publisher({"2024-01": "one"}), [])[:1])
    kept = Path(files.uri("raw", JANUARY))
    with intact(files, "raw", "2024-01", JANUARY) as path:
        assert path.name == kept.name
    kept.write_text(content, encoding="utf-8")
    with (
        pytest.raises(Failure, match="materialize raw 2024-01 with pass_over_current: false") as raised,
        intact(files, "raw", "2024-01", JANUARY),
    ):
        pass
    assert not raised.value.allow_retries


def test_a_file_that_was_fetched_anew_before_its_months_turn_is_not_read_as_the_old_one(
    files: FileStore,
) -> None:
    publisher, read = Publisher({"2024-01": "one", "2024-02": "two"}), list[tuple[str, str]]()
    fetching = _assets(publisher, [])[:1]
    _run(files, fetching, "2024-01", "2024-02")
    tries: list[dict[str, str]] = []

    @asset(partitions_def=MONTHS, retry_policy=RetryPolicy(max_retries=1))
    def reader(raw: Mapping[str, StoredFile]) -> None:
        tries.append({key: file.facts["etag"] for key, file in raw.items()})
        for key, file in raw.items():
            with file.open() as path:
                text = path.read_text(encoding="utf-8")
                assert text == file.facts["etag"]
                read.append((key, text))
            if len(tries) == 1:  # between two months, another run fetches the second one
                publisher.texts["2024-02"] = "TWO"
                assert _run(files, fetching, "2024-02").success

    result = _run(files, [*fetching, reader], "2024-01", "2024-02", only=[reader])
    assert result.success
    assert tries == [{"2024-01": "one", "2024-02": "two"}, {"2024-01": "one", "2024-02": "TWO"}]
    assert read == [("2024-01", "one"), ("2024-01", "one"), ("2024-02", "TWO")]
    (again,) = [event for event in result.all_events if event.is_step_up_for_retry]
    said = str(again.step_retry_data.error)
    assert "raw 2024-02 was fetched anew, or removed, after this run had looked it up" in said


def test_a_file_that_is_replaced_while_it_is_opened_says_so_and_may_be_tried_again(files: FileStore) -> None:
    publisher = Publisher({"2024-01": "one"})
    fetching = _assets(publisher, [])[:1]
    _run(files, fetching)
    found = files.find("raw", JANUARY)
    assert found is not None
    publisher.texts["2024-01"] = "two"
    _run(files, fetching)
    with (
        pytest.raises(Failure, match="raw 2024-01 was fetched anew") as raised,
        verified(found, "raw", "2024-01"),
    ):
        pass
    assert raised.value.allow_retries


def test_a_file_that_is_replaced_while_it_is_read_stays_the_one_that_was_opened(files: FileStore) -> None:
    publisher = Publisher({"2024-01": "one"})
    fetching = _assets(publisher, [])[:1]
    _run(files, fetching)
    with intact(files, "raw", "2024-01", JANUARY) as path:
        publisher.texts["2024-01"] = "two"
        _run(files, fetching)
        assert path.read_text(encoding="utf-8") == "one"
    assert list(files.scratch().iterdir()) == []


def test_an_asset_without_partitions_is_one_file(files: FileStore) -> None:
    publisher = Publisher({"2024-01": "one"})

    @asset(io_manager_key="io", key=["pages", "all"])
    def raw() -> LazyFile:
        return replace(publisher.file("2024-01"), metadata=lambda _: {"told": "that it stands"})

    def run() -> dict[str, object]:
        result = materialize([raw], resources={"io": FileIOManager(files=files)})
        (told,) = result.asset_materializations_for_node("pages__all")
        return {name: value.value for name, value in told.metadata.items()}

    first = run()
    assert (first["status"], first["told"]) == ("stored", "that it stands")
    assert run()["status"] == "unchanged"
    with files.open("pages/all") as path:
        assert path.read_text(encoding="utf-8") == "one"
