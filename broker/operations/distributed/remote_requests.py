"""Telling a context source of a subscription: that there is one, how it changed, that it ended (clause 5.8)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from broker.core.federate.passing import DELETE, UPDATE
from broker.core.federate.registration import Registration
from broker.core.model.entity import NGSILD_NULL
from broker.core.model.uri import segment
from broker.operations.distributed.subscriptions import RemoteSubscription
from broker.operations.federation import Answer, Forward, Forwarder, Origin, Registry
from broker.operations.ports import ContextLoader
from broker.operations.registrations import load_registration

PATH = "/notifications/"
"""Where sources send what they tell, below /ngsi-ld/v1, followed by the token."""
_SUBSCRIPTIONS = "/subscriptions"


@dataclass(frozen=True, slots=True)
class SourceRequests:
    """Requests to sources. `public_url` is where they reach this broker; `alias_of` its alias by tenant."""

    loader: ContextLoader
    forwarder: Forwarder
    registry: Registry
    alias_of: Any
    public_url: str

    async def establish(self, remote: RemoteSubscription, via: str) -> tuple[RemoteSubscription, str | None]:
        """Let the source have what is wanted: what is known then, and what went wrong, if anything did.

        `via` is how the subscription came here. Raises what loading @contexts raises.
        """
        registration = await load_registration(self.loader, remote.registration)
        if remote.sent is not None and remote.sent != remote.desired:
            remote, problem = await self._change(remote, registration, via)
            if problem is not None or remote.sent is not None:
                return remote, problem
        if remote.sent is not None:
            return remote, None
        return await self._create(remote, registration, via)

    async def end(self, remote: RemoteSubscription) -> tuple[RemoteSubscription, str | None]:
        """Let the source have nothing any more."""
        if not remote.is_attempted:
            return remote, None
        registration = await load_registration(self.loader, remote.registration)
        if DELETE not in registration.operations:
            return remote, None
        return await self._delete(remote, registration, "")

    async def _create(
        self, remote: RemoteSubscription, registration: Registration, via: str
    ) -> tuple[RemoteSubscription, str | None]:
        body = {"id": remote.remote_id, **self._body(remote, remote.desired)}
        answer = await self._send(remote, registration, via, "POST", _SUBSCRIPTIONS, body)
        remote = replace(remote, is_attempted=True)
        if answer.status == 409 and answer.failure is None:
            # An earlier attempt was taken, but its answer did not come back.
            return await self._change(replace(remote, sent={}), registration, via)
        if not 200 <= answer.status < 300:
            return remote, _problem(answer)
        named = unquote((answer.location or "").rstrip("/").rpartition("/")[2])
        return replace(remote, sent=remote.desired, remote_id=named or remote.remote_id), None

    async def _change(
        self, remote: RemoteSubscription, registration: Registration, via: str
    ) -> tuple[RemoteSubscription, str | None]:
        """Where the source takes no updates, what it has is ended and comes back with `sent` None, to be made anew."""
        if UPDATE not in registration.operations:
            if DELETE not in registration.operations:
                return remote, None
            return await self._delete(remote, registration, via)
        sent = remote.sent or {}
        fragment = {name: value for name, value in remote.desired.items() if sent.get(name) != value}
        fragment.update({name: NGSILD_NULL for name in sent if name not in remote.desired})
        body = self._body(remote, {**fragment, "type": "Subscription"})
        answer = await self._send(remote, registration, via, "PATCH", self._path(remote), body)
        if answer.status == 404 and answer.failure is None:
            return _afresh(remote), None
        if not answer.is_success:
            return remote, _problem(answer)
        return replace(remote, sent=remote.desired), None

    async def _delete(
        self, remote: RemoteSubscription, registration: Registration, via: str
    ) -> tuple[RemoteSubscription, str | None]:
        answer = await self._send(remote, registration, via, "DELETE", self._path(remote), None)
        if answer.is_success or (answer.status == 404 and answer.failure is None):
            return _afresh(remote), None
        return remote, _problem(answer)

    def _body(self, remote: RemoteSubscription, members: Mapping[str, Any]) -> dict[str, Any]:
        """The members, with this broker as the endpoint where there is a `notification`."""
        body = dict(members)
        if "notification" in body:
            endpoint = {"uri": f"{self.public_url}/ngsi-ld/v1{PATH}{remote.token}", "accept": "application/json"}
            body["notification"] = {**body["notification"], "endpoint": endpoint}
        return body

    def _path(self, remote: RemoteSubscription) -> str:
        return f"{_SUBSCRIPTIONS}/{segment(remote.remote_id)}"

    async def _send(
        self, remote: RemoteSubscription, registration: Registration, via: str, method: str, path: str, body: Any
    ) -> Answer:
        context = registration.context or await self.loader.load(remote.context)
        # A subscription says itself that it is local: `localOnly` (clause 5.5.13).
        source = replace(registration, is_local_only=False)
        self.registry.sent(remote.tenant, registration.id)
        origin = Origin(via or None, {}, context)
        answer = await self.forwarder.send(
            source, Forward(method, path, (), context, body), origin, self.alias_of(remote.tenant)
        )
        well = answer.is_success or (answer.failure is None and answer.status in (404, 409))
        self.registry.answered(remote.tenant, registration.id, well=well)
        return answer


def _afresh(remote: RemoteSubscription) -> RemoteSubscription:
    return replace(remote, sent=None, is_attempted=False, remote_id=f"urn:ngsi-ld:Subscription:{uuid4()}")


def _problem(answer: Answer) -> str:
    return answer.failure.value if answer.failure is not None else f"answered {answer.status}"
