"""From method and path to a route: one dictionary look-up for each segment of the path (clause 6.2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from broker.core.model.errors import InvalidRequest
from broker.http.message import Request
from broker.http.route import Handler, Route

_MAX_PATH = 8192  # an identifier has at most 2,048 characters, two of them percent-encoded fit


@dataclass(frozen=True, slots=True)
class Target:
    """A route, with the sets that each request is checked against worked out."""

    route: Route
    handler: Handler
    name: str
    allowed: frozenset[str]
    options: frozenset[str]
    is_reading: bool

    def check(self, request: Request) -> None:
        """Refuse parameters and options that the operation does not have (clause 6.3.20)."""
        parameters = request.parameters
        for name in parameters:
            if name not in self.allowed:
                known = ", ".join(sorted(self.allowed)) or "none"
                raise InvalidRequest(f"{self.name} has no parameter '{name[:100]}'; it has {known}.")
        words = parameters.get("options")
        if words:
            for word in words.split(","):
                if word not in self.options:
                    known = ", ".join(sorted(self.options))
                    raise InvalidRequest(f"{self.name} has no option '{word[:100]}'; it has {known}.")


@dataclass(slots=True)
class _Node:
    literals: "dict[str, _Node]" = field(default_factory=dict)
    variable: "_Node | None" = None
    targets: dict[str, Target] = field(default_factory=dict)

    @property
    def is_leaf(self) -> bool:
        """Whether no path goes further: a variable there may hold a URL with its slashes as they are."""
        return not self.literals and self.variable is None


@dataclass(frozen=True, slots=True)
class Match:
    """Where a path leads: the operations there by method, and the decoded variables."""

    targets: dict[str, Target]
    variables: tuple[str, ...]

    @property
    def methods(self) -> list[str]:
        """What the resource offers; not what exists only to refuse helpfully."""
        return [method for method, target in self.targets.items() if target.route.is_described]

    @property
    def reading(self) -> list[str]:
        """Those of the methods that change nothing."""
        return [method for method in self.methods if self.targets[method].is_reading]


class Router:
    """Finds routes. Paths lead to the same place with and without a slash at the end."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def match(self, path: str) -> Match | None:
        """Where the path below /ngsi-ld/v1/ (still percent-encoded, no slash at its start) leads; None: nowhere."""
        if len(path) > _MAX_PATH:
            return None
        node, variables = self._root, []
        segments = path.removesuffix("/").split("/")
        for depth, segment in enumerate(segments):
            following = node.literals.get(segment)
            if following is None:
                following = node.variable
                # An empty identifier further up is told to the operation, which says what is wrong with it.
                if following is None or (not segment and (following.is_leaf or depth + 1 == len(segments))):
                    return None
                if following.is_leaf:
                    variables.append(unquote("/".join(segments[depth:])))
                    return Match(following.targets, tuple(variables))
                variables.append(unquote(segment) if "%" in segment else segment)
            node = following
        return Match(node.targets, tuple(variables)) if node.targets else None

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment, _Node())
        node.targets[route.method] = Target(
            route, route.handler, route.name, route.allowed, route.options, route.is_reading
        )
