"""Runs one check so that it can neither hang nor raise, and says no secret, whatever it calls.

A check is a generator: what it found before it failed or ran out of time is kept. It runs in a thread that
nobody waits for at exit, because a driver that waits for a dead host can't be interrupted.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from taxi_assets.doctor.finding import About, Finding
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings
from taxi_assets.words import error_line

LIMIT = 10.0
"""Seconds for one check: a store that takes longer to say hello is no good for loading months."""


@dataclass(frozen=True)
class Check:
    """Something to look at.

    Attributes:
        setting: The variable to blame if it fails.
        subject: What is looked at.
        run: Yields what it finds.
        limit: Seconds.
    """

    setting: str
    subject: str
    run: Callable[[Settings], Iterable[Finding]]
    limit: float = LIMIT


def watched(check: Check, settings: Settings) -> list[Finding]:
    """What ``check`` finds within its limit; a failure of its own is one more finding."""
    found: list[Finding] = []
    about = About(check.setting)

    def run() -> None:
        try:
            for one in check.run(settings):
                found.append(one)  # noqa: PERF402 - what came before a failure stays
        except Exception as error:  # noqa: BLE001, RUF100 - the doctor reports, whatever it is
            found.append(about.problem(check.subject, error_line(error), _unexpected(check.setting)))

    thread = threading.Thread(target=run, name=f"doctor: {check.subject}", daemon=True)
    thread.start()
    thread.join(check.limit)
    seen = list(found)
    if thread.is_alive():
        seen.append(
            about.problem(
                check.subject,
                f"no answer within {check.limit:g} s",
                f"Check that what {check.setting} names is up and can be reached from here.",
            )
        )
    secrets = secrets_of(settings)
    return [_without(secrets, one) for one in seen]


def _without(secrets: set[str], finding: Finding) -> Finding:
    return replace(finding, found=masked(finding.found, secrets), remedy=masked(finding.remedy, secrets))


def _unexpected(setting: str) -> str:
    return f"Check {setting}. If it is right, this is a fault of taxi-assets: please report it."
