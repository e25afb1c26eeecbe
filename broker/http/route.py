"""A row of the table of routes: what the fast path dispatches on and what the description of the API is made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from broker.http.message import Request, Response
from broker.operations.ports import Ports

Handler: TypeAlias = Callable[[Ports, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, as OpenAPI describes it. `keywords` are the values that a list of words may have."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One status that an operation answers with; `schema` names a component, `[]` after it makes it an array."""

    status: int
    description: str
    schema: str | None = None
    headers: tuple[str, ...] = ()
    spatial: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: method, path below /ngsi-ld/v1 (variables in braces), who handles it, and its description.

    `body` names the component of the request body. `errors` are statuses with problem details beside 400 and 500.
    `is_described` is false for what exists only to refuse helpfully.
    """

    method: str
    path: str
    handler: Handler
    name: str
    clause: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    answers: tuple[Answer, ...] = ()
    errors: tuple[int, ...] = ()
    is_described: bool = True

    @property
    def allowed(self) -> frozenset[str]:
        """The names of its parameters."""
        return frozenset(parameter.name for parameter in self.parameters)

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing, as queries by POST do not."""
        return self.method == "GET" or self.path.endswith("/entityOperations/query")

    @property
    def options(self) -> frozenset[str]:
        """The keywords that its `options` parameter may hold."""
        return frozenset(word for item in self.parameters if item.name == "options" for word in item.keywords)
