"""Registrations over HTTP: a FastAPI service on ticketing-sql.

    uvicorn examples.fastapi.main:app

Each route passes its request on to the RPC that it is named after, and answers with what the
database says. README.md lists the routes and the settings.
"""

import hmac
import json
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import jwt
import psycopg
from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg_pool import ConnectionPool
from pydantic import WithJsonSchema
from starlette.exceptions import HTTPException

import ticketing_client as ticketing
from ticketing_client import Client, TicketingError
from ticketing_client import calls as rpc

SCHEMAS = Path(__file__).parents[2] / "docs/schemas/openapi.json"
PROBLEM = "application/problem+json"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Client]]:
    """Keep a pool of warm connections as long as the service runs."""
    url = os.environ["DATABASE_URL"]
    with ConnectionPool(url, configure=Client.warm, max_size=10, timeout=5) as pool:
        yield {"client": Client(pool)}


app = FastAPI(
    title="Registrations", lifespan=lifespan, generate_unique_id_function=lambda route: route.name
)
bearer = HTTPBearer(scheme_name="token", auto_error=False)
Token = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def caller(request: Request, token: Token) -> Client:
    """Return a client that calls for the user of the token, or for a visitor without one."""
    client: Client = request.state.client
    if token is None:
        return client.as_user({}, role="anon")
    secret, needs = os.environ["JWT_SECRET"], {"require": ["exp", "sub"]}
    try:
        claims = jwt.decode(token.credentials, secret, ["HS256"], needs, audience="authenticated")
    except jwt.InvalidTokenError as error:
        raise ticketing.NotSignedIn(str(error), "42501") from error
    return client.as_user(claims)


async def json_body(request: Request) -> bytes:
    """Return the body. Its keys are the arguments of the RPC."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "The Content-Type must be application/json.")
    return await request.body()


Caller = Annotated[Client, Depends(caller)]
Body = Annotated[bytes, Depends(json_body)]
Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]


def answer(caller: Client, of: Callable[..., Any], *path: object, body: bytes = b"{}") -> Response:
    """Call an RPC with the arguments in the path and the body, and answer with its JSON."""
    found = caller.execute(ticketing.from_json(of, body, *path))
    status = 201 if getattr(found, "created", False) else 200
    return Response(ticketing.to_json(found), status, media_type="application/json")


@app.get("/functions/{function_id}/availability")
def get_ticket_availability(
    caller: Caller, function_id: Id, registration_id: Id | None = None
) -> Response:
    return answer(caller, rpc.get_ticket_availability, function_id, registration_id)


@app.post("/functions/{function_id}/quote")
def quote_ticket_selections(caller: Caller, function_id: Id, body: Body) -> Response:
    return answer(caller, rpc.quote_ticket_selections, function_id, body=body)


@app.post("/registrations/individuals", responses={201: {}})
def create_individual_registration_with_tickets(caller: Caller, body: Body) -> Response:
    return answer(caller, rpc.create_individual_registration_with_tickets, body=body)


@app.get("/registrations/{registration_id}")
def get_registration(caller: Caller, registration_id: Id) -> Response:
    return answer(caller, rpc.get_registration, registration_id)


@app.post("/registrations/{registration_id}/tickets")
def persist_attendee_tickets(caller: Caller, registration_id: Id, body: Body) -> Response:
    return answer(caller, rpc.persist_attendee_tickets, registration_id, body=body)


@app.post("/registrations/{registration_id}/payment")
def start_payment(caller: Caller, registration_id: Id, body: Body) -> Response:
    return answer(caller, rpc.start_payment, registration_id, body=body)


@app.post("/registrations/{registration_id}/cancel")
def cancel_registration(caller: Caller, registration_id: Id, body: Body) -> Response:
    return answer(caller, rpc.cancel_registration, registration_id, body=body)


def signature(sent_at: str, body: bytes) -> str:
    """Return the `v1` of a signed event: made of its time and body with the shared secret."""
    secret = os.environ["WEBHOOK_SECRET"].encode()
    return hmac.digest(secret, sent_at.encode() + b"." + body, "sha256").hex()


async def signed_body(request: Request) -> bytes:
    """Return the body, if its `Stripe-Signature: t=…,v1=…` is right and at most 300 seconds old."""
    body, header = await request.body(), request.headers.get("Stripe-Signature", "")
    fields = [field.strip().partition("=")[::2] for field in header.split(",")]
    sent_at = dict(fields).get("t", "")
    expected = signature(sent_at, body).encode()
    signed = any(k == "v1" and hmac.compare_digest(v.encode(), expected) for k, v in fields)
    if not signed or abs(time.time() - int(sent_at)) > 300:
        raise HTTPException(400, "The signature is missing, wrong, or older than five minutes.")
    return body


@app.post("/webhooks/payments", include_in_schema=False)
def record_payment(
    request: Request, body: Annotated[bytes, Depends(signed_body)]
) -> dict[str, str]:
    """Record a payment. The provider sends an event until it is accepted: twice, in any order."""
    client: Client = request.state.client
    event = json.loads(body)
    intent = event["data"]["object"]
    registration_id = intent.get("metadata", {}).get("registration_id")
    if event["type"] != "payment_intent.succeeded" or registration_id is None:
        return {"outcome": "ignored"}
    try:
        # The currency of the registration tells how many decimals the provider's integers have.
        due = client.get_registration(registration_id).amount_due
        amount = Decimal(intent["amount_received"]).scaleb(int(due.as_tuple().exponent))
        payment = {"reference": intent["id"], "amount": amount, "provider": "stripe"}
        payment["currency"] = intent["currency"].upper()
        client.complete_registration_payment(registration_id, payment)
    except (ticketing.NotConfigured, ticketing.TransientError):
        raise  # the provider sends the event again
    except TicketingError as error:
        # No repetition changes that, so the money has to go back: here your service refunds the
        # intent, with its id as the key that keeps the provider from refunding it twice.
        return {"outcome": "to_refund", "reason": error.message}
    return {"outcome": "recorded"}


@app.exception_handler(TicketingError)
def refused(_: Request, error: TicketingError) -> Response:
    """Answer with a problem document (RFC 9457)."""
    return JSONResponse(error.to_problem(), error.http_status, error.http_headers, PROBLEM)


@app.exception_handler(HTTPException)
def refused_by_http(_: Request, error: HTTPException) -> Response:
    """Answer with a problem document what is no request for the database, too."""
    status = HTTPStatus(error.status_code)
    document = {"title": status.phrase, "status": status, "detail": error.detail}
    return JSONResponse(document, status, error.headers, PROBLEM)


@app.exception_handler(psycopg.OperationalError)
def unavailable(request: Request, _: psycopg.OperationalError) -> Response:
    """Answer that the request may be repeated."""
    return refused(request, ticketing.TransientError("The database does not answer.", "57014"))


def openapi() -> dict[str, Any]:
    """Describe each route as the RPC that it is named after, less the arguments in its path."""
    rpcs = json.loads(SCHEMAS.read_text(encoding="utf-8"))
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    issues = {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}}
    problem = {"type": "object", "properties": {"issues": issues}, "required": ["title", "status"]}
    refusal = {"description": "Refused (RFC 9457).", "content": {PROBLEM: {"schema": problem}}}
    document["components"]["schemas"] = rpcs["components"]["schemas"]
    for path in document["paths"].values():
        for method, route in path.items():
            described = rpcs["paths"][f"/rpc/{route['operationId']}"]["post"]
            body = described["requestBody"]["content"]["application/json"]["schema"]
            for parameter in route.get("parameters", ()):
                body["properties"].pop(f"p_{parameter['name']}")
            body["required"] = [name for name in body["required"] if name in body["properties"]]
            statuses = route["responses"].keys() - {"422"}
            answers = dict.fromkeys(statuses, described["responses"]["200"])
            route["description"] = described["description"]
            route["responses"] = answers | {"default": refusal}
            if method == "post":
                route["requestBody"] = described["requestBody"]
    return document


app.openapi = openapi  # type: ignore[method-assign]
