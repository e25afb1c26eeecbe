"""`python -m agents.console`."""

import sys

from agents.console.cli import main

sys.exit(main(sys.argv[1:]))
