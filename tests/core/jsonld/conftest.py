import pytest

from broker.core.jsonld.context import ActiveContext
from broker.core.jsonld.processing import build_context
from schemas import DEFAULT_CORE_CONTEXT, read_context


@pytest.fixture(scope="session")
def core() -> ActiveContext:
    """The core context alone."""
    return build_context(
        [], read_context(DEFAULT_CORE_CONTEXT)["@context"], read_context, reference=DEFAULT_CORE_CONTEXT, link=None
    )
