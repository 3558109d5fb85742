"""What comes in: tokens, signed events, and bodies."""

import hmac
import json
import os
import time
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel, StrictInt

from ticketing_client import Client

TOLERANCE = 300
"""How old a signature may be, in seconds: what Stripe recommends."""

Token = Annotated[
    HTTPAuthorizationCredentials | None, Depends(HTTPBearer(scheme_name="token", auto_error=False))
]


def service(request: Request) -> Client:
    """Return the client of the service itself, which the application opened when it started."""
    client: Client = request.state.client
    return client


def caller(client: Annotated[Client, Depends(service)], token: Token) -> Client:
    """Return a client that calls for the user of the token, or for a visitor without one."""
    if token is None:
        return client.as_user({}, role="anon")
    try:
        claims = jwt.decode(
            token.credentials,
            os.environ["JWT_SECRET"],
            ["HS256"],
            {"require": ["exp", "sub"]},
            audience="authenticated",
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from error
    return client.as_user(claims)


def signature(sent_at: str, body: bytes) -> str:
    """Return the `v1` of a signed event: made of its time and body with the shared secret."""
    secret = os.environ["WEBHOOK_SECRET"].encode()
    return hmac.digest(secret, sent_at.encode() + b"." + body, "sha256").hex()


async def signed_event(request: Request) -> Any:  # noqa: ANN401 - JSON
    """Return the event in the body, if its `Stripe-Signature: t=…,v1=…` is right and recent."""
    body = await request.body()
    header = request.headers.get("Stripe-Signature", "")
    fields = [field.strip().partition("=")[::2] for field in header.split(",")]
    sent_at = dict(fields).get("t", "")
    expected = signature(sent_at, body).encode()
    signed = any(k == "v1" and hmac.compare_digest(v.encode(), expected) for k, v in fields)
    if not signed or abs(time.time() - int(sent_at)) > TOLERANCE:
        raise HTTPException(400, "The signature is missing, wrong, or older than five minutes.")
    return json.loads(body)


Service = Annotated[Client, Depends(service)]
Caller = Annotated[Client, Depends(caller)]
Event = Annotated[Any, Depends(signed_event)]


def sendable(value: object) -> object:
    """Refuse what Python reads as JSON but cannot send: NaN, Infinity, too many levels."""
    try:
        json.dumps(value, allow_nan=False)
    except RecursionError as error:
        raise ValueError(*error.args) from error
    return value


Json = Annotated[Any, AfterValidator(sendable)]
"""An argument that the database checks: it finds every problem, and names it by code and path."""


class Body(BaseModel, extra="forbid"):
    """A body. Its keys are those of the RPC, so that the path of an issue points into it."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments as the client names them."""
        return {name.removeprefix("p_"): value for name, value in self}


class Tickets(Body):  # noqa: D101 - docs/schemas describes them
    p_tickets: Json
    p_attendee_updates: Json = None
    p_expected_revision: StrictInt | None = None


class Registration(Tickets):  # noqa: D101
    p_registration_data: Json
    p_tickets: Json = None


class Quote(Body):  # noqa: D101
    p_selections: Json
    p_attendees: Json = None
    p_registration_type: str | None = None
    p_registration_id: UUID | None = None


class Payment(Body):  # noqa: D101
    p_expected_revision: StrictInt | None = None


class Cancellation(Body):  # noqa: D101
    p_reason: str | None = None
