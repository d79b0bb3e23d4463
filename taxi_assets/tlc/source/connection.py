"""One HTTP request and what its answer means: go on, be patient, not there, or refused."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

import requests

from taxi_assets.tlc.source.facts import iso, make_facts
from taxi_assets.tlc.source.patience import Passing, Patience, parse_http_date, parse_retry_after
from taxi_assets.tlc.source.source import BadFile, Facts, Refused

_SECRETS = re.compile(r"(?<=//)[^/\s@]*@|[?][^\s)]*")  # user:password@, and a query
_ABSENT = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_HANDLED = {
    HTTPStatus.OK,
    HTTPStatus.PARTIAL_CONTENT,
    HTTPStatus.NOT_MODIFIED,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}


@dataclass(frozen=True)
class Address:
    """One file's URL: as it is asked for, and as it may be shown."""

    url: str = field(repr=False)
    shown: str

    @property
    def name(self) -> str:
        """The file's published name."""
        return self.shown.rpartition("/")[2]


class Absent(Exception):  # noqa: N818 - never leaves the package
    """The server says that the file is not there."""


@dataclass(frozen=True)
class Connection:
    """A session with its credentials and limits."""

    session: requests.Session
    patience: Patience

    def ask(self, method: str, address: Address, headers: Facts) -> requests.Response:
        """Send one request; the answer's body is not read yet.

        Raises:
            Passing: No answer, or one that asks for patience.
            Absent: 403 or 404; the CDN answers 403 for a month that is not published.
            Refused: Any other refusal.
            BadFile: An HTML page.
        """
        limits = (self.patience.connect, self.patience.read)
        try:
            answer = self.session.request(
                method, address.url, headers=dict(headers), timeout=limits, stream=True, allow_redirects=True
            )
        except requests.RequestException as error:
            failure = cause_of(error)
        else:
            return _accepted(answer, address)
        raise Passing(failure)  # outside the handler: the client's exception quotes the whole URL


def _accepted(answer: requests.Response, address: Address) -> requests.Response:
    status = answer.status_code
    page = status in {200, 206} and answer.headers.get("Content-Type", "").startswith("text/html")
    if status in _HANDLED and not page:
        return answer
    answer.close()
    if page:
        raise BadFile(
            f"{address.shown}: expected a data file, found an HTML page (HTTP {status}, "
            "Content-Type text/html). A proxy, a login page or a wrong address answers like this; check "
            "TAXI_SOURCE_URL."
        )
    if status in _ABSENT:
        raise Absent(f"HTTP {status}")
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        asked = parse_retry_after(answer.headers.get("Retry-After"), answer.headers.get("Date"))
        raise Passing(f"HTTP {status}", asked)
    raise Refused(
        f"{address.shown}: expected the file, found HTTP {status}. The server refuses the request and would "
        "do so again; check TAXI_SOURCE_URL, and the credentials of the mirror or proxy if there are any."
    )


def conditions(known: Facts | None, address: Address) -> dict[str, str]:
    """Headers by which a server answers 304, without a body, as long as the file is the known one."""
    known = known or {}
    headers = {"Accept-Encoding": "identity"}  # else a CDN may pack it, under another ETag and length
    if known.get("etag"):
        headers["If-None-Match"] = known["etag"]
    # A date says nothing about another server's copy, while an ETag of another one just won't match.
    if known.get("last_modified") and known.get("url", address.shown) == address.shown:
        moment = datetime.fromisoformat(known["last_modified"])
        headers["If-Modified-Since"] = format_datetime(moment, usegmt=True)
    return headers


def header_facts(answer: requests.Response, address: Address) -> dict[str, str]:
    """What the headers tell about the whole file."""
    modified = parse_http_date(answer.headers.get("Last-Modified"))
    partial = answer.status_code == HTTPStatus.PARTIAL_CONTENT
    return make_facts(
        url=address.shown,
        etag=answer.headers.get("ETag", ""),
        last_modified=iso(modified) if modified else "",
        bytes="" if partial else answer.headers.get("Content-Length", ""),
        file_name=address.name,
    )


def cause_of(error: BaseException) -> str:
    """The innermost reason of a client's exception, without the URL that the outer ones quote."""
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    text = _SECRETS.sub("", str(chain[-1]))
    return f"{type(chain[-1]).__name__}: {text}"[:300]
