import pytest

from tests.http.client import Client, memory_client


@pytest.fixture(name="client")
def fresh_client() -> Client:
    return memory_client()
