"""`python -m agents.codecs`: what `eclor codec` runs."""

import sys

from agents.codecs.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
