"""What all tests share: where the real files are, and how little logging is enough."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine fails nothing
settings.load_profile("untimed")

pytest_plugins = ("taxi_assets_tests.servers.postgres",)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of real TLC files that ``TAXI_REAL_DATA`` names; the test skips without it."""
    named = os.environ.get("TAXI_REAL_DATA")
    if not named:
        pytest.skip("needs real TLC files: set TAXI_REAL_DATA to their directory")
    return Path(named)
