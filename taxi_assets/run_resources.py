"""What a run's pod gets on Kubernetes, by service: a tag of its job that other launchers pass over.

No step holds a month in memory, so what differs is not memory but time and disk: a month of green is 50
thousand rows and a second of one core, a month of fhvhv 20 million, two cores for minutes, and three times
its half gigabyte of file while it is loaded. Runs of no service's job - a backfill launched over assets - get
what the code's deployment in ``deploy/helm/values.yaml`` has: enough for any service.
"""

from typing import Any

from taxi_assets.tlc.services import Service

TAG = "dagster-k8s/config"
"""Dagster's own tag; ``K8sRunLauncher`` merges it over what the installation says."""

_HEAVY = {"requests": {"cpu": "2", "memory": "1536Mi", "ephemeral-storage": "8Gi"}, "memory": "2Gi"}
_LIGHT = {"requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"}, "memory": "1536Mi"}


def resource_tags(service: Service) -> dict[str, Any]:
    """Tags for the job of a service."""
    wanted = _HEAVY if service.heavy else _LIGHT
    resources = {"requests": wanted["requests"], "limits": {"memory": wanted["memory"]}}
    return {TAG: {"container_config": {"resources": resources}}}
