"""The path that production takes: the very requests that Google's client sends, to a local endpoint."""

import base64
import io
from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core.exceptions import Forbidden, RetryError

from taxi_assets.targets.bigquery import BigQueryTarget
from taxi_assets.targets.bigquery.connection import EMULATOR_VARIABLE
from taxi_assets.targets.target import TargetError
from taxi_assets_tests.servers.bigquery_api import Api, Fault, bigquery_api
from taxi_assets_tests.targets.bigquery.conftest import JANUARY, Trips

UPLOAD = "/upload/bigquery/v2/projects/acme/jobs"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with bigquery_api() as running:
        monkeypatch.setenv(EMULATOR_VARIABLE, running.endpoint)
        running.rows = 3
        running.answers = [(r"SELECT COUNT\(\*\)", [{"f0_": 0}])]
        yield running


@pytest.fixture
def production(api: Api) -> BigQueryTarget:
    return BigQueryTarget(
        url="bigquery://acme/taxi?location=US",
        replace_by="write_truncate",
        cluster_by=["vendor_id"],
        labels={"Team": "Data Platform"},
        retry_deadline_s=20,
    )


def described(stream: pa.RecordBatchReader) -> pa.RecordBatchReader:
    fields = [field.with_metadata({"description": f"the {field.name}"}) for field in stream.schema]
    schema = pa.schema(fields, metadata={"description": "Trips"})
    return pa.RecordBatchReader.from_batches(schema, stream.read_all().to_batches())


def test_the_table_is_created_partitioned_clustered_described_and_labelled(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, described(trips(3)))
    created = [one.body for one in api.asked("POST", ".*/tables")]
    table = next(body for body in created if body["tableReference"]["tableId"] == "trips")
    assert table["tableReference"] == {"projectId": "acme", "datasetId": "taxi", "tableId": "trips"}
    assert table["timePartitioning"] == {"type": "MONTH", "field": "trip_month"}
    assert table["clustering"] == {"fields": ["vendor_id"]}
    assert table["description"] == "Trips"
    assert table["labels"] == {"team": "data_platform", "table": "trips"}
    assert table["schema"]["fields"] == [
        {"name": "vendor_id", "type": "INTEGER", "mode": "NULLABLE", "description": "the vendor_id"},
        {"name": "pickup", "type": "DATETIME", "mode": "NULLABLE", "description": "the pickup"},
        {"name": "fare", "type": "FLOAT", "mode": "NULLABLE", "description": "the fare"},
        {"name": "trip_month", "type": "DATE", "mode": "NULLABLE"},
    ]
    dataset = api.asked("POST", ".*/datasets")[0].body
    assert dataset["location"] == "US"


def test_a_month_is_one_load_job_into_the_partition_decorator(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    report = production.replace("trips", JANUARY, trips(3), {"version": "v1", "run": "0aF-1"})
    assert (report.rows, report.bytes, report.replaced_rows) == (3, 4096, None)
    (job,) = api.loads()
    load = job["configuration"]["load"]
    assert load["destinationTable"] == {"projectId": "acme", "datasetId": "taxi", "tableId": "trips$202401"}
    assert (load["sourceFormat"], load["writeDisposition"]) == ("PARQUET", "WRITE_TRUNCATE")
    assert load["timePartitioning"] == {"type": "MONTH", "field": "trip_month"}
    assert load["clustering"] == {"fields": ["vendor_id"]}
    assert load["parquetOptions"] == {"enableListInference": True}
    assert [field["name"] for field in load["schema"]["fields"]] == [
        "vendor_id",
        "pickup",
        "fare",
        "trip_month",
    ]
    assert "schemaUpdateOptions" not in load
    labels = {"team": "data_platform", "table": "trips", "month": "2024-01", "run": "0af-1"}
    assert job["configuration"]["labels"] == labels
    assert job["jobReference"]["location"] == "US"
    assert job["jobReference"]["jobId"].startswith("load_trips_")


def test_the_upload_is_resumable_and_carries_the_partition_column(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3))
    begun, ended = api.asked("POST", UPLOAD), api.asked("PUT", UPLOAD)
    assert [one.query for one in begun] == [{"uploadType": "resumable"}]
    assert [one.query["upload_id"] for one in ended] == ["1"]
    sent = pq.read_table(io.BytesIO(b"".join(one.raw for one in ended)))
    assert sent.column("trip_month").to_pylist() == [JANUARY] * 3
    assert sent.schema.field("pickup").type == pa.timestamp("us")
    assert sent.schema.field("vendor_id").type == pa.int64()


def test_a_name_with_a_space_is_not_silently_renamed(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3, **{"tip amount": pa.array([1.0] * 3)}))
    assert api.loads()[0]["configuration"]["load"]["columnNameCharacterMap"] == "STRICT"


def test_an_empty_month_is_loaded_too(api: Api, production: BigQueryTarget, trips: Trips) -> None:
    api.rows = 0
    assert production.replace("trips", JANUARY, trips(0)).rows == 0
    assert api.loads()[0]["configuration"]["load"]["writeDisposition"] == "WRITE_TRUNCATE"


def test_equal_work_has_an_equal_job_id_and_other_work_another(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    ids = []
    for version, month in (("a", JANUARY), ("a", JANUARY), ("b", JANUARY), ("a", date(2024, 2, 1))):
        api.jobs.clear()
        api.tables.clear()
        production.replace("trips", month, trips(3), {"version": version})
        ids.append(api.loads()[-1]["jobReference"]["jobId"])
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_after_a_lost_answer_the_job_that_ran_is_taken(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    api.faults = [Fault(f"PUT {UPLOAD}", 500, "backendError", "lost", after=True, times=1)]
    assert production.replace("trips", JANUARY, trips(3)).rows == 3
    loads = [job for job in api.jobs.values() if "load" in job["configuration"]]
    assert len(loads) == 1
    assert api.asked("GET", f".*/jobs/{loads[0]['jobReference']['jobId']}")


def test_a_job_that_failed_under_its_id_gets_another_attempt(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3))
    first = api.loads()[0]["jobReference"]["jobId"]
    api.jobs[first]["status"]["errorResult"] = {"reason": "backendError", "message": "try again"}
    api.tables.clear()
    production.replace("trips", JANUARY, trips(3))
    assert [job["jobReference"]["jobId"] for job in api.loads()][-1] == f"{first.removesuffix('-0')}-1"


@pytest.mark.parametrize(("status", "reason"), [(503, "backendError"), (429, "rateLimitExceeded")])
def test_overload_is_waited_out(
    api: Api, production: BigQueryTarget, trips: Trips, status: int, reason: str
) -> None:
    api.faults = [
        Fault(f"POST {UPLOAD}", status, reason, "later"),
        Fault("GET .*/tables/trips", status, reason, "later"),
    ]
    assert production.replace("trips", JANUARY, trips(3)).rows == 3


def test_a_passing_fault_that_outlasts_patience_stays_what_it_is(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    impatient = production.model_copy(update={"retry_deadline_s": 0.1})
    api.faults = [Fault("GET .*/tables/trips", 503, "backendError", "later", times=99)]
    with pytest.raises(RetryError, match="503"):
        impatient.replace("trips", JANUARY, trips(3))
    api.faults = [Fault("GET .*/tables/trips", 403, "quotaExceeded", "Quota exceeded", times=99)]
    with pytest.raises(Forbidden):
        impatient.replace("trips", JANUARY, trips(3))


REFUSALS = [
    (
        Fault(f"POST {UPLOAD}", 403, "accessDenied", "Access Denied: Dataset acme:taxi: Permission denied"),
        "roles/bigquery.dataEditor on the dataset",
    ),
    (
        Fault("POST .*/v2/projects/acme/jobs", 403, "accessDenied",
              "User does not have bigquery.jobs.create permission in project acme."),
        "grant roles/bigquery.jobUser on project acme",
    ),
    (
        Fault("POST .*/datasets", 403, "accessDenied", "User lacks bigquery.datasets.create permission"),
        "create it in location US, or grant roles/bigquery.user",
    ),
    (
        Fault("GET .*/tables/trips", 404, "notFound", "Not found: Project acme"),
        "project acme does not exist",
    ),
    (
        Fault(f"POST {UPLOAD}", 404, "notFound", "Not found: Dataset acme:taxi was not found in location US"),
        "set .location= in the URL",
    ),
    (
        Fault("GET .*/tables/trips", 403, "accessNotConfigured", "The API has not been used in project 1"),
        "enable bigquery.googleapis.com",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "sentence"), REFUSALS, ids=lambda one: getattr(one, "reason", None))
def test_a_refusal_says_which_right_or_setting_is_missing(
    api: Api, production: BigQueryTarget, trips: Trips, fault: Fault, sentence: str
) -> None:
    api.faults = [Fault(fault.on, fault.status, fault.reason, fault.message, times=99)]
    with pytest.raises(TargetError, match=sentence):
        production.replace("trips", JANUARY, trips(3))


def test_a_dataset_elsewhere_is_refused_with_the_url_that_fits(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    api.datasets["taxi"] = {"location": "EU", "datasetReference": {"projectId": "acme", "datasetId": "taxi"}}
    with pytest.raises(TargetError, match=r"in location EU, not in US: set \?location=EU"):
        production.replace("trips", JANUARY, trips(3))
    assert not api.loads()


def test_a_new_column_comes_with_the_load_that_brings_it(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3))
    production.replace("trips", JANUARY, trips(3, tip=pa.array([1.0, 2.0, 3.0])))
    load = api.loads()[-1]["configuration"]["load"]
    assert load["schemaUpdateOptions"] == ["ALLOW_FIELD_ADDITION"]
    assert load["schema"]["fields"][-1] == {"name": "tip", "type": "FLOAT", "mode": "NULLABLE"}
    assert not api.asked("PATCH", ".*")


def test_descriptions_that_changed_are_patched_and_others_are_not(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3))
    production.replace("trips", JANUARY, described(trips(3)))
    (patch,) = api.asked("PATCH", ".*/tables/trips")
    assert patch.body["description"] == "Trips"
    assert patch.body["schema"]["fields"][0]["description"] == "the vendor_id"
    production.replace("trips", JANUARY, described(trips(3)))
    assert len(api.asked("PATCH", ".*/tables/trips")) == 1


def test_objects_of_the_lake_are_loaded_where_they_lie(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    uri = "gs://lake/trips/trip_month=2024-01-01/part.parquet"
    schema = trips(0).schema
    report = production.replace_from_uris(
        "trips", JANUARY, [uri], schema, {"version": "e1"}, hive_prefix="gs://lake/trips/"
    )
    assert report.rows == 3
    load = api.loads()[0]["configuration"]["load"]
    assert load["sourceUris"] == [uri]
    assert load["destinationTable"]["tableId"] == "trips$202401"
    assert load["hivePartitioningOptions"] == {
        "mode": "CUSTOM", "sourceUriPrefix": "gs://lake/trips/{trip_month:DATE}"
    }  # fmt: skip
    assert not api.asked("PUT", UPLOAD)
    with pytest.raises(TargetError, match="gs:// objects only"):
        production.replace_from_uris("trips", JANUARY, ["/tmp/part.parquet"], schema)


def test_the_intent_is_written_before_the_load_and_the_outcome_after_it(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3), {"version": "v1"})
    steps = [
        "load"
        if "load" in one.body.get("configuration", {})
        else one.body["configuration"]["query"]["query"][:11]
        for one in api.asked("POST", ".*/jobs")
    ]
    assert steps[-3:] == ["INSERT INTO", "load", "INSERT INTO"]


def test_a_load_whose_outcome_nobody_wrote_down_is_asked_of_its_job(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3), {"version": "v1"})
    key = api.loads()[0]["jobReference"]["jobId"].removesuffix("-0")
    api.answers.insert(0, ("_partitions", [_intent(key, trips(0).schema)]))
    held = production.held("trips", JANUARY)
    assert held is not None
    assert held.version == "v1"
    api.jobs[f"{key}-0"]["status"]["errorResult"] = {"reason": "invalid", "message": "no"}
    assert production.held("trips", JANUARY) is None


def test_a_load_that_a_dead_process_left_running_is_cancelled_before_another_begins(
    api: Api, production: BigQueryTarget, trips: Trips
) -> None:
    production.replace("trips", JANUARY, trips(3), {"version": "v1"})
    running = api.loads()[0]["jobReference"]["jobId"]
    api.jobs[running]["status"] = {"state": "RUNNING"}
    api.answers.insert(0, ("_partitions", [_intent(running.removesuffix("-0"), trips(0).schema)]))
    production.replace("trips", JANUARY, trips(3, fare=9.0), {"version": "v2"})
    paths = [one.path for one in api.requests]
    cancelled = next(n for n, path in enumerate(paths) if path.endswith(f"/jobs/{running}/cancel"))
    begun = max(n for n, path in enumerate(paths) if path == UPLOAD)
    assert cancelled < begun


def _intent(key: str, schema: pa.Schema) -> dict[str, str | None]:
    """The ledger's row of a load whose outcome nobody wrote down."""
    return {
        "table_name": "trips", "part": "2024-01-01", "state": "loading", "job": key, "written_at": None,
        "facts": '{"version": "v1"}',
        "arrow_schema": base64.b64encode(schema.serialize().to_pybytes()).decode(),
    }  # fmt: skip
