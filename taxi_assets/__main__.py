"""``python -m taxi_assets`` is ``taxi-assets``."""

import sys

from taxi_assets.cli import main

sys.exit(main())
