"""The warehouse: a DuckDB file that opens, or a BigQuery dataset that takes tables and jobs."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb

from taxi_assets.doctor.directory import directory
from taxi_assets.doctor.finding import About, Finding
from taxi_assets.doctor.lake import find_bucket, is_bucket
from taxi_assets.settings import Settings
from taxi_assets.targets.bigquery.connection import Connection, connect, emulator
from taxi_assets.targets.bigquery.errors import explained, is_about_project
from taxi_assets.targets.bigquery.names import Place, parse_url
from taxi_assets.targets.duckdb_file import duckdb_path, opened
from taxi_assets.targets.target import TargetError
from taxi_assets.words import error_line

_ABOUT = About("TAXI_WAREHOUSE_URL")
_WAIT_FOR_FILE = 3.0  # seconds; a load has the file for as long as it inserts
_DEADLINE = 6.0

_NEAR = {"us": ("us", "us-", "nam"), "eu": ("eu", "europe-", "eur")}
"""Bucket locations from which a dataset in a multi-region loads at no extra cost."""


def examine_warehouse(settings: Settings) -> Iterator[Finding]:
    """The file or dataset that ``TAXI_WAREHOUSE_URL`` names."""
    if settings.warehouse_url.startswith("bigquery:"):
        return _examine_bigquery(settings)
    return _examine_duckdb(settings.warehouse_url)


def _examine_duckdb(url: str) -> Iterator[Finding]:
    path = duckdb_path(url)
    yield from directory(_ABOUT, path.parent)
    if not path.exists():
        yield _ABOUT.ok(
            "file", f"DuckDB {duckdb.__version__}; {path} is not there yet, the first load makes it"
        )
        return
    try:
        with opened(path, _WAIT_FOR_FILE, "1GB") as connection:
            counted = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchall()
    except TimeoutError as error:
        yield _ABOUT.problem(
            "file",
            str(error),
            "Close it there (a DuckDB shell, a notebook, a run that hangs): loads need it alone.",
        )
    except duckdb.Error as error:
        yield _ABOUT.problem(
            "file",
            error_line(error),
            f"Move {path} away (the months can be loaded again), or set TAXI_WAREHOUSE_URL to another file.",
        )
    else:
        size = path.stat().st_size / 1e6
        yield _ABOUT.ok(
            "file", f"DuckDB {duckdb.__version__}; {path}, {size:,.1f} MB, {counted[0][0]} tables"
        )


def _examine_bigquery(settings: Settings) -> Iterator[Finding]:
    from google.api_core.exceptions import GoogleAPIError
    from requests.exceptions import RequestException

    try:
        place = parse_url(settings.warehouse_url)
        with explained(place):
            connection = connect(place, _DEADLINE, _DEADLINE)
            yield _jobs(connection)
            yield from _examine_dataset(connection, settings)
    except TargetError as error:
        yield _ABOUT.problem("access", str(error), "Do what is said there, or correct TAXI_WAREHOUSE_URL.")
    except (GoogleAPIError, RequestException, OSError) as error:
        yield _ABOUT.problem(
            "connection",
            f"no good answer from {emulator() or 'BigQuery'}: {error_line(error)}",
            "Check the network and its proxy; BIGQUERY_EMULATOR_HOST should be set for tests only.",
        )


def _jobs(connection: Connection) -> Finding:
    """A dry run: checks the right to run jobs, and costs nothing."""
    from google.cloud import bigquery

    config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    connection.client.query("SELECT 1", job_config=config, retry=connection.retry, job_retry=None)
    through = f" (emulator {emulator()})" if emulator() else ""
    return _ABOUT.ok("jobs", f"may be run in project {connection.place.project}{through}")


def _examine_dataset(connection: Connection, settings: Settings) -> Iterator[Finding]:
    from google.api_core.exceptions import NotFound

    place = connection.place
    try:
        dataset = connection.client.get_dataset(place.path, retry=connection.retry)
    except NotFound as error:
        if is_about_project(error):
            raise
        yield _ABOUT.warning(
            "dataset",
            f"{place.path} does not exist; the first load makes it in {place.location}, if it may",
            f"bq mk --location={place.location} --dataset {place.project}:{place.dataset}",
        )
        return
    location = dataset.location or place.location
    if location.lower() != place.location.lower():
        yield _ABOUT.problem(
            "location",
            f"dataset {place.path} is in {location}, TAXI_WAREHOUSE_URL says {place.location}",
            f"Set ?location={location} in TAXI_WAREHOUSE_URL, or make another dataset in {place.location}.",
        )
        return
    yield _ABOUT.ok("dataset", f"{place.path} is in {location}")
    yield _tables(connection)
    if is_bucket(settings):
        yield from _distance(settings.lake_url, place)


def _tables(connection: Connection) -> Finding:
    """Make an empty table and drop it; it would expire by itself if we died between."""
    from google.cloud import bigquery

    name = f"_doctor_{secrets.token_hex(4)}"
    table = bigquery.Table(connection.place.table(name), [bigquery.SchemaField("n", "INTEGER")])
    table.expires = datetime.now(UTC) + timedelta(hours=1)
    connection.client.create_table(table, retry=connection.retry)
    connection.client.delete_table(table, retry=connection.retry, not_found_ok=True)
    return _ABOUT.ok("rights", "tables may be made and dropped")


def _distance(lake_url: str, place: Place) -> Iterator[Finding]:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    try:
        bucket = str(find_bucket(lake_url).location)
    except (GoogleAPICallError, GoogleAuthError):
        return  # the lake's own examination says why
    near = _NEAR.get(place.location.lower(), (place.location,))
    if bucket.lower() == place.location.lower() or bucket.lower().startswith(near):
        yield _ABOUT.ok("distance", f"bucket in {bucket}, dataset in {place.location}")
        return
    yield _ABOUT.warning(
        "distance",
        f"the bucket of TAXI_LAKE_URL is in {bucket}, the dataset in {place.location}: BigQuery may "
        "refuse to load from there, and traffic between them costs",
        f"Keep both in one location: make a bucket in {place.location}, or a dataset in {bucket}.",
    )
