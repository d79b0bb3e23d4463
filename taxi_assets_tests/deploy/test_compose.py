"""The compose file is one: by the specification's schema, and by Compose itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from taxi_assets.settings import KNOWN
from taxi_assets_tests.deploy.engine import EngineUnavailable, compose_command

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
PASSWORDS = ("POSTGRES_PASSWORD", "DAGSTER_DB_PASSWORD", "TRIPS_DB_PASSWORD")
LONG_LIVED = {"postgres", "code", "webserver", "daemon", "gcs", "bigquery"}


def config(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        compose = compose_command()
    except EngineUnavailable as reason:
        pytest.skip(str(reason))
    line = [compose, "--file", str(FILE), "--env-file", os.devnull, "--profile", "cloud", "config"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(
        [*line, "--format", "json"], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as Compose understands them."""
    done = config({name: f"made-up-{name}" for name in PASSWORDS})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_the_file_passes_the_specifications_schema() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    if not checker.exists():
        pytest.skip("check-jsonschema comes with the group `dev` of pyproject.toml")
    line = [str(checker), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_there_is_no_default_password() -> None:
    for missing in PASSWORDS:
        done = config({name: "made-up" for name in PASSWORDS if name != missing})
        assert done.returncode != 0
        assert missing in done.stderr
        assert ".env.example" in done.stderr


def test_every_container_comes_back_is_watched_bounded_and_no_root(services: dict[str, Any]) -> None:
    assert set(services) >= LONG_LIVED
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) > 0, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service.get("user", "10001") != "root", name
    for name in LONG_LIVED:
        assert services[name]["restart"] == "unless-stopped", name
        assert services[name]["healthcheck"]["test"], name


def test_ports_are_open_to_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_each_container_waits_for_those_it_needs_to_be_well(services: dict[str, Any]) -> None:
    waits = {
        (name, other, need["condition"])
        for name, service in services.items()
        for other, need in service.get("depends_on", {}).items()
    }
    assert ("code", "migrate", "service_completed_successfully") in waits
    assert {condition for _, other, condition in waits if other != "migrate"} == {"service_healthy"}


def test_a_password_reaches_only_the_containers_that_need_it(services: dict[str, Any]) -> None:
    def knowing(password: str) -> set[str]:
        return {
            name
            for name, service in services.items()
            if any(f"made-up-{password}" in str(value) for value in service.get("environment", {}).values())
        }

    assert knowing("POSTGRES_PASSWORD") == {"postgres"}
    assert knowing("TRIPS_DB_PASSWORD") == {"postgres", "code"}
    assert knowing("DAGSTER_DB_PASSWORD") == {"postgres", "migrate", "code", "webserver", "daemon"}


def test_every_setting_can_be_given_and_no_other_is_named() -> None:
    written = yaml.safe_load(FILE.read_text())["services"]["code"]["environment"]
    given = {name for name in (*written, *written.get("<<", {})) if name.startswith("TAXI_")}
    # The image says where the home is; the rest is for tests.
    assert given == set(KNOWN) - {"TAXI_HOME", "TAXI_REAL_DATA"}
    example = set(re.findall(r"\bTAXI_[A-Z_]+", (ROOT / ".env.example").read_text()))
    assert example <= set(KNOWN)


def test_dagster_reads_its_production_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._config import process_config, resolve_to_config_type
    from dagster._core.instance.config import dagster_instance_config_schema

    for name in (
        "DAGSTER_DB_HOST",
        "DAGSTER_DB_USER",
        "DAGSTER_DB_PASSWORD",
        "DAGSTER_DB_NAME",
        "TAXI_LAKE_URL",
    ):
        monkeypatch.setenv(name, "/made-up")
    given = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
    read = process_config(resolve_to_config_type(dagster_instance_config_schema()), given)
    assert read.success, read.errors


def test_the_image_is_built_by_a_lock_file_that_holds_what_the_project_needs() -> None:
    locked = set((ROOT / "requirements-image.lock").read_text().splitlines())
    assert set((ROOT / "requirements.lock").read_text().splitlines()) <= locked
    assert any(line.startswith("dagster-k8s==") for line in locked)
