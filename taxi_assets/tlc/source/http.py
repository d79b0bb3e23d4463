"""Published files over HTTP: the TLC's CDN, or a mirror with its layout."""

from datetime import date
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from taxi_assets.tlc.services import Service
from taxi_assets.tlc.source.connection import Absent, Address, Connection, conditions, header_facts
from taxi_assets.tlc.source.facts import make_facts, redacted, sighting
from taxi_assets.tlc.source.patience import Passing, Patience, persist
from taxi_assets.tlc.source.source import (
    ZONES_NAME,
    Facts,
    Published,
    Sighting,
    SourceUnavailable,
    no_zones,
    not_published,
)
from taxi_assets.tlc.source.transfer import Transfer

_TRIPS_FOLDER = "/trip-data"


class HttpSource:
    """The files below one URL, ``https://host/trip-data`` by the TLC's layout."""

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        parts = urlsplit(url)
        self._patience = patience or Patience()
        self._auth = (
            (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username else None
        )
        self._parts = parts._replace(
            netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/"), fragment=""
        )

    def __repr__(self) -> str:
        return f"HttpSource({redacted(self._parts.geturl())!r})"

    def fetch(
        self, service: Service, month: date, into: Path, known: Facts | None = None
    ) -> Published | None:
        """See ``Source.fetch``."""
        address = self._address(self._parts.path, service.file_name(month))
        try:
            return self._download(address, into, known)
        except Absent as absent:
            raise not_published(address.shown, str(absent), service, month) from None

    def look(self, service: Service, month: date, known: Facts | None = None) -> Sighting:
        """See ``Source.look``: one HEAD request, answered by 304 where nothing has changed."""
        address = self._address(self._parts.path, service.file_name(month))

        with self._session() as session:
            connection = Connection(session, self._patience)

            def attempt() -> Sighting:
                with connection.ask("HEAD", address, conditions(known, address)) as answer:
                    return _sighting(answer, address, known)

            try:
                return persist(self._patience, address.shown, attempt)
            except Absent:
                return Sighting("unpublished")

    def fetch_zones(self, into: Path) -> Published:
        """See ``Source.fetch_zones``: ``misc/`` lies beside ``trip-data/``."""
        path = self._parts.path
        folder = f"{path.removesuffix(_TRIPS_FOLDER)}/misc" if path.endswith(_TRIPS_FOLDER) else path
        address = self._address(folder, ZONES_NAME)
        try:
            fetched = self._download(address, into, None)
        except Absent as absent:
            raise no_zones(address.shown, str(absent)) from None
        if fetched is None:  # can't be: nothing was known
            raise SourceUnavailable(f"{address.shown}: no answer to a request without conditions.")
        return fetched

    def _download(self, address: Address, into: Path, known: Facts | None) -> Published | None:
        with self._session() as session:
            transfer = Transfer(Connection(session, self._patience), address, into, known)
            return persist(self._patience, address.shown, transfer.attempt)

    def _address(self, folder: str, name: str) -> Address:
        url = self._parts._replace(path=f"{folder}/{name}").geturl()
        return Address(url, redacted(url))

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.auth = self._auth
        return session


def _sighting(answer: requests.Response, address: Address, known: Facts | None) -> Sighting:
    if answer.status_code != HTTPStatus.NOT_MODIFIED:
        return sighting(known, header_facts(answer, address))
    if not known:
        raise Passing("HTTP 304 to a request without conditions")
    # A 304 need not repeat what it says is as it was.
    kept = {name: known.get(name, "") for name in ("etag", "last_modified", "bytes")}
    return Sighting("unchanged", make_facts(url=address.shown, file_name=address.name, **kept))
