"""Several processes, and several threads, load at once."""

from concurrent.futures import ThreadPoolExecutor

from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.loading import loader
from taxi_assets_tests.contract.rows import FEBRUARY, JANUARY, MARCH, TABLE, bag, held, put, trips
from taxi_assets_tests.contract.targets import left_over

ROWS = 5000


def test_two_processes_load_two_months_at_once(target: Target) -> None:
    put(target, trips(10, 9, MARCH), MARCH)
    with loader(target, ROWS, 1, JANUARY) as (_, one), loader(target, ROWS, 2, FEBRUARY) as (_, two):
        assert [one.recv(), two.recv()] == ["go", "go"]
        assert [one.recv(), two.recv()] == [f"done {ROWS}"] * 2
    assert held(target, JANUARY) == bag(trips(ROWS, 1, JANUARY))
    assert held(target, FEBRUARY) == bag(trips(ROWS, 2, FEBRUARY))
    assert held(target, MARCH) == bag(trips(10, 9, MARCH))


def test_two_processes_load_the_same_month_at_once_and_one_of_them_is_the_last(target: Target) -> None:
    put(target, trips(10, 9))
    with loader(target, ROWS, 1, JANUARY) as (_, one), loader(target, ROWS, 2, JANUARY) as (_, two):
        assert [one.recv(), two.recv()] == ["go", "go"]
        assert [one.recv(), two.recv()] == [f"done {ROWS}"] * 2
    standing = target.partitions(TABLE)[JANUARY]
    assert standing.rows == ROWS
    assert held(target, JANUARY) == bag(trips(ROWS, int(standing.version or 0), JANUARY))
    put(target, trips(10))
    assert left_over(target, TABLE) == []


def test_threads_load_different_months_at_once(target: Target) -> None:
    months = [JANUARY, FEBRUARY, MARCH]
    put(target, trips(10))
    with ThreadPoolExecutor(len(months)) as threads:
        list(threads.map(lambda month: put(target, trips(2000, month.month, month), month), months))
    for month in months:
        assert held(target, month) == bag(trips(2000, month.month, month))


def test_a_month_is_read_while_the_same_table_is_written(target: Target) -> None:
    put(target, trips(3000, 1))
    put(target, trips(3000, 2, FEBRUARY), FEBRUARY)
    stream = target.read(TABLE, [JANUARY], ["generation"])
    target.replace(TABLE, MARCH, stream)
    assert target.partitions(TABLE)[MARCH].rows == 3000
