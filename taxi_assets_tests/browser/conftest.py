"""A browser before the running product; what it showed is kept when a test fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taxi_assets_tests.browser.chromium import MISSING, Ui, chromium, programs
from taxi_assets_tests.daemon.conftest import system, tlc
from taxi_assets_tests.daemon.published import PublishedMonths
from taxi_assets_tests.servers.dagster_dev import DagsterDev

__all__ = ["system", "tlc"]  # fixtures of this directory too

_PICTURES = Path("test-pictures")


@pytest.fixture(scope="session", autouse=True)
def browser_installed() -> None:
    """Before anything is started for it."""
    if programs() is None:
        pytest.skip(MISSING)


@pytest.fixture(scope="module")
def settings(browser_installed: None, tlc: PublishedMonths) -> dict[str, str]:
    """The sensors ask for nothing of their own, as their months are far away."""
    return {"TAXI_SOURCE_URL": tlc.cdn.trip_data, "TAXI_POLL_SECONDS": "1800"}


@pytest.fixture(scope="module")
def browser(system: DagsterDev) -> Iterator[Ui]:
    """One browser for a module's tests: Dagster's page is 10 MB of JavaScript to read."""
    with chromium(f"http://127.0.0.1:{system.port}") as ui:
        yield ui


@pytest.fixture
def ui(browser: Ui, request: pytest.FixtureRequest) -> Iterator[Ui]:
    """The browser; a picture is saved if the test fails."""
    failed = request.session.testsfailed
    yield browser
    if request.session.testsfailed > failed:
        shown = browser.picture(_PICTURES / f"{request.node.name}.png")
        request.node.add_report_section("teardown", "picture", f"what was shown: {shown.resolve()}")
