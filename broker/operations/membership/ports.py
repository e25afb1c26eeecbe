"""What membership needs from outside: this broker's keys, the store of members, the way to other brokers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from broker.core.federate.invitation import Party
from broker.core.model.instant import Instant
from broker.operations.ports import Ports

TOKEN_PREFIX = "ecm_"  # noqa: S105  (what tokens of members begin with, no token)
"""So that a token of a member is known for one, also when it is none any more."""


class Keys(Protocol):
    """The keys of this broker (texts are URL-safe base64)."""

    @property
    def public_key(self) -> str:
        """With which others check what this broker signed."""

    def sign(self, message: bytes) -> str:
        """The signature."""

    def verify(self, public_key: str, signature: str, message: bytes) -> bool:
        """Whether the owner of that public key signed the message."""

    def fingerprint(self, public_key: str) -> str:
        """A short digest of a public key, for people to compare."""

    def seal(self, text: str, about: str) -> str:
        """Encrypt; `about` has to be the same when it is opened."""

    def open(self, sealed: str, about: str) -> str | None:
        """The text, or None where it was sealed with another key or about something else."""

    def admits_operator(self, token: str) -> bool:
        """Whether a token is the one of whoever may read this broker's key."""


@dataclass(frozen=True, slots=True)
class Issued:
    """An invitation of this broker: its envelope without the token, whose digest is kept, and who used it."""

    id: str
    digest: str
    envelope: Mapping[str, Any]
    expires_at: Instant
    allows_http: bool = False
    used_by: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A broker that joined this one, or was joined; `id` is its fingerprint.

    `given` is what it is offered here, `taken` what it offers (offers as JSON). `digest` is that of the token with
    which it comes; `credential` names the token with which to go to it, `sealed` holds it encrypted. `tenant` is the
    one here in which its offer is registered, as `registration`. One that was left waits for being told so: then
    `digest` is that of the token with which this broker went to it, and `joined_at` when it was left.
    """

    id: str
    party: Party
    joined_at: Instant
    tenant: str = ""
    given: Mapping[str, Any] | None = None
    taken: Mapping[str, Any] | None = None
    digest: str = ""
    credential: str = ""
    sealed: str = ""
    registration: str | None = None
    is_leaving: bool = False


class MemberStore(Protocol):
    """Invitations and members; what returned is durable."""

    async def put_invitation(self, issued: Issued) -> None:
        """Keep a new one."""

    async def invitation(self, invitation_id: str) -> Issued | None:
        """One, or None."""

    async def invitations(self) -> list[Issued]:
        """All that are kept."""

    async def use_invitation(self, invitation_id: str, public_key: str) -> bool:
        """Mark it as used by the owner of the key; false where another one used it before."""

    async def remove_invitation(self, invitation_id: str) -> bool:
        """Remove; whether it was there."""

    async def put(self, member: Member) -> None:
        """Keep a new state of a member."""

    async def get(self, member_id: str) -> Member | None:
        """One, or None."""

    async def by_digest(self, digest: str) -> Member | None:
        """Who comes with the token of that digest."""

    async def by_credential(self, credential: str) -> Member | None:
        """To whom that credential belongs."""

    async def all(self) -> list[Member]:
        """All, in order of their joining."""

    async def remove(self, member_id: str) -> None:
        """Remove, if it is there."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a member answers: how long it took in milliseconds, and what was wrong."""

    milliseconds: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What this broker met when it really asked a member: when, what it asked (`GET /entities`), what was wrong."""

    at: Instant
    operation: str
    problem: str


class Experience(Protocol):
    """What became of requests to members, in this process and since it started."""

    def last_trouble(self, credential: str) -> Trouble | None:
        """The last one that a request with that credential met, or None."""


class Way(Protocol):
    """The way to other brokers. All raise SourceFailed with what went wrong, in words for an operator."""

    async def fetch(self, url: str, token: str) -> dict[str, Any]:
        """The envelope of an invitation."""

    async def join(self, url: str, token: str, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """Hand in what answers an invitation; the envelope that comes back."""

    async def depart(self, url: str, envelope: Mapping[str, Any]) -> None:
        """Tell that this broker leaves."""

    async def probe(self, url: str, token: str, tenant: str) -> Probe:
        """Ask who it is, as its members may. Never raises."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What the operations on members are called with. `me` is this broker as it presents itself."""

    ports: Ports
    keys: Keys
    store: MemberStore
    way: Way
    experience: Experience
    alias: str
    url: str

    def me(self, name: str | None = None) -> Party:
        """This broker; named by its alias unless a name is given."""
        return Party(name or self.alias, self.alias, self.url, self.keys.public_key)

    @property
    def fingerprint(self) -> str:
        """The short digest of this broker's own key."""
        return self.keys.fingerprint(self.keys.public_key)
