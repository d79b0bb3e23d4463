"""The contract that every store keeps: replace one partition whole, read, list, add up.

A target stores tables. A table is cut into partitions by one DATE column (``trip_month`` unless
configured otherwise), and a partition is only ever replaced whole and at once: a reader finds the
old rows or the new ones, never neither and never both, whatever dies and whenever. A table without
partitions is one partition, ``None``.

Rows travel as Arrow record batches. The stream that goes in does not carry the partition column (it
would say one value a million times); the target adds it, and what comes out carries it last.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, TypeAlias

import pyarrow as pa
from dagster import ConfigurableResource

Condition: TypeAlias = tuple[
    str, Literal["=", "!=", "<", "<=", ">", ">=", "in", "is null", "is not null"], object
]
"""One term of a filter: column, comparison, value. Terms of one filter hold together (AND)."""

Facts: TypeAlias = Mapping[str, str]
"""What is remembered beside a partition: ``version`` of its content, source file, run, time."""


Lineage: TypeAlias = Mapping[str, Sequence[tuple[Sequence[str], str]]]
"""For each column the columns that it is made of, each as its asset's key and its name there."""


@dataclass(frozen=True)
class Report:
    """What one ``replace`` did.

    Attributes:
        rows: Rows that the partition holds now.
        bytes: Bytes that it occupies in the store, indexes included; 0 where the store can't tell.
        replaced_rows: Rows that it held before, or None if there was no such partition.
        seconds: Time per phase, in the order in which they ran.
    """

    rows: int
    bytes: int
    replaced_rows: int | None
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """A partition that stands in the store: its rows by count, and the facts stored with it."""

    rows: int
    facts: Facts = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """Version of the content, as the last ``replace`` was told."""
        return self.facts.get("version")


@dataclass(frozen=True)
class Totals:
    """Rows and exact column sums of a partition, found by querying the store.

    Each value is rounded to ``exact_sums.MONEY_DECIMALS`` places before it is added, so that sums are exact,
    and equal between stores whatever the order of the rows.
    """

    rows: int
    sums: Mapping[str, Decimal]


@dataclass(frozen=True)
class Objects:
    """A partition as Parquet objects that another store may load by itself.

    Attributes:
        uris: All of them; they hold the partition's rows and no others. ``gs://…`` can be reached by a
            service as well, ``file:///…`` only from this machine.
        root: What their folders begin with: in a partitioned table the objects lie under
            ``<root>/<partition column>=<first day>/`` and leave that column out.
        schema: Their columns.
        rows: How many rows they hold together.
        facts: Stored with exactly these rows.
        files: Gives them as local files, not to be written to, for the length of a block: in the version that
            the rest of this tells of, or FileNotFoundError. None where they can't come to this machine.
        first: Opens the first of them, in this version, to be read as needed. None as for ``files``.
    """

    uris: tuple[str, ...]
    root: str
    schema: pa.Schema
    rows: int
    facts: Facts = field(default_factory=dict)
    files: Callable[[], AbstractContextManager[Sequence[Path]]] | None = None
    first: Callable[[], BinaryIO] | None = None

    def lie_in(self, column: str, partition: date | None) -> bool:
        """Whether their folder says that they are this partition's: their rows don't."""
        folder = self.root if partition is None else f"{self.root}/{column}={partition.isoformat()}"
        return all(uri.startswith(f"{folder}/") for uri in self.uris)


EXAMPLE_ROWS = 10
"""Rows that an example query shows: a screen, and no store reads much for them."""


class TargetError(Exception):
    """The store refuses what it is given, and would do so again: a retry can't help."""


class Target(ConfigurableResource, ABC):  # type: ignore[type-arg]
    """A store of tables that are partitioned by one DATE column."""

    storage_kind: ClassVar[str] = ""
    """What Dagster calls a store of this kind: ``postgres``; nothing for one that it has no word for."""

    partition_column: str = "trip_month"

    @abstractmethod
    def replace(
        self, table: str, partition: date | None, stream: pa.RecordBatchReader, facts: Facts | None = None
    ) -> Report:
        """Put the stream's rows in the place of everything that the partition held, atomically.

        Columns that the store's table lacks are added to it (nullable); columns that the stream lacks
        become null. Field and schema metadata under ``description`` become comments in the store.

        Args:
            table: Name of the table, see ``table_name``.
            partition: First day of the partition, or None for a table without partitions.
            stream: The rows, without the partition column. Read once, to its end, in bounded memory.
            facts: Remembered beside the partition and returned by ``partitions``. Complete only when the
                stream has ended: to be written after the last row.

        Raises:
            TargetError: The stream's schema does not fit the table; nothing was changed.
        """

    @abstractmethod
    def read(
        self,
        table: str,
        partitions: Sequence[date] | None = None,
        columns: Sequence[str] | None = None,
        where: Sequence[Condition] = (),
    ) -> pa.RecordBatchReader:
        """Stream rows, with the partition column last unless ``columns`` leaves it out.

        Args:
            table: Name of the table.
            partitions: Which ones, in this order; all, oldest first, if None.
            columns: Which ones, in this order; all if None.
            where: Conditions that hold together, evaluated by the store.

        Raises:
            TargetError: The table, a partition or a column does not exist: says which, and what does.
        """

    @abstractmethod
    def partitions(self, table: str) -> dict[date | None, Held]:
        """What stands in the store now, by query: empty if the table does not exist."""

    @abstractmethod
    def totals(self, table: str, partition: date | None, columns: Sequence[str]) -> Totals:
        """Count the partition's rows and add up ``columns`` exactly, by query (0 rows if it is not there)."""

    @abstractmethod
    def uri(self, table: str, partition: date | None = None) -> str:
        """Where a person finds the table or partition. Never holds a password."""

    def full_name(self, table: str) -> str | None:  # noqa: ARG002
        """``schema.table``, as people and catalogues write it, unquoted; None where tables have no names."""
        return None

    def example_query(self, table: str, partition: date | None) -> str:  # noqa: ARG002
        """A query that shows some of the partition's rows, to be copied into the store's own client.

        '' where there is no such client. Never holds a password.
        """
        return ""

    def example_python(self, table: str, partition: date | None) -> str:  # noqa: ARG002
        """Python that reads the partition's rows without this project, or ''. Never holds a password."""
        return ""

    def held(self, table: str, partition: date | None) -> Held | None:
        """One partition as it stands, or None. Stores override it where asking for one is cheaper."""
        return self.partitions(table).get(partition)

    def objects(self, table: str, partition: date | None) -> Objects | None:  # noqa: ARG002
        """The partition as objects that others can load, or None where there are none."""
        return None

    def replace_from(
        self,
        table: str,  # noqa: ARG002
        partition: date | None,  # noqa: ARG002
        objects: Objects,  # noqa: ARG002
        facts: Facts | None = None,  # noqa: ARG002
    ) -> Report | None:
        """As ``replace``, by objects that the store fetches itself; None if it can't: stream them then."""
        return None

    def table_name(self, asset_key: Sequence[str]) -> str:
        """Name of the table of an asset: its key's last part, as databases have one name per schema."""
        return asset_key[-1]
