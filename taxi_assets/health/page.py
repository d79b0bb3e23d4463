"""From facts and findings to the page: Markdown of at most twenty lines, without a secret.

Findings come first; where there are too many the least urgent are counted in a line. Then comes what is held,
which is short enough to be always there.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from taxi_assets.health.facts import Facts, ServiceFacts
from taxi_assets.health.finding import Finding, Urgency, count
from taxi_assets.health.findings import findings
from taxi_assets.health.look import published_at
from taxi_assets.setting_secrets import masked, secrets_of
from taxi_assets.settings import Settings
from taxi_assets.targets import markdown
from taxi_assets.tlc.services import month_key, next_month, parse_month
from taxi_assets.words import counted, moment, short, spans

MOST_LINES = 20
"""What a page of the UI shows without scrolling."""

_LONGEST_WHY = 160  # characters of somebody else's error; the link leads to all of it
_LONGEST_MONTHS = 90  # characters of months: what has more gaps is told by its ends and number

_NAMES = {Urgency.URGENT: "urgent", Urgency.LOOK: "to look at", Urgency.NOTE: "to know"}


def page(facts: Facts, settings: Settings) -> str:
    """The page as Markdown."""
    found = findings(facts)
    secrets = secrets_of(settings)
    known = [f"- {line}" for line in _known(facts, secrets)]
    room = MOST_LINES - 1 - len(known)
    shown = found if len(found) <= room else found[: room - 1]
    lines = [_headline(facts, found), *(_line(one, settings, secrets) for one in shown)]
    if left := len(found) - len(shown):
        lines.append(f"- and {left} more, less urgent than these: put these right first.")
    return "\n".join(masked(line, secrets) for line in [*lines, *known])


def _headline(facts: Facts, found: Sequence[Finding]) -> str:
    at = moment(facts.at.timestamp())
    if not facts.held and not found:
        return f"**Nothing is loaded yet**, at {at}."
    told = [f"{number} {_NAMES[urgency]}" for urgency, number in count(found).items() if number]
    if any(one.urgency < Urgency.NOTE for one in found):
        return f"**{', '.join(told)}**, at {at}."
    return f"**All is well**, at {at}{''.join(f'; {one}' for one in told)}."


def _line(one: Finding, settings: Settings, secrets: set[str]) -> str:
    """A finding: how urgent, which asset and months, what, why, and what to do."""
    months = _months(one)
    quoted = f" (“{_foreign(one.why, secrets)}”)" if one.why.strip() else ""
    subject = f"[{one.asset}]({_link(one, settings)}){f' {months}' if months else ''}"
    return f"- **{_NAMES[one.urgency]}** {subject}: {one.says}{quoted}. {one.do}"


def _months(one: Finding) -> str:
    words = spans(one.months)
    if len(words) <= _LONGEST_MONTHS:
        return words
    return f"{min(one.months)} to {max(one.months)} ({len(one.months)} months of these)"


def _link(one: Finding, settings: Settings) -> str:
    view = {"view": "partitions"} | ({"partition": next(iter(one.months))} if len(one.months) == 1 else {})
    query = f"?{urlencode(view)}" if one.months else ""
    return f"{settings.ui_url}/assets/{quote(one.asset)}{query}"


def _foreign(text: str, secrets: set[str]) -> str:
    """Somebody else's text: on one line, short, without a secret, and with nothing for Markdown to do."""
    return markdown.plain(short(masked(" ".join(text.split()), secrets), _LONGEST_WHY))


def _known(facts: Facts, secrets: set[str]) -> Iterator[str]:
    """What is held, how far behind publication, when it was last proved, what was stored last."""
    for one in facts.services.values():
        yield _held(one, facts.at)
    if under_way := "; ".join(
        f"{name} {spans(one.busy)}" for name, one in facts.services.items() if one.busy
    ):
        yield f"under way: {_cut(under_way)}"
    if facts.compared:
        found, compared = facts.compared.found, facts.compared
        says = (
            "all as believed"
            if found.clean
            else f"{len(found.differences)} differed, {len(found.unanswered)} tables could not be asked"
        )
        yield f"stores compared at {moment(compared.at)}: {compared.months:,} months of tables, {says}"
    if facts.trail is None:
        yield "no audit trail, as Postgres is switched off"
    elif not facts.trail.away:
        yield from (f"stored {_foreign(entry, secrets)}" for entry in facts.trail.entries)


def _held(one: ServiceFacts, now: datetime) -> str:
    name, number = one.service.name, len(one.held)
    if not number:
        return f"{name}: no month is held"
    newest = parse_month(one.held[-1])
    following, expected = next_month(newest), one.service.newest_expected(now.date())
    parts = [
        f"{name}: {counted(number, 'month')}, {_cut(spans(one.held))}",
        f"the newest ended {(now.date() - following).days} days ago",
    ]
    if lag := _lag(one, month_key(newest)):
        parts.append(lag)
    if newest >= expected:  # of a piece of history nothing more is expected, and what is late has a line
        parts.append(f"{month_key(following)} is expected by {one.service.expected_by(following)}")
    return "; ".join(parts)


def _lag(one: ServiceFacts, newest: str) -> str:
    """How long after its publication the newest month was here."""
    record = one.of("raw").get(newest)
    published = published_at(record) if record else None
    if record is None or published is None:
        return ""
    hours = (datetime.fromtimestamp(record.at, UTC) - published).total_seconds() / 3600
    wait = f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    return f"here {wait} after it was published on {published:%Y-%m-%d}" if hours >= 0 else ""


def _cut(months: str) -> str:
    return months if len(months) <= _LONGEST_MONTHS else f"{months[:_LONGEST_MONTHS].rpartition(',')[0]}, …"
