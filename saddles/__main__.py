"""``python -m saddles`` is the command line."""

import sys

from saddles.cli import main

sys.exit(main())
