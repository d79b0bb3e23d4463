"""A local HTTP endpoint that answers as the BigQuery v2 REST API documents, and records every request.

The emulator knows no partition decorators and gives uploads ids of its own, so the path that production
takes is tested here: Google's own client, its real requests over real HTTP, answers in the documented
form. It stores nothing: rows exist as the numbers that a test puts in, and each query is answered from
``answers``. Not the real service: what BigQuery refuses beyond what is programmed here is not known here.

Documented at https://cloud.google.com/bigquery/docs/reference/rest (jobs, tables, datasets, the resumable
upload protocol) and /bigquery/docs/error-messages.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
_BASE = r"/bigquery/v2/projects/(?P<project>[^/]+)"
_UPLOAD = r"/upload/bigquery/v2/projects/(?P<project>[^/]+)/jobs"


@dataclass(frozen=True)
class Request:
    """One request as it came: ``POST``, its path, its query, its body if that was JSON, its bytes if not."""

    method: str
    path: str
    query: dict[str, str]
    body: Json
    raw: bytes


@dataclass
class Fault:
    """An answer that takes the place of the right one, ``times`` times.

    Attributes:
        on: Method and the end of the path as a pattern, ``POST .*/jobs``.
        status: Its HTTP status; 0 closes the connection without an answer.
        reason: The ``reason`` of the error, as in /bigquery/docs/error-messages.
        message: Its text.
        after: Do what is asked first: the answer is lost, not the request.
        times: How often.
    """

    on: str
    status: int
    reason: str
    message: str
    after: bool = False
    times: int = 1


@dataclass
class Api:
    """The service's state, and what it was asked.

    Attributes:
        endpoint: Its URL.
        location: Of every dataset and job.
        datasets, tables, jobs: What exists, by id.
        rows: What a load job reports as ``outputRows``.
        answers: Pattern in a query's text, and the rows that answer it, each as name -> value.
        faults: What goes wrong next.
        requests: Everything that was asked, in order.
    """

    endpoint: str = ""
    location: str = "US"
    datasets: dict[str, Json] = field(default_factory=dict)
    tables: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    sessions: dict[str, Json] = field(default_factory=dict)
    rows: int = 0
    answers: list[tuple[str, list[Json]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, method: str, path: str) -> list[Request]:
        """Requests of ``method`` whose path matches ``path``."""
        return [one for one in self.requests if one.method == method and re.fullmatch(path, one.path)]

    def loads(self) -> list[Json]:
        """Bodies of every load job that was asked for, uploads included."""
        bodies = [one.body for one in self.requests if one.method == "POST" and one.path.endswith("/jobs")]
        return [body for body in bodies if "load" in body.get("configuration", {})]

    def queries(self) -> list[str]:
        """Texts of all queries."""
        bodies = [one.body for one in self.asked("POST", ".*/jobs")]
        found = [body.get("configuration", {}).get("query", {}).get("query") for body in bodies]
        return [text for text in found if text]

    def answer(self, request: Request) -> tuple[int, Json, dict[str, str]]:
        """Status, body and headers for ``request``."""
        fault = self._fault(request)
        if fault is not None and not fault.after:
            return _error(fault.status, fault.reason, fault.message)
        found = self._route(request)
        return found if fault is None else _error(fault.status, fault.reason, fault.message)

    def _fault(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.fullmatch(fault.on, f"{request.method} {request.path}"):
                fault.times -= 1
                return fault
        return None

    def _route(self, request: Request) -> tuple[int, Json, dict[str, str]]:
        for method, pattern, handle in _ROUTES:
            match = re.fullmatch(pattern, request.path)
            if request.method == method and match:
                return handle(self, request, **match.groupdict())
        return _error(404, "notFound", f"No route for {request.method} {request.path}")

    def insert_job(self, body: Json, project: str) -> tuple[int, Json, dict[str, str]]:
        """Run ``body`` at once, under its own id; an id that exists already is a 409."""
        reference = body["jobReference"]
        job_id = reference["jobId"]
        if job_id in self.jobs:
            return _error(409, "duplicate", f"Already Exists: Job {project}:{self.location}.{job_id}")
        kind = next(iter(body["configuration"].keys() & {"load", "query"}))
        statistics: Json = {"creationTime": "1", "startTime": "1", "endTime": "1700000000000"}
        if kind == "load":
            statistics["load"] = {"outputRows": str(self.rows), "outputBytes": "4096"}
        self.jobs[job_id] = {
            "kind": "bigquery#job",
            "id": f"{project}:{self.location}.{job_id}",
            "jobReference": {"projectId": project, "jobId": job_id, "location": self.location},
            "configuration": body["configuration"] | {"jobType": kind.upper()},
            "status": {"state": "DONE"},
            "statistics": statistics,
        }
        return 200, self.jobs[job_id], {}


def _get_dataset(api: Api, request: Request, project: str, dataset: str) -> tuple[int, Json, dict[str, str]]:
    found = api.datasets.get(dataset)
    return (200, found, {}) if found else _error(404, "notFound", f"Not found: Dataset {project}:{dataset}")


def _insert_dataset(api: Api, request: Request, project: str) -> tuple[int, Json, dict[str, str]]:
    name = request.body["datasetReference"]["datasetId"]
    api.datasets[name] = {"kind": "bigquery#dataset", "location": api.location} | request.body
    return 200, api.datasets[name], {}


def _get_table(
    api: Api, request: Request, project: str, dataset: str, table: str
) -> tuple[int, Json, dict[str, str]]:
    found = api.tables.get(table)
    message = f"Not found: Table {project}:{dataset}.{table}"
    return (200, found, {}) if found else _error(404, "notFound", message)


def _insert_table(api: Api, request: Request, project: str, dataset: str) -> tuple[int, Json, dict[str, str]]:
    name = request.body["tableReference"]["tableId"]
    if name in api.tables:
        return _error(409, "duplicate", f"Already Exists: Table {project}:{dataset}.{name}")
    api.tables[name] = {"kind": "bigquery#table", "type": "TABLE", "etag": "1"} | request.body
    return 200, api.tables[name], {}


def _patch_table(
    api: Api, request: Request, project: str, dataset: str, table: str
) -> tuple[int, Json, dict[str, str]]:
    api.tables[table] |= request.body
    return 200, api.tables[table], {}


def _insert_job(api: Api, request: Request, project: str) -> tuple[int, Json, dict[str, str]]:
    return api.insert_job(request.body, project)


def _get_job(api: Api, request: Request, project: str, job: str) -> tuple[int, Json, dict[str, str]]:
    found = api.jobs.get(job)
    return (200, found, {}) if found else _error(404, "notFound", f"Not found: Job {project}:{job}")


def _cancel_job(api: Api, request: Request, project: str, job: str) -> tuple[int, Json, dict[str, str]]:
    api.jobs[job]["status"] = {
        "state": "DONE",
        "errorResult": {"reason": "stopped", "message": "Job was cancelled"},
    }
    return 200, {"kind": "bigquery#jobCancelResponse", "job": api.jobs[job]}, {}


def _get_results(api: Api, request: Request, project: str, job: str) -> tuple[int, Json, dict[str, str]]:
    text = api.jobs[job]["configuration"]["query"]["query"]
    rows = next((rows for pattern, rows in api.answers if re.search(pattern, text, re.DOTALL)), [])
    names = list(rows[0]) if rows else ["f0_"]
    fields = [
        {"name": name, "type": _kind(rows[0][name] if rows else None), "mode": "NULLABLE"} for name in names
    ]
    body = {
        "kind": "bigquery#getQueryResultsResponse",
        "jobComplete": True,
        "jobReference": api.jobs[job]["jobReference"],
        "schema": {"fields": fields},
        "totalRows": str(len(rows)),
        "rows": [{"f": [{"v": _value(row[name])} for name in names]} for row in rows],
    }
    return 200, body, {}


def _begin_upload(api: Api, request: Request, project: str) -> tuple[int, Json, dict[str, str]]:
    """Step one of a resumable upload: the job's metadata; the answer says where the bytes go."""
    session = str(len(api.sessions) + 1)
    api.sessions[session] = request.body
    place = (
        f"{api.endpoint}/upload/bigquery/v2/projects/{project}/jobs?uploadType=resumable&upload_id={session}"
    )
    return 200, {}, {"Location": place}


def _end_upload(api: Api, request: Request, project: str) -> tuple[int, Json, dict[str, str]]:
    """Step two: the bytes. With the last of them the job begins."""
    return api.insert_job(api.sessions[request.query["upload_id"]], project)


_ROUTES: tuple[tuple[str, str, Callable[..., tuple[int, Json, dict[str, str]]]], ...] = (
    ("POST", rf"{_BASE}/datasets", _insert_dataset),
    ("GET", rf"{_BASE}/datasets/(?P<dataset>[^/]+)", _get_dataset),
    ("POST", rf"{_BASE}/datasets/(?P<dataset>[^/]+)/tables", _insert_table),
    ("GET", rf"{_BASE}/datasets/(?P<dataset>[^/]+)/tables/(?P<table>[^/]+)", _get_table),
    ("PATCH", rf"{_BASE}/datasets/(?P<dataset>[^/]+)/tables/(?P<table>[^/]+)", _patch_table),
    ("POST", rf"{_BASE}/jobs", _insert_job),
    ("GET", rf"{_BASE}/jobs/(?P<job>[^/]+)", _get_job),
    ("POST", rf"{_BASE}/jobs/(?P<job>[^/]+)/cancel", _cancel_job),
    ("GET", rf"{_BASE}/queries/(?P<job>[^/]+)", _get_results),
    ("POST", _UPLOAD, _begin_upload),
    ("PUT", _UPLOAD, _end_upload),
)


def _kind(value: object) -> str:
    return "INTEGER" if isinstance(value, int) else "STRING"


def _value(value: object) -> str | None:
    return None if value is None else str(value)


def _error(status: int, reason: str, message: str) -> tuple[int, Json, dict[str, str]]:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}, {}


@contextmanager
def bigquery_api() -> Iterator[Api]:
    """Serve an empty project for the length of the block."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet: else each answer waits 40 ms for an acknowledgement

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep silent: requests are recorded."""

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            is_json = raw[:1] == b"{"
            request = Request(
                self.command, parts.path, query, json.loads(raw) if is_json else {}, b"" if is_json else raw
            )
            with api.lock:
                api.requests.append(request)
                status, body, headers = api.answer(request)
            if not status:
                self.close_connection = True
                return
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
