"""Registrations over HTTP: a FastAPI service on ticketing-sql.

    uvicorn examples.fastapi.main:app

ROUTES says which RPC is called where; the database does the rest. README.md has the settings.
"""

import hmac
import json
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import jwt
import psycopg
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from psycopg_pool import ConnectionPool
from starlette.exceptions import HTTPException

import ticketing_client as ticketing
from ticketing_client import Client, TicketingError, calls, from_json, to_json

ROUTES: dict[str, Callable[..., Any]] = {
    "GET /functions/{p_function_id}/availability": calls.get_ticket_availability,
    "POST /functions/{p_function_id}/quote": calls.quote_ticket_selections,
    "POST /registrations/individuals": calls.create_individual_registration_with_tickets,
    "GET /registrations/{p_registration_id}": calls.get_registration,
    "POST /registrations/{p_registration_id}/tickets": calls.persist_attendee_tickets,
    "POST /registrations/{p_registration_id}/payment": calls.start_payment,
    "POST /registrations/{p_registration_id}/cancel": calls.cancel_registration,
    "POST /registrations/{p_registration_id}/attendees": calls.update_attendees,
    "POST /registrations/{p_registration_id}/amendment": calls.amend_registration,
    "POST /registrations/{p_registration_id}/tickets/cancel": calls.cancel_tickets,
}
"""The RPC behind each route. Its arguments are in the path, and in the query or the body."""

PROBLEM = "application/problem+json"
TOLERANCE = 300  # seconds: how old the signature of an event may be


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Client]]:
    """Keep a pool of warm connections as long as the service runs."""
    url = os.environ["DATABASE_URL"]
    with ConnectionPool(url, configure=Client.warm, max_size=10, timeout=5) as pool:
        yield {"client": Client(pool)}


app = FastAPI(lifespan=lifespan)
app.openapi = partial(ticketing.openapi, "Registrations", ROUTES)  # type: ignore[method-assign]


def caller(request: Request) -> Client:
    """Return a client that calls for the user of the token, or for a visitor without one."""
    client: Client = request.state.client
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return client.as_user({}, role="anon")
    key, needs = os.environ["JWT_SECRET"], jwt.types.Options(require=["exp", "sub"])
    try:
        claims = jwt.decode(token, key, ["HS256"], needs, audience="authenticated")
    except jwt.InvalidTokenError as error:
        raise ticketing.NotSignedIn(str(error), "42501") from error
    return client.as_user(claims)


async def arguments(request: Request) -> bytes:
    """Return the arguments that are not in the path, as a JSON object; from_json checks it."""
    if request.method == "GET":
        return json.dumps(dict(request.query_params)).encode()
    media_type = request.headers.get("Content-Type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise HTTPException(415, "The Content-Type must be application/json.")
    return await request.body()


Caller = Annotated[Client, Depends(caller)]
Arguments = Annotated[bytes, Depends(arguments)]


def endpoint(rpc: Callable[..., Any]) -> Callable[..., Response]:
    """Make the function that answers a route with what an RPC answers."""

    def answer(request: Request, caller: Caller, arguments: Arguments) -> Response:
        found = caller.execute(from_json(rpc, arguments, *request.path_params.values()))
        status = 201 if getattr(found, "created", False) else 200
        return Response(to_json(found), status, media_type="application/json")

    return answer


for route, rpc in ROUTES.items():
    method, path = route.split()
    app.add_api_route(path, endpoint(rpc), methods=[method])


async def signed_body(request: Request) -> bytes:
    """Return the body, if its `Stripe-Signature: t=…,v1=…` is right and recent."""
    body, header = await request.body(), request.headers.get("Stripe-Signature", "")
    fields = [field.strip().partition("=")[::2] for field in header.split(",")]
    sent_at = dict(fields).get("t", "")
    secret = os.environ["WEBHOOK_SECRET"].encode()
    expected = hmac.digest(secret, sent_at.encode() + b"." + body, "sha256").hex().encode()
    signed = any(k == "v1" and hmac.compare_digest(v.encode(), expected) for k, v in fields)
    if not signed or abs(time.time() - int(sent_at)) > TOLERANCE:
        raise HTTPException(400, "The signature is missing, wrong, or older than five minutes.")
    return body


Signed = Annotated[bytes, Depends(signed_body)]


@app.post("/webhooks/payments")
def record_payment(request: Request, body: Signed) -> dict[str, str]:
    """Record a payment. The provider sends an event until it is accepted: twice, in any order."""
    client: Client = request.state.client
    event = json.loads(body)
    intent = event["data"]["object"]
    metadata = intent.get("metadata") or {}
    registration_id = metadata.get("registration_id")
    if event["type"] != "payment_intent.succeeded" or registration_id is None:
        return {"outcome": "ignored"}
    try:
        # the currency of the registration tells how many decimals the provider's integers have
        due = client.get_registration(registration_id).amount_due
        amount = Decimal(intent["amount_received"]).scaleb(int(due.as_tuple().exponent))
        payment = {"amount": amount, "currency": intent["currency"].upper(), "provider": "stripe"}
        payment["reference"] = intent["id"]
        if "amendment" in metadata:  # what is paid already becomes dearer: README.md
            change = json.loads(metadata["amendment"])
            revision = change.get("p_expected_revision")
            client.amend_registration(registration_id, change["p_selections"], payment, revision)
        else:
            client.complete_registration_payment(registration_id, payment)
    except (ticketing.NotConfigured, ticketing.TransientError):
        raise  # temporary: the provider sends the event again
    except (TicketingError, ValueError) as error:
        # No repetition changes that (ValueError: no id of a registration), so the money has to go
        # back: here your service refunds the intent, with its id as the key that keeps the provider
        # from refunding it twice.
        return {"outcome": "to_refund", "reason": str(error)}
    return {"outcome": "recorded"}


@app.exception_handler(TicketingError)
def refused(_: Request, error: TicketingError) -> Response:
    """Answer with the problem document (RFC 9457) of a refused call."""
    return JSONResponse(error.to_problem(), error.http_status, error.http_headers, PROBLEM)


@app.exception_handler(psycopg.OperationalError)
def unavailable(request: Request, _: psycopg.OperationalError) -> Response:
    """Answer that the call may be repeated."""
    return refused(request, ticketing.TransientError("The database does not answer.", "57014"))


@app.exception_handler(HTTPException)
def refused_by_http(_: Request, error: HTTPException) -> Response:
    """Answer with a problem document what is no call: another path, or another type of body."""
    status = HTTPStatus(error.status_code)
    document = {"title": status.phrase, "status": status, "detail": error.detail}
    return JSONResponse(document, status, error.headers, PROBLEM)
