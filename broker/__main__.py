"""`python -m broker`: one broker process on a MongoDB server that is already running."""

import sys

from broker.serving import serve
from broker.settings import read

if __name__ == "__main__":
    sys.exit(serve(read(sys.argv[1:])))
