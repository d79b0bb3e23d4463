"""Runs of the real graph that fail and are mended: one message when it goes wrong, one when it is right again."""

from pathlib import Path

import psycopg

from taxi_assets_tests.alerts.receiver import Receiver
from taxi_assets_tests.alerts.watcher import Watcher
from taxi_assets_tests.assets.graph import Graph, publish

FILE = "green_tripdata_2024-01.parquet"


def test_a_month_that_fails_is_told_once_and_its_recovery_once(
    graph: Graph, source: Path, watcher: Watcher, receiver: Receiver
) -> None:
    whole = (source / FILE).read_bytes()
    (source / FILE).write_bytes(whole[:1000])
    failed = graph.run("green", "2024-01")
    watcher.tick()
    (told,) = receiver.take()
    print(told.title)
    print(told.body)
    assert told.title == "green 2024-01: raw failed"
    assert told.kind == "failure"
    assert not graph.run("green", "2024-01").success
    watcher.tick()
    watcher.tick()
    assert receiver.take() == []
    (source / FILE).write_bytes(whole)
    assert graph.run("green", "2024-01").success
    watcher.tick()
    (told,) = receiver.take()
    print(told.title)
    print(told.body)
    assert told.kind == "success"


def test_many(graph: Graph, source: Path, watcher: Watcher, receiver: Receiver) -> None:
    url, graph.postgres_url = graph.postgres_url, "postgresql://127.0.0.1:1/taxi"
    graph.run("green", "2024-01", "2024-03")
    watcher.tick()
    graph.postgres_url = url
    graph.run("green", "2024-01", "2024-02")
    watcher.tick()
    graph.run("green", "2024-03")
    publish(source, "green", "2024-01", "2024-02", rows=400, seed=2)
    graph.run("green", "2024-01", "2024-02")
    watcher.tick()
    with psycopg.connect(graph.postgres_url) as c:
        c.execute(
            "delete from taxi.green_trips where ctid in (select ctid from taxi.green_trips where trip_month='2024-01-01' limit 1)"
        )
    graph.check("green", "2024-01")
    watcher.tick()
    for m in receiver.take():
        print("##", m.kind, m.title)
        print(m.body)
    print(watcher.cursor)
    print(watcher.said)
