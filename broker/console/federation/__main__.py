"""`python -m broker.console.federation`: what `eclor federation` becomes."""

import sys

from broker.console.federation.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
