"""Random interleavings around a publication sensor: nothing is missed, and nothing fetched twice.

Months are published and published anew, the source goes away and comes back, runs succeed, fail and die, the
daemon dies between a run's start and the cursor; all in an order drawn from a seed. Then the dust settles: a
few days pass without accidents. In the end every month since watching began must stand in the lake as it is
published.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from taxi_assets.automation.cursor import PublicationCursor, read_cursor
from taxi_assets.automation.looking import partition_keys
from taxi_assets.automation.publication import publication_sensor
from taxi_assets.automation.watch import MOST_NEW, MOST_OLD
from taxi_assets.settings import Settings
from taxi_assets.tlc.services import SERVICES, Service, month_key
from taxi_assets_tests.automation.conftest import path_of
from taxi_assets_tests.automation.daemon import BRISK, GREEN, NOON, Clock, Daemon
from taxi_assets_tests.servers.cdn import Cdn, serve_cdn
from taxi_assets_tests.servers.faults import cut, status
from taxi_assets_tests.tlc.source.conftest import parquet

CONTENTS = [parquet(seed, rows=20) for seed in range(12)]
DAYS_OF_DUST = 4


class World:
    """Publisher, sensor and runs, and what of it all has to be remembered for the verdict."""

    def __init__(self, seed: int, cdn: Cdn, home: Path, service: Service) -> None:
        self.service = service
        self.months = partition_keys(service, NOON)[-12:]
        self.chance = random.Random(seed)
        self.cdn = cdn
        self.clock = Clock(NOON)
        watch_from = self.chance.choice(["", "2023-05", "2023-09", "2024-03"])
        settings = Settings.from_environment(
            {"TAXI_SOURCE_URL": cdn.trip_data, "TAXI_WATCH_FROM": watch_from}
        )
        self.daemon = Daemon(
            lambda: publication_sensor(service, settings, clock=self.clock),
            cdn.trip_data,
            home,
            service=service,
        )
        self.watch_from = watch_from
        self.published: dict[str, str] = {}
        self.publications: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[str] = Counter()
        self.publish(self.chance.randint(1, 9))

    def publish(self, many: int = 1) -> None:
        """The next months in turn, sometimes with a gap that is filled by a later publication."""
        waiting = [month for month in self.months if month not in self.published]
        for month in waiting[:many]:
            if self.chance.random() < 0.85:
                self._put(month)

    def republish(self) -> None:
        """New content, or some that was there before."""
        if self.published:
            self._put(self.chance.choice(sorted(self.published)))

    def _put(self, month: str) -> None:
        etag = self.cdn.publish(path_of(month, self.service), self.chance.choice(CONTENTS))
        if self.published.get(month) != etag:
            self.publications[month, etag] += 1
        self.published[month] = etag

    def outage(self) -> None:
        self.cdn.outage = self.chance.choice([None, *status(503), *status(500), *status(429)])

    def tick(self) -> None:
        self.clock.forward(minutes=self.chance.choice([30, 30, 30, 300, 1500]))
        dies_after = self.chance.choice([None, None, None, None, 0, 1, 2])
        self.cdn.forget_requests()
        tick = self.daemon.tick(dies_after=dies_after)
        asked = {request.path for request in self.cdn.requests()}
        assert len(asked) <= MOST_NEW + MOST_OLD + 1
        assert len(self.cdn.requests()) <= len(asked) + BRISK.attempts - 1
        assert not self.cdn.downloads()
        assert len(set(tick.months)) == len(tick.months)

    def run(self) -> None:
        """Some run of the queue, well or not: the source may fail on the way, the process at the end."""
        if not self.daemon.queue:
            return
        self.daemon.queue.rotate(self.chance.randrange(len(self.daemon.queue)))
        month = self.daemon.queue[0].tags["dagster/partition"]
        path = path_of(month, self.service)
        if self.chance.random() < 0.2:
            self.cdn.script(path, *(BRISK.attempts * [self.chance.choice([cut(40), *status(503)])]))
        self.one(dies=self.chance.random() < 0.15)

    def one(self, *, dies: bool = False) -> None:
        """A run, with its result on record."""
        failed = len(self.daemon.failed)
        month = self.daemon.run(dies=dies)
        self.failures[month] += len(self.daemon.failed) - failed

    def settle(self) -> None:
        """Days without accidents; of their ticks two a day are enough to come round 12 months."""
        self.cdn.outage = None
        for _ in range(DAYS_OF_DUST):
            for _ in range(2):
                self.daemon.tick()
                while self.daemon.queue:
                    self.one()
            self.clock.forward(hours=25)

    def verdict(self) -> None:
        began = read_cursor(PublicationCursor, self.daemon.cursor).watch_from
        first = self.watch_from or (month_key(began) if began else "")
        held = {month: facts["etag"] for month, facts in self.daemon.held().items()}
        assert first
        # A month before the first one may be held: of a tick whose cursor was lost, and the decision with it.
        wanted = {month for month in self.published if month >= first} | set(held)
        assert held == {month: self.published[month] for month in wanted}
        assert self.daemon.tick().requests == []
        for (month, etag), times in Counter(self.daemon.kept).items():
            assert times <= self.publications[month, etag]
        fetched = Counter(month for month, _ in self.daemon.fetched)
        kept = Counter(month for month, _ in self.daemon.kept)
        for month, times in fetched.items():
            assert times <= kept[month] + self.failures[month]


def _play(seed: int, events: int, home: Path, service: Service = GREEN) -> None:
    with serve_cdn() as cdn:
        world = World(seed, cdn, home, service)
        happenings: dict[Callable[[], None], int] = {
            world.tick: 8,
            world.run: 8,
            world.publish: 2,
            world.republish: 2,
            world.outage: 2,
        }
        with world.daemon.instance:
            for what in world.chance.choices(list(happenings), list(happenings.values()), k=events):
                what()
            world.settle()
            world.verdict()


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_every_month_is_held_as_published_and_none_fetched_twice(
    seed: int, tmp_path: Path
) -> None:
    _play(seed, 25, tmp_path)


@pytest.mark.parametrize("seed", range(25, 29))
def test_the_same_holds_of_a_service_whose_months_come_a_month_later(seed: int, tmp_path: Path) -> None:
    _play(seed, 25, tmp_path, SERVICES["fhv"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_whatever_happens_for_long_every_month_is_held_as_published(seed: int, tmp_path: Path) -> None:
    _play(seed, 120, tmp_path)
