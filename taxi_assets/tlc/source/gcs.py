"""Published files in a bucket of Google Cloud Storage, ``gs://bucket/prefix``.

``STORAGE_EMULATOR_HOST`` is honoured by the client itself, which then asks for no credentials.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from taxi_assets.tlc.services import Service
from taxi_assets.tlc.source.facts import is_unchanged, iso, make_facts, sealed, sighting
from taxi_assets.tlc.source.landing import land, part_of, sha256_of
from taxi_assets.tlc.source.names import SUFFIXES
from taxi_assets.tlc.source.patience import Patience
from taxi_assets.tlc.source.source import (
    ZONES_NAME,
    Facts,
    Published,
    Refused,
    Sighting,
    SourceError,
    SourceUnavailable,
    no_zones,
    not_published,
)

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client  # type: ignore[import-untyped]


class GcsSource:
    """The files under one prefix of one bucket."""

    def __init__(self, bucket: str, prefix: str, patience: Patience | None = None) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._patience = patience or Patience()

    def __repr__(self) -> str:
        return f"GcsSource({self._url(self._prefix)!r})"

    def fetch(
        self, service: Service, month: date, into: Path, known: Facts | None = None
    ) -> Published | None:
        """See ``Source.fetch``."""
        with self._client() as client:
            blob = self._find(client, self._names(service, month))
            if blob is None:
                raise self._absent(service, month)
            if is_unchanged(known, self._facts(blob)):
                return None
            return self._download(blob, into)

    def look(self, service: Service, month: date, known: Facts | None = None) -> Sighting:
        """See ``Source.look``: the object's metadata."""
        with self._client() as client:
            blob = self._find(client, self._names(service, month))
        return Sighting("unpublished") if blob is None else sighting(known, self._facts(blob))

    def fetch_zones(self, into: Path) -> Published:
        """See ``Source.fetch_zones``: in the sibling ``misc/``, as the TLC has it, or under the prefix."""
        parent = self._prefix.rpartition("/")[0]
        names = [f"{parent}/misc/{ZONES_NAME}".lstrip("/"), f"{self._prefix}/{ZONES_NAME}".lstrip("/")]
        with self._client() as client:
            blob = self._find(client, names)
            if blob is None:
                raise no_zones(self._url(names[-1]), "no such object there nor in the sibling misc/")
            return self._download(blob, into)

    def files(self) -> dict[str, Facts]:
        """Facts of every object right under the prefix, by its name there; hidden ones are left out.

        Raises:
            SourceUnavailable: No luck this time, or there is no such bucket.
            Refused: It may not be read.
        """
        from google.api_core.exceptions import NotFound
        from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

        prefix = f"{self._prefix}/" if self._prefix else ""
        with self._client() as client:
            blobs = client.list_blobs(
                self._bucket,
                prefix=prefix,
                delimiter="/",
                retry=DEFAULT_RETRY.with_timeout(self._patience.deadline),
                timeout=(self._patience.connect, self._patience.read),
            )
            try:
                found = {str(blob.name).removeprefix(prefix): self._facts(blob) for blob in blobs}
            except NotFound:
                raise SourceUnavailable(
                    f"gs://{self._bucket}: expected a bucket, found none. Create it, or correct "
                    "TAXI_SOURCE_URL."
                ) from None
        return {name: facts for name, facts in found.items() if name and not name.startswith(".")}

    @contextmanager
    def _client(self) -> Iterator["Client"]:
        """A client, whose errors become the contract's."""
        from google.api_core.exceptions import (
            ClientError,
            GoogleAPICallError,
            NotFound,
            PreconditionFailed,
            RetryError,
            TooManyRequests,
        )
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.cloud.storage import Client
        from google.cloud.storage.exceptions import DataCorruption  # type: ignore[import-untyped]
        from requests.exceptions import RequestException

        shown = self._url(self._prefix)
        try:
            with Client() as client:
                yield client
        except (TooManyRequests, TransportError, RequestException, RetryError, DataCorruption) as error:
            raise SourceUnavailable(
                f"{shown}: given up ({type(error).__name__}). Run again later."
            ) from error
        except (NotFound, PreconditionFailed) as error:
            raise SourceUnavailable(f"{shown}: an object changed while it was read. Run again.") from error
        except ClientError as error:
            raise Refused(
                f"{shown}: expected to read it, found HTTP {error.code}. Grant this account "
                "roles/storage.objectViewer on the bucket, or correct TAXI_SOURCE_URL."
            ) from error
        except GoogleAPICallError as error:
            raise SourceUnavailable(f"{shown}: given up (HTTP {error.code}). Run again later.") from error
        except GoogleAuthError as error:
            raise Refused(
                f"{shown}: expected credentials for Google Cloud, found none that work "
                f"({type(error).__name__}). Run `gcloud auth application-default login`, or set "
                "GOOGLE_APPLICATION_CREDENTIALS."
            ) from error

    def _find(self, client: "Client", names: list[str]) -> "Blob | None":
        from google.cloud.storage.retry import DEFAULT_RETRY

        bucket = client.bucket(self._bucket)
        retry = DEFAULT_RETRY.with_timeout(self._patience.deadline)
        limits = (self._patience.connect, self._patience.read)
        for name in names:
            blob = bucket.get_blob(name, retry=retry, timeout=limits)
            if blob is not None:
                return blob
        return None

    def _download(self, blob: "Blob", into: Path) -> Published:
        """Download the generation that was found: the client checks its CRC32C."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        name = str(blob.name).rpartition("/")[2]
        part = part_of(into, name)
        blob.download_to_filename(
            str(part),
            raw_download=True,  # as stored: an object with Content-Encoding gzip is not unpacked on the way
            if_generation_match=blob.generation,
            checksum="auto",
            retry=DEFAULT_RETRY.with_timeout(self._patience.deadline),
            timeout=(self._patience.connect, self._patience.read),
        )
        sha256 = sha256_of(part)
        path = land(part, self._url(str(blob.name)))
        return Published(path, sealed(self._facts(blob), path, sha256))

    def _names(self, service: Service, month: date) -> list[str]:
        return [f"{self._prefix}/{service.file_name(month, suffix)}".lstrip("/") for suffix in SUFFIXES]

    def _facts(self, blob: "Blob") -> dict[str, str]:
        return make_facts(
            url=self._url(str(blob.name)),
            etag=str(blob.generation),
            last_modified=iso(blob.updated or datetime.fromtimestamp(0, UTC)),
            bytes=str(blob.size),
            file_name=str(blob.name).rpartition("/")[2],
        )

    def _url(self, name: str) -> str:
        return f"gs://{self._bucket}/{name}"

    def _absent(self, service: Service, month: date) -> SourceError:
        shown = self._url(f"{self._prefix}/{service.file_name(month, '')}".lstrip("/"))
        return not_published(shown, f"no object that ends in {', '.join(SUFFIXES)}", service, month)
