"""Pictures of a month, as SVG text: data in, picture out, without Dagster and without a store.

Drawn by matplotlib, and then made compact (``compact.py``), as they are kept in Dagster's event log. Of the
same 31 bars matplotlib alone makes 16 KB, compact 4 KB, pygal 42 KB, as it puts a style sheet into each.
"""

from taxi_assets.plots.embedding import data_uri, markdown_image, words_of
from taxi_assets.plots.history import month_against_history
from taxi_assets.plots.pickup_map import pickup_map
from taxi_assets.plots.reasons import reasons
from taxi_assets.plots.trips_by_day import trips_by_day

__all__ = [
    "data_uri",
    "markdown_image",
    "month_against_history",
    "pickup_map",
    "reasons",
    "trips_by_day",
    "words_of",
]
