"""`/federation`: brokers that join each other (ADR 14). Not part of NGSI-LD.

Who is let in differs: an invitation's token opens that invitation, a departure is signed, and all the rest is for the
operator, who has the token that is derived from the broker's secret.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urldefrag

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from broker.core.federate.invitation import Invitation, write_invitation
from broker.core.model.errors import AccessDenied, BadRequestData, OperationNotSupported
from broker.http.guarded import Door
from broker.http.json_object import read_object
from broker.operations.membership import inviting, joining, leaving
from broker.operations.membership.envelopes import require_safe
from broker.operations.membership.ports import Membership
from broker.operations.membership.status import status, told_member

LARGEST = 262_144
"""Bytes of a request: an offer with a detailed area has some tens of kB."""

_VARIABLE = re.compile(r"{(\w+)(?::\w+)?}")

_Handler: TypeAlias = Callable[[Membership, Request], Awaitable[Any]]

_WITHOUT = (
    "This broker has no secret of its own, which joining others needs. Start it with --data-dir DIR, where it keeps "
    "one, or with ECLOR_SECRET_KEY."
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "Something is missing in the request, or is not as it has to be."},
    403: {"description": "The token, the signature or the invitation is not good."},
    404: {"description": "There is no such thing."},
    422: {"description": "This broker has no secret of its own."},
}


@dataclass(frozen=True, slots=True)
class Joining:
    """What joining needs of a broker: `changed` is called after what changes members, `door` lets requests in."""

    membership: Membership | None
    changed: Callable[[], None]
    door: Door


def add_federation(app: FastAPI, joining: Joining) -> None:
    """Give the application the routes."""
    membership = joining.membership

    def add(method: str, path: str, summary: str, handler: _Handler, *, code: int = 200, changes: bool = False) -> None:
        async def serve(request: Request) -> Response:
            try:
                if membership is None:
                    raise OperationNotSupported(_WITHOUT)
                answer = await handler(membership, request)
            finally:
                if changes:
                    joining.changed()
            return Response(status_code=code) if answer is None else JSONResponse(answer, status_code=code)

        variables = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _VARIABLE.findall(path)
        ]
        app.add_api_route(
            path,
            serve,
            methods=[method],
            summary=summary,
            tags=["Federation"],
            responses=_PROBLEMS,
            status_code=code,
            openapi_extra={"parameters": variables} if variables else None,
        )

    add("GET", "/federation/invitations/{id}", "Read an invitation, with its token", _read_invitation)
    add("POST", "/federation/members", "Answer an invitation, with its token", _accept, changes=True)
    add("POST", "/federation/departures", "Tell that a member leaves, signed by it", _part, code=204, changes=True)
    add("POST", "/federation/invitations", "Invite (operator)", _operator(_invite), code=201)
    add("DELETE", "/federation/invitations/{id}", "Withdraw an invitation (operator)", _operator(_withdraw), code=204)
    add("POST", "/federation/checks", "Look at an invitation (operator)", _operator(_check))
    add("POST", "/federation/joins", "Join by an invitation (operator)", _operator(_join), changes=True)
    add("GET", "/federation/status", "Members, and whether they answer (operator)", _operator(_status))
    add("DELETE", "/federation/members/{name:path}", "Leave a member (operator)", _operator(_leave), changes=True)


def _operator(handler: _Handler) -> _Handler:
    async def serve(membership: Membership, request: Request) -> Any:
        if not membership.keys.admits_operator(_bearer(request)):
            raise AccessDenied(
                "This is for the broker's operator. `eclor federation` has the token where it can read "
                "federation.key in the broker's data directory (--data-dir), or is given ECLOR_SECRET_KEY."
            )
        return await handler(membership, request)

    return serve


async def _read_invitation(membership: Membership, request: Request) -> Any:
    return await inviting.show_invitation(membership, request.path_params["id"], _bearer(request))


async def _accept(membership: Membership, request: Request) -> Any:
    return await joining.accept(membership, await read_object(request, LARGEST), _bearer(request))


async def _part(membership: Membership, request: Request) -> Any:
    await leaving.part(membership, await read_object(request, LARGEST))


async def _invite(membership: Membership, request: Request) -> Any:
    body = await read_object(request, LARGEST)
    letter = await inviting.invite(
        membership,
        _object(body, "offer") or {},
        context=body.get("context"),
        name=_text(body, "name") or None,
        seconds=_seconds(body),
        allows_http=body.get("allowHttp") is True,
    )
    return {"invitation": letter.document(), "url": letter.url, "fingerprint": membership.fingerprint}


async def _withdraw(membership: Membership, request: Request) -> Any:
    await inviting.withdraw(membership, request.path_params["id"])


async def _check(membership: Membership, request: Request) -> Any:
    envelope, _ = await _letter(membership, await read_object(request, LARGEST))
    return _told(membership, await joining.look_at(membership, envelope))


async def _join(membership: Membership, request: Request) -> Any:
    body = await read_object(request, LARGEST)
    envelope, token = await _letter(membership, body)
    invitation = await joining.look_at(membership, envelope)
    if membership.keys.fingerprint(invitation.party.public_key) != body.get("fingerprint"):
        raise AccessDenied("The fingerprint given is not that of the one who invites: nothing was joined.")
    reply = joining.Reply(
        offer=_object(body, "offer"),
        context=body.get("context"),
        tenant=_text(body, "tenant"),
        name=_text(body, "name") or None,
        allows_http=body.get("allowHttp") is True,
    )
    return told_member(await joining.join(membership, envelope, token, reply))


async def _status(membership: Membership, request: Request) -> Any:
    return await status(membership)


async def _leave(membership: Membership, request: Request) -> Any:
    member = await leaving.find(membership, request.path_params["name"])
    problem = await leaving.leave(membership, member)
    return {**told_member(member), "state": "left", "told": problem is None, "problem": problem}


async def _letter(membership: Membership, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The envelope and its token, out of the body itself or from the URL in it."""
    url = _text(body, "url")
    if not url:
        document = _object(body, "invitation") or {}
        return document, _text(document, "token")
    place, token = urldefrag(url)
    if not place.startswith(("http://", "https://")) or not token:
        raise BadRequestData("The URL of an invitation begins with https:// and has its token behind a #.")
    require_safe(place, allows_http=body.get("allowHttp") is True)
    return await membership.way.fetch(place, token), token


def _told(membership: Membership, invitation: Invitation) -> dict[str, Any]:
    return {**write_invitation(invitation), "fingerprint": membership.keys.fingerprint(invitation.party.public_key)}


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadRequestData(f"'{name}' has to be an object.")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise BadRequestData(f"'{name}' has to be a text.")
    return value


def _seconds(body: Mapping[str, Any]) -> int:
    value = body.get("seconds", 7 * 86_400)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRequestData("'seconds' has to be a whole number.")
    return value
