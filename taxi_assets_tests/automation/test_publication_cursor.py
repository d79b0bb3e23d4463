"""The memory of the publication sensor: lost, spoilt or old, it costs no month and no second run."""

import json
from collections.abc import Callable

import pytest

from taxi_assets_tests.assets.graph import months
from taxi_assets_tests.automation.conftest import Publish
from taxi_assets_tests.automation.daemon import RUN_KEY, Daemon

MakeDaemon = Callable[..., Daemon]


def test_a_tick_that_dies_before_its_cursor_is_kept_asks_for_nothing_twice(
    make_daemon: MakeDaemon, publish: Publish
) -> None:
    publish(*months("2024-01", "2024-04"))
    daemon = make_daemon(TAXI_WATCH_FROM="2024-01")
    daemon.tick(dies_after=3)
    again = daemon.tick()
    assert len(again.requests) == 4
    assert len(again.started) == 1
    assert len({run.tags[RUN_KEY] for run in daemon.queue}) == 4


@pytest.mark.parametrize(
    "garbage", ["", "{", "[]", "null", '{"version": 2}', '{"version": 1, "new": 1}', "2024-01"]
)
def test_a_cursor_that_is_not_understood_is_begun_anew_and_asks_for_nothing_twice(
    daemon: Daemon, publish: Publish, garbage: str
) -> None:
    publish("2024-03", "2024-04")
    daemon.fetch("2024-03")
    daemon.tick()
    daemon.cursor = garbage
    assert daemon.tick().started == []
    assert json.loads(str(daemon.cursor))["version"] == 1
    daemon.run()
    assert daemon.tick().requests == []


def test_the_cursor_is_small_whatever_is_held(make_daemon: MakeDaemon, publish: Publish) -> None:
    publish(*months("2022-01", "2024-04"))
    daemon = make_daemon(TAXI_WATCH_FROM="2022-01")
    while daemon.tick().requests:
        while daemon.queue:
            daemon.run()
    assert len(daemon.held()) == 28
    assert len(str(daemon.cursor)) < 100
