"""What steps print, kept in the lake: one setting for the data and for the logs of its making.

Dagster has a log manager for a directory and one for a bucket, and ``dagster.yaml`` must name one of them.
This one chooses by the lake's URL, so that one file serves the whole image whatever the lake is.
"""

import tempfile
from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import Field, StringSource
from dagster._core.storage.compute_log_manager import ComputeLogManager
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClass, ConfigurableClassData

FOLDER = "compute_logs"
"""Beside the tables; no table has this name."""


class LakeComputeLogManager(ComputeLogManager, ConfigurableClass, ABC):
    """Named in ``dagster.yaml``; what it makes is one of Dagster's own."""

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """``url``: the lake's."""
        return {"url": Field(StringSource, description="A directory, or gs://bucket/prefix.")}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> ComputeLogManager:
        """The log manager for the lake's kind of place."""
        url = str(config_value["url"])
        if not url.startswith("gs://"):
            folder = Path(url.removeprefix("file://")) / FOLDER
            return LocalComputeLogManager(str(folder), inst_data=inst_data)
        from dagster_gcp.gcs import GCSComputeLogManager  # imports Google's client: a second

        bucket, _, prefix = url.removeprefix("gs://").partition("/")
        return GCSComputeLogManager(
            bucket=bucket,
            prefix="/".join([*filter(None, prefix.split("/")), FOLDER]),
            local_dir=tempfile.gettempdir(),
            upload_interval=30,  # a run that is killed leaves all but its last half minute
            inst_data=inst_data,
        )
