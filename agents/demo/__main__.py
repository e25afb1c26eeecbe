"""`python -m agents.demo`: the simulated territory."""

import asyncio

from agents.demo.app import run
from agents.demo.settings import read_settings

if __name__ == "__main__":
    asyncio.run(run(read_settings()))
