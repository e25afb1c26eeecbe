"""Loading of @contexts: bundled ones, those stored at the broker, and those fetched over HTTP."""

from collections.abc import Sequence

from broker.adapters.contexts.fetch import Fetcher
from broker.adapters.contexts.library import Library
from broker.adapters.contexts.loader import Loader
from broker.operations.ports import Clock, ContextStore
from schemas import DEFAULT_CORE_CONTEXT, read_context

__all__ = ["Fetcher", "Library", "Loader", "open_loader"]


def open_loader(
    store: ContextStore, clock: Clock, own_bases: Sequence[str] = (), core_url: str = DEFAULT_CORE_CONTEXT
) -> Loader:
    """The loader as the broker uses it; close it in the end.

    `own_bases`: URLs under which this broker is reached, as `http://127.0.0.1:1026`. Raises ValueError where
    `core_url` is not bundled.
    """
    return Loader(Library(store, clock, Fetcher(), read_context, own_bases), core_url)
