"""`python -m broker.platform.federation`: what `eclor federation` becomes."""

import sys

from broker.platform.federation.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
