import pytest

from tests.operations.fakes import World, world


@pytest.fixture(name="world")
def fresh_world() -> World:
    return world()
