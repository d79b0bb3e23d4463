"""Every test that asks for ``target`` runs once per target, by name."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from taxi_assets.targets.target import Target
from taxi_assets_tests.contract.targets import CANNOT, SECOND_WAYS, TARGETS, Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("servers"), stack)


def _parameters() -> list[object]:
    marks = dict.fromkeys(SECOND_WAYS, (pytest.mark.slow,))
    return [pytest.param(name, marks=marks.get(name, ())) for name in TARGETS]


@pytest.fixture(params=_parameters())
def target_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    needed = {mark.args[0] for mark in request.node.iter_markers("needs")}
    for which, capability, reason in CANNOT:
        if which == name and capability in needed:
            pytest.skip(f"{name} can't: {capability}: {reason}")
    return name


@pytest.fixture
def target(target_name: str, servers: Servers, tmp_path: Path) -> Target:
    return TARGETS[target_name](servers, tmp_path)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(capability): what a target must be able to do for the test")
