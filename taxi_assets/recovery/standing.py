"""What stands in the stores, stage by stage, by asking them and nobody else."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from taxi_assets.settings import Settings
from taxi_assets.targets.objects import open_objects
from taxi_assets.targets.objects.local import LocalObjects
from taxi_assets.targets.target import Held
from taxi_assets.tlc.services import Service

UNCOUNTED = -1
"""Rows of a raw CSV copy, which tells them only when it is read."""

IN_THE_LAKE = ("raw", "cleaned", "quarantined", "lake")
"""Stages that lose everything at once if the lake is somewhere else."""

_TABLES_OF_THE_LAKE = ("cleaned", "quarantined")


def stages_of(settings: Settings) -> tuple[str, ...]:
    """First parts of the asset keys of a service, upstream first: the targets are those that are on."""
    return ("raw", *_TABLES_OF_THE_LAKE, *settings.targets)


def store_of(stage: str) -> str:
    """Key of the resource that keeps a stage."""
    if stage == "raw":
        return "raw_files"
    return "lake" if stage in _TABLES_OF_THE_LAKE else stage


def standing(stores: Mapping[str, Any], service: Service, stage: str) -> dict[date, Held]:
    """Every month that a stage holds, with its rows and facts.

    Args:
        stores: Resources by their keys.
        service: Whose trips.
        stage: ``raw``, ``cleaned``, ``quarantined``, or a target's name.
    """
    store, key = stores[store_of(stage)], [stage, f"{service.name}_trips"]
    if stage == "raw":
        files = store.partitions("/".join(key)).items()
        return {when: Held(int(facts.get("rows", UNCOUNTED)), facts) for when, facts in files if when}
    return {when: held for when, held in store.partitions(store.table_name(key)).items() if when}


def lost_directory(lake_url: str) -> str | None:
    """The lake's directory where it is not there, as on a machine whose disk was not mounted.

    An empty bucket answers, a directory that is gone only seems to: every month would look lost, and be
    fetched again into the place where the disk belongs.
    """
    objects = open_objects(lake_url)
    if isinstance(objects, LocalObjects) and not objects.root.is_dir():
        return str(objects.root)
    return None
