"""Names in BigQuery: the URL of a dataset, quoted identifiers, labels, partition decorators, staging tables.

Identifiers can't be query parameters, so whatever goes into SQL as a name passes through ``quoted``, which
admits nothing that could end the quotes.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlsplit

from taxi_assets.targets.target import TargetError

_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?")
_DATASET = re.compile(r"\w{1,1024}", re.ASCII)
_TABLE = re.compile(r"[\w-]{1,900}")  # BigQuery allows 1,024 bytes; the rest is for the staging table's name
_PLAIN_COLUMN = re.compile(r"[A-Za-z_]\w{0,299}", re.ASCII)
# What BigQuery calls flexible names. No backtick and no backslash, which could end the quotes in SQL.
_COLUMN = re.compile(r"[^\W\d][\w \-&%=+:'<>#|]{0,299}")
_RESERVED_COLUMNS = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")
_STAGING = re.compile(r"_staging_(?P<until>\d{10,})_[0-9a-f]{8}_.*", re.DOTALL)
_LABEL_LENGTH = 63


@dataclass(frozen=True)
class Place:
    """A dataset: where every table of a target lives."""

    project: str
    dataset: str
    location: str

    @property
    def path(self) -> str:
        """``project.dataset``, as clients and messages write it."""
        return f"{self.project}.{self.dataset}"

    def table(self, name: str) -> str:
        """``project.dataset.table``."""
        return f"{self.path}.{checked_table(name)}"

    def sql(self, name: str) -> str:
        """The table as SQL wants it, quoted."""
        return f"`{self.table(name)}`"


def parse_url(url: str) -> Place:
    """Read ``bigquery://project/dataset?location=EU``; the location is US where it isn't said.

    Raises:
        TargetError: The text is not such a URL; says what would be right.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    location = options.pop("location", "US")
    dataset = parts.path.strip("/")
    right = "expected bigquery://project/dataset?location=US"
    if parts.scheme != "bigquery" or options or not re.fullmatch(r"[A-Za-z0-9-]+", location):
        raise TargetError(f"{url!r} is not a BigQuery dataset: {right}")
    if not _PROJECT.fullmatch(parts.netloc) or not _DATASET.fullmatch(dataset):
        raise TargetError(f"{url!r} does not name a project and a dataset: {right}")
    return Place(parts.netloc, dataset, location)


def checked_table(name: str) -> str:
    """``name`` if it can be a table's.

    Raises:
        TargetError: It can't.
    """
    if not _TABLE.fullmatch(name):
        raise TargetError(f"{name!r} can't be a BigQuery table's name: use letters, digits, '_' and '-'")
    return name


def checked_column(name: str) -> str:
    """``name`` if it can be a column's.

    Raises:
        TargetError: It can't.
    """
    if not _COLUMN.fullmatch(name) or name.lower().startswith(_RESERVED_COLUMNS):
        raise TargetError(
            f"column {name!r} can't exist in BigQuery: rename it to letters, digits and '_', at most 300, "
            f"not starting with a digit or one of {', '.join(_RESERVED_COLUMNS)}"
        )
    return name


def is_plain(column: str) -> bool:
    """Whether ``column`` needs nothing of what BigQuery calls flexible names."""
    return _PLAIN_COLUMN.fullmatch(column) is not None


def quoted(column: str) -> str:
    """A column as SQL wants it."""
    return f"`{checked_column(column)}`"


def date_literal(day: date) -> str:
    """``DATE '2024-01-01'``: the one value that scripts hold as text, since emulators bind none there."""
    return f"DATE '{date(day.year, day.month, day.day).isoformat()}'"


def decorated(table: str, partition: date | None) -> str:
    """``table$202401``, the partition as a destination; the table itself if it has no partitions."""
    return table if partition is None else f"{table}${partition:%Y%m}"


def partition_key(partition: date | None) -> str:
    """The partition in ledgers and job ids: ``2024-01-01``, or nothing."""
    return "" if partition is None else partition.isoformat()


def label(text: str) -> str:
    """``text`` within the rules for label values: lower case, digits, '_', '-', at most 63."""
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:_LABEL_LENGTH]


def labels(texts: dict[str, str]) -> dict[str, str]:
    """Labels within BigQuery's rules; those without a value are left out, keys begin with a letter."""
    keyed = {label(key): label(value) for key, value in texts.items() if value}
    return {key if key[:1].isalpha() else f"x{key}"[:_LABEL_LENGTH]: value for key, value in keyed.items()}


def staging_name(table: str, until: datetime) -> str:
    """A new staging table's name. It says until when its load may live: emulators forget expiration times."""
    return f"_staging_{int(until.timestamp())}_{secrets.token_hex(4)}_{table}"


def is_dead_staging(name: str, now: datetime | None = None) -> bool:
    """Whether ``name`` is a staging table's whose load must have ended."""
    found = _STAGING.fullmatch(name)
    return found is not None and int(found["until"]) < (now or datetime.now(UTC)).timestamp()
