"""The chart's values use names that the chart knows, and say what Dagster's launcher understands."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from taxi_assets.run_resources import TAG, resource_tags
from taxi_assets.settings import KNOWN
from taxi_assets.tlc.services import SERVICES

ROOT = Path(__file__).parents[2]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy/helm/values.yaml").read_text())
NAMES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("chart_names.yaml").read_text())
LAUNCHER: dict[str, Any] = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]


def sections(value: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each section's path and the names in it, as deep as names are recorded."""
    if isinstance(value, list):
        for one in value:
            yield from sections(one, path)
    if not isinstance(value, dict):
        return
    yield path, set(value)
    for name, inner in value.items():
        below = f"{path}.{name}" if path else name
        if below in NAMES and NAMES[below] != "any":
            yield from sections(inner, below)


def test_the_chart_knows_every_name() -> None:
    top = {name for name in NAMES if "." not in name}
    unknown = {
        f"{path}.{name}"
        for path, names in sections(VALUES)
        for name in names - (set(NAMES[path]) if path else top)
    }
    assert unknown == set()


def test_every_recorded_section_is_one_that_is_used() -> None:
    used = {path for path, _ in sections(VALUES) if path} | {name for name in NAMES if NAMES[name] == "any"}
    assert set(NAMES) - used - {"generatePostgresqlPasswordSecret"} == set()


def test_nothing_runs_as_root_or_can_write_to_the_image() -> None:
    for part in (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE):
        assert part["podSecurityContext"]["runAsNonRoot"]
        assert part["podSecurityContext"]["runAsUser"] == 10001
    for part in (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE, LAUNCHER):
        assert part["securityContext"]["readOnlyRootFilesystem"]
        assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert LAUNCHER["runK8sConfig"]["podSpecConfig"]["security_context"]["run_as_user"] == 10001


def test_no_value_holds_a_password() -> None:
    text = (ROOT / "deploy/helm/values.yaml").read_text()
    assert (
        re.findall(r"(?i)password\w*:\s*\S+", text.replace("generatePostgresqlPasswordSecret: false", ""))
        == []
    )
    assert re.findall(r"://[^/\s:@]+:[^/\s@]+@", text) == []


def test_every_setting_of_ours_is_one() -> None:
    for part in (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], CODE):
        assert {name for name in part["env"] if name.startswith("TAXI_")} <= set(KNOWN)


def test_a_month_of_fhvhv_gets_more_than_one_of_green_and_no_service_more_than_the_default() -> None:
    def cores(wanted: str) -> float:
        return float(wanted.removesuffix("m")) / (1000 if wanted.endswith("m") else 1)

    asked = {
        name: resource_tags(service)[TAG]["container_config"]["resources"]
        for name, service in SERVICES.items()
    }
    assert cores(asked["fhvhv"]["requests"]["cpu"]) > cores(asked["green"]["requests"]["cpu"])
    assert max(cores(one["requests"]["cpu"]) for one in asked.values()) <= cores(
        CODE["resources"]["requests"]["cpu"]
    )


def test_dagsters_launcher_understands_its_values_and_the_tags_of_our_jobs() -> None:
    reason = "dagster-k8s comes with the group `deploy` of pyproject.toml"
    launcher = pytest.importorskip("dagster_k8s.launcher", reason=reason)
    context = pytest.importorskip("dagster_k8s.container_context", reason=reason)
    job = pytest.importorskip("dagster_k8s.job", reason=reason)
    from dagster._config import process_config, resolve_to_config_type

    given = {
        "service_account_name": VALUES["global"]["serviceAccountName"],
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "dagster-instance",
        "security_context": LAUNCHER["securityContext"],
        "fail_pod_on_run_failure": LAUNCHER["failPodOnRunFailure"],
        "run_k8s_config": {snake(name): inner for name, inner in LAUNCHER["runK8sConfig"].items()},
    }
    read = process_config(resolve_to_config_type(launcher.K8sRunLauncher.config_type()), given)
    assert read.success, read.errors
    told = {
        "k8s": {name: CODE[camel] for name, camel in (("resources", "resources"), ("volumes", "volumes"))}
    }
    told["k8s"]["volume_mounts"] = CODE["volumeMounts"]
    asked = context.K8sContainerContext.create_from_config(told)
    assert asked.run_k8s_config.container_config["resources"] == CODE["resources"]
    for service in SERVICES.values():
        tags = {name: json.dumps(value) for name, value in resource_tags(service).items()}
        config = job.get_user_defined_k8s_config(tags)
        assert config.container_config["resources"]["limits"]["memory"].endswith("i")


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
