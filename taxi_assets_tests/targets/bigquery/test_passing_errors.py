"""What passes is told from what doesn't by the service's words, not by digits that happen to be in a URL."""

from typing import Any

import pytest
from google.api_core import exceptions

from taxi_assets.targets.bigquery.errors import explained, is_passing
from taxi_assets.targets.bigquery.names import parse_url
from taxi_assets.targets.target import TargetError

answers: Any = exceptions  # its constructors have no types
PLACE = parse_url("bigquery://project/dataset?location=US")
UPLOAD = "PUT http://127.0.0.1:40115/upload/bigquery/v2/projects/p/jobs?upload_id=4036401f"


@pytest.mark.parametrize(
    "error",
    [
        answers.NotFound(f"{UPLOAD}: Upload session 4036401f not found"),
        answers.BadRequest(f"{UPLOAD}: Content-Range start=0 does not match the session's current offset=64"),
        answers.NotFound("GET http://127.0.0.1/bigquery/v2/projects/p/queries/1: Not found: job:p.1"),
    ],
    ids=["session", "offset", "job"],
)
def test_what_the_service_has_lost_is_asked_for_anew(error: exceptions.GoogleAPICallError) -> None:
    assert is_passing(error)
    with pytest.raises(type(error)), explained(PLACE):
        raise error


def test_digits_of_a_url_say_nothing_about_rights() -> None:
    with pytest.raises(TargetError) as found, explained(PLACE):
        raise answers.BadRequest(f"{UPLOAD}: Schema mismatch")
    assert str(found.value).startswith("BigQuery refuses: ")
    with pytest.raises(TargetError, match="sign in again"), explained(PLACE):
        raise answers.Unauthorized("Request had no token")
