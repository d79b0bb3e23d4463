"""How much a publication sensor asks of the source in a tick."""

import itertools
from collections.abc import Callable

import pytest

from taxi_assets.automation.watch import MOST_NEW, MOST_OLD
from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Publish
from taxi_assets_tests.automation.daemon import Daemon
from taxi_assets_tests.servers.cdn import Cdn

MakeDaemon = Callable[..., Daemon]


def test_what_is_held_and_current_costs_a_304_and_no_body(daemon: Daemon, publish: Publish, cdn: Cdn) -> None:
    publish("2024-04")
    daemon.fetch("2024-04")
    cdn.forget_requests()
    daemon.tick()
    assert [(request.method, request.status) for request in cdn.requests()] == [("HEAD", 304)] * 2


def test_requests_of_a_tick_are_bounded_and_every_month_has_its_turn(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn
) -> None:
    wanted = months("2021-01", "2024-02")
    publish(*wanted)
    daemon = make_daemon(TAXI_WATCH_FROM="2020-01")
    for _ in range(6):
        cdn.forget_requests()
        daemon.tick()
        assert len(cdn.requests()) <= MOST_NEW
    asked = [run.tags["dagster/partition"] for run in daemon.queue]
    assert asked[0] == "2024-02"
    assert sorted(asked) == wanted
    while daemon.queue:
        daemon.run()
    publish(*wanted, seed=2)
    for _ in range(5):
        cdn.forget_requests()
        daemon.tick()
        assert len(cdn.requests()) <= MOST_NEW + MOST_OLD
    assert sorted(run.tags["dagster/partition"] for run in daemon.queue) == wanted


def test_a_slow_source_shares_its_months_over_many_ticks(
    make_daemon: MakeDaemon, publish: Publish, cdn: Cdn, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = months("2023-01", "2024-04")
    publish(*wanted)
    daemon = make_daemon(TAXI_WATCH_FROM="2023-01")
    seconds = itertools.count(step=4)
    monkeypatch.setattr("taxi_assets.automation.watch.monotonic", lambda: float(next(seconds)))
    for _ in range(7):
        cdn.forget_requests()
        daemon.tick()
        assert len(cdn.requests()) == 5
    assert sorted(run.tags["dagster/partition"] for run in daemon.queue) == wanted
