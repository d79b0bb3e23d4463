"""A cluster, or the reason why this machine can't have one."""

from collections.abc import Iterator

import pytest

from taxi_assets_tests.scale.cluster import Cluster, cluster
from taxi_assets_tests.scale.network import NoNamespaces
from taxi_assets_tests.servers.bigquery import EmulatorUnavailable
from taxi_assets_tests.servers.redis import RedisMissing


@pytest.fixture
def three_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three workers, ready for a run each; a run takes four months of green."""
    try:
        with cluster(tmp_path_factory.mktemp("cluster"), 3, TAXI_MONTHS_PER_RUN="green=4") as running:
            for number in (1, 2, 3):
                running.start_worker(number)
            yield running
    except (NoNamespaces, RedisMissing, EmulatorUnavailable) as reason:
        pytest.skip(str(reason))
