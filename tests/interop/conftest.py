"""Other people's programs against ours. Each test says by which variable it finds the program, and skips without it."""

from tests.agents.conftest import mosquitto

__all__ = ["mosquitto"]
