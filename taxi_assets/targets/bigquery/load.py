"""Load jobs: what is loaded, into what, and how the job is configured.

Uploads are resumable ones: a broken connection goes on where it stopped, and the emulator's multipart
upload is broken.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from taxi_assets.targets.arrow_schema import plain_type
from taxi_assets.targets.bigquery.connection import Connection
from taxi_assets.targets.bigquery.names import is_plain, label
from taxi_assets.targets.target import Objects

if TYPE_CHECKING:
    from google.cloud import bigquery


@dataclass(frozen=True)
class Source:
    """Parquet to be loaded: one local file, or objects on GCS.

    Attributes:
        path: The local file, or None.
        uris: The objects, ``gs://…``; one may end in a wildcard.
        hive_prefix: Prefix of the objects' hive folders, where the files leave the partition column out.
        content: Says what is in it, for the job's id: a digest, or a version.
        rows: How many rows it holds, where that is known.
    """

    path: Path | None
    uris: tuple[str, ...]
    hive_prefix: str | None
    content: str
    rows: int | None


# Types that BigQuery reads out of Parquet as they are meant, and as an upload of ours holds them. Others
# (nanoseconds, unsigned, decimals, lists) are cast on the way, so they have to come through this process.
_LOADED_ALIKE = frozenset(
    {
        *(pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
        *(pa.string(), pa.binary(), pa.date32(), pa.timestamp("us")),
    }
)


def loadable(objects: Objects, partition_column: str, partition: date | None) -> bool:
    """Whether a load job of these objects gives the rows that their stream would give.

    They must lie in the partition's folder itself: each further ``column=value`` folder, as of a month cut
    by day, would become a column. A ``*`` in a name would be a wildcard.
    """
    folder = objects.root if partition is None else f"{objects.root}/{partition_column}={partition}"
    return (
        all(uri.rpartition("/")[0] == folder and "*" not in uri for uri in objects.uris)
        and objects.root.startswith("gs://")
        and all(plain_type(column.type) in _LOADED_ALIKE for column in objects.schema)
    )


def work_key(*parts: str, table: str) -> str:
    """Name of a piece of work, for job ids: equal work, equal name. Letters, digits, '_' and '-' only."""
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return f"load_{label(table)}_{digest}"


def configure(
    fields: "Sequence[bigquery.SchemaField]",
    labels: Mapping[str, str],
    source: Source,
    partition_column: str | None,
) -> "bigquery.LoadJobConfig":
    """A load job that puts Parquet in the place of what its destination holds."""
    from google.cloud import bigquery
    from google.cloud.bigquery.format_options import ParquetOptions

    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
        schema=list(fields),
        labels=dict(labels),
    )
    options = ParquetOptions()  # type: ignore[no-untyped-call]
    options.enable_list_inference = True  # else a list is a record that holds a list
    config.parquet_options = options
    if not all(is_plain(field.name) for field in fields):
        # Otherwise a load of Parquet silently turns such a name into one of letters, digits and '_'.
        config.column_name_character_map = "STRICT"
    if source.hive_prefix is not None and partition_column is not None:
        # CUSTOM names the key's type; AUTO would infer it from the folder's text.
        hive = bigquery.HivePartitioningOptions()
        hive.mode = "CUSTOM"
        hive.source_uri_prefix = f"{source.hive_prefix.rstrip('/')}/{{{partition_column}:DATE}}"
        config.hive_partitioning = hive
    return config


def submit(
    connection: Connection, source: Source, destination: str, config: "bigquery.LoadJobConfig", job_id: str
) -> "bigquery.LoadJob":
    """Send the job under ``job_id``; does not wait for it."""
    from google.cloud import bigquery

    table: Any = bigquery.TableReference.from_string(f"{connection.place.path}.{destination}")
    options: dict[str, Any] = {"job_id": job_id, "job_config": config, "location": connection.place.location}
    if source.path is None:
        return connection.client.load_table_from_uri(source.uris, table, retry=connection.retry, **options)
    with source.path.open("rb") as file:  # no size is told: with one, small files go as multipart uploads
        return connection.client.load_table_from_file(file, table, **options)
