"""What `dagster dev`, `dg` and the production servers load: the code location for this environment."""

from taxi_assets.code_location import build_definitions
from taxi_assets.settings import Settings

defs = build_definitions(Settings.from_environment())
