"""``taxi-assets health``: the same page in a terminal, looked up now."""

from rich.console import Console
from rich.markdown import Markdown

from taxi_assets.code_location import build_definitions
from taxi_assets.health.finding import Urgency
from taxi_assets.health.findings import findings
from taxi_assets.health.look import look
from taxi_assets.health.page import page
from taxi_assets.instance import open_instance
from taxi_assets.resources import journal_of, postgres_target
from taxi_assets.settings import Settings


def show_health(settings: Settings, console: Console) -> int:
    """Print the page.

    Returns:
        Exit status: 1 if something is urgent.
    """
    checks = build_definitions(settings).resolve_asset_graph().asset_check_keys
    journal = journal_of(settings, postgres_target(settings, settings.postgres_url))
    with open_instance(settings) as instance:
        facts = look(instance, settings, checks, journal)
    console.print(Markdown(page(facts, settings)))
    return 1 if any(one.urgency == Urgency.URGENT for one in findings(facts)) else 0
