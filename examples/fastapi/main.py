"""Registrations over HTTP: a FastAPI service on ticketing-sql.

    uvicorn --factory examples.fastapi.main:create_app

Each route passes its request on to the RPC that it is named after, and answers with what the
database says. README.md lists the routes and the settings.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from uuid import UUID

from fastapi import APIRouter, FastAPI, Response
from psycopg_pool import ConnectionPool

from examples.fastapi.incoming import (
    Caller,
    Cancellation,
    Event,
    Payment,
    Quote,
    Registration,
    Service,
    Tickets,
)
from examples.fastapi.outgoing import REFUSALS, answer, openapi, problem
from ticketing_client import (
    Client,
    PaymentConflict,
    RegistrationNotEditable,
    RegistrationNotFound,
    SelectionInvalid,
    SoldOut,
)

api = APIRouter()


@api.get("/functions/{function_id}/availability")
def get_ticket_availability(
    caller: Caller, function_id: UUID, registration_id: UUID | None = None
) -> Response:
    return answer(caller.get_ticket_availability(function_id, registration_id))


@api.post("/functions/{function_id}/quote")
def quote_ticket_selections(caller: Caller, function_id: UUID, body: Quote) -> Response:
    return answer(caller.quote_ticket_selections(function_id, **body.arguments()))


@api.post("/registrations/individuals", responses={201: {}})
def create_individual_registration_with_tickets(caller: Caller, body: Registration) -> Response:
    created = caller.create_individual_registration_with_tickets(**body.arguments())
    return answer(created, 201 if created.created else 200)


@api.get("/registrations/{registration_id}")
def get_registration(caller: Caller, registration_id: UUID) -> Response:
    return answer(caller.get_registration(registration_id))


@api.post("/registrations/{registration_id}/tickets")
def persist_attendee_tickets(caller: Caller, registration_id: UUID, body: Tickets) -> Response:
    return answer(caller.persist_attendee_tickets(registration_id, **body.arguments()))


@api.post("/registrations/{registration_id}/payment")
def start_payment(caller: Caller, registration_id: UUID, body: Payment) -> Response:
    return answer(caller.start_payment(registration_id, **body.arguments()))


@api.post("/registrations/{registration_id}/cancel")
def cancel_registration(caller: Caller, registration_id: UUID, body: Cancellation) -> Response:
    return answer(caller.cancel_registration(registration_id, **body.arguments()))


@api.post("/webhooks/payments")
def record_payment(service: Service, event: Event) -> dict[str, str]:
    """Record a payment. The provider sends an event until it is accepted: twice, in any order.

    The currency of the registration tells how many decimals the provider's integers have.
    """
    intent = event["data"]["object"]
    registration_id = intent.get("metadata", {}).get("registration_id")
    if event["type"] != "payment_intent.succeeded" or registration_id is None:
        return {"outcome": "ignored"}
    try:
        due = service.get_registration(registration_id).amount_due
        amount = Decimal(intent["amount_received"]).scaleb(int(due.as_tuple().exponent))
        currency = intent["currency"].upper()
        payment = {"reference": intent["id"], "amount": amount, "currency": currency}
        service.complete_registration_payment(registration_id, payment | {"provider": "stripe"})
    except (
        PaymentConflict,
        RegistrationNotEditable,
        RegistrationNotFound,
        SelectionInvalid,
        SoldOut,
    ) as error:
        # No repetition changes that, so the money has to go back: here your service refunds the
        # intent, with its id as the key that keeps the provider from refunding it twice.
        return {"outcome": "to_refund", "reason": error.message}
    return {"outcome": "recorded"}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Client]]:
    """Keep a pool of warm connections as long as the application runs."""
    with ConnectionPool(
        os.environ["DATABASE_URL"], configure=Client.warm, max_size=10, timeout=5
    ) as pool:
        yield {"client": Client(pool)}


def create_app() -> FastAPI:
    """Make the application from DATABASE_URL, JWT_SECRET and WEBHOOK_SECRET."""
    app = FastAPI(
        title="Registrations",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.include_router(api)
    for refusal in REFUSALS:
        app.add_exception_handler(refusal, problem)
    app.openapi = partial(openapi, app)  # type: ignore[method-assign]
    return app
