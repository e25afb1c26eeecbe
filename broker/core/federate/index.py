"""The registrations of one tenant in memory, found by what they are about."""

from collections.abc import Iterable, Iterator

from broker.core.federate.registration import Registration
from broker.core.model.instant import Instant
from broker.core.ql.ast import EntitySelector


class RegistrationIndex:
    """Registrations by id in order of creation, and by the types of the entities they are about.

    One that is about entities of any type stands under `None`.
    """

    def __init__(self) -> None:
        self._registrations: dict[str, Registration] = {}
        self._by_type: dict[str | None, dict[str, Registration]] = {}

    def __len__(self) -> int:
        return len(self._registrations)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._registrations.values())

    def get(self, registration_id: str, /) -> Registration | None:
        """The registration, or None."""
        return self._registrations.get(registration_id)

    def put(self, registration: Registration, /) -> None:
        """Add a registration, or replace the one with its id, which keeps its place."""
        former = self._registrations.get(registration.id)
        if former is not None:
            self._take_out(former)
        self._registrations[registration.id] = registration
        for name in _types(registration):
            self._by_type.setdefault(name, {})[registration.id] = registration

    def remove(self, registration_id: str, /) -> Registration | None:
        """Take a registration out; None where there is none."""
        registration = self._registrations.pop(registration_id, None)
        if registration is not None:
            self._take_out(registration)
        return registration

    def candidates(self, selectors: Iterable[EntitySelector]) -> Iterable[Registration]:
        """The registrations that entities so selected may be the business of; every one that they are is among them."""
        wanted: set[str] = set()
        for selector in selectors:
            if selector.types is None or selector.types.selects_all:
                return list(self._registrations.values())
            wanted.update(*selector.types.alternatives)
        if not wanted:
            return list(self._registrations.values())
        found = dict(self._by_type.get(None, {}))
        for name in wanted:
            found.update(self._by_type.get(name, {}))
        return found.values()

    def expired(self, now: Instant) -> list[str]:
        """The ids of registrations past their time."""
        return [each.id for each in self if each.is_expired(now)]

    def _take_out(self, registration: Registration) -> None:
        for name in _types(registration):
            shelf = self._by_type[name]
            del shelf[registration.id]
            if not shelf:
                del self._by_type[name]


def _types(registration: Registration) -> set[str | None]:
    types: set[str | None] = set()
    for information in registration.information:
        if not information.entities:
            types.add(None)
        for info in information.entities:
            types.update(info.types)
    return types
