"""The wizard over the FastAPI service, with what stands in for the rest of a deployment.

    python -m examples.wizard.server

Serves the wizard on http://127.0.0.1:8000 with a PostgreSQL of its own that is gone afterwards; or
with the database of --database-url. DATABASE_URL is ignored: the sign-in believes everyone, and the
payments are simulated, which no real database should get by accident.
"""

import argparse
import hmac
import json
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
import jwt
import psycopg
import uvicorn
from fastapi import Body, FastAPI, Request
from fastapi.staticfiles import StaticFiles

from examples.fastapi import main as service
from examples.fastapi.main import Caller
from ticketing_client import Client, PaymentConflict
from ticketing_client.embedded import run_server
from ticketing_client.migrate import migrate
from ticketing_client.models import RegistrationAnswer

HERE = Path(__file__).parent
DAY = 86_400  # seconds

say = partial(print, flush=True)


def create_app() -> FastAPI:
    """Make the service with a sign-in for everyone, a payment provider, and the wizard's files."""
    app = FastAPI(openapi_url=None)
    app.include_router(service.app.router)  # with its lifespan
    app.exception_handlers = service.app.exception_handlers

    @app.post("/development/sign-in")
    def sign_in(email: Annotated[str, Body(embed=True)]) -> dict[str, str]:
        """Take everyone at their word: the same address is the same user on every device."""
        user = uuid5(NAMESPACE_URL, f"mailto:{email.strip().lower()}")
        claims = {
            "sub": str(user),
            "email": email,
            "aud": "authenticated",
            "exp": int(time.time()) + 30 * DAY,
        }
        return {"token": jwt.encode(claims, os.environ["JWT_SECRET"], "HS256")}

    @app.post("/development/pay/{registration_id}")
    def pay(request: Request, caller: Caller, registration_id: UUID) -> dict[str, str]:
        """Be the payment provider, and take the money once.

        The buyer's request comes again when its reply was lost.
        """
        found = caller.get_registration(registration_id)
        if found.status == "completed":
            return {"outcome": "recorded"}
        return take(request, found, found.amount_due)

    @app.post("/development/pay/{registration_id}/difference")
    def pay_difference(
        request: Request,
        caller: Caller,
        registration_id: UUID,
        *,
        amount: Annotated[Decimal, Body(gt=0, lt=1_000_000)],
        p_selections: Annotated[dict[str, Any], Body()],
        p_expected_revision: Annotated[int, Body()],
    ) -> dict[str, str]:
        """Be the provider for what dearer tickets cost more, of the amount that the buyer has seen.

        The service may change what the buyer may not. So the change is tried as the buyer first,
        and only one that lacks nothing but its payment is paid for.
        """
        try:
            caller.amend_registration(
                registration_id, p_selections, expected_revision=p_expected_revision
            )
        except PaymentConflict as error:
            if error.issues[0].code != "payment_required":
                raise
        else:  # nothing is due, or it was changed already
            return {"outcome": "recorded"}
        found = caller.get_registration(registration_id)
        change = {"p_selections": p_selections, "p_expected_revision": p_expected_revision}
        # as many decimals as the currency has
        return take(request, found, amount.quantize(found.amount_due), amendment=json.dumps(change))

    app.mount("/", StaticFiles(directory=HERE, html=True))
    return app


def take(
    request: Request, registration: RegistrationAnswer, amount: Decimal, **metadata: str
) -> dict[str, str]:
    """Take the money for a registration, and tell the service by its webhook, twice."""
    registration_id = UUID(registration.registration_id)
    intent = {
        "id": f"pi_{registration_id.hex}_{registration.revision}",
        "amount_received": int(str(amount).replace(".", "")),
        "currency": registration.currency.lower(),
        "metadata": {"registration_id": str(registration_id)} | metadata,
    }
    event = json.dumps({"type": "payment_intent.succeeded", "data": {"object": intent}}).encode()
    sent_at = str(int(time.time()))
    secret = os.environ["WEBHOOK_SECRET"].encode()
    signature = hmac.digest(secret, sent_at.encode() + b"." + event, "sha256").hex()
    headers = {"Stripe-Signature": f"t={sent_at},v1={signature}"}
    url = str(request.url_for("record_payment"))
    outcomes = [httpx.post(url, content=event, headers=headers).json() for _ in range(2)]
    return dict(outcomes[0])


def example_event() -> dict[str, Any]:
    """Return the catalogue of the example event; buyers may change what is paid for a while."""
    example = files("ticketing_client").joinpath("example/catalogue.json")
    catalogue: dict[str, Any] = json.loads(example.read_text(encoding="utf-8"))
    catalogue["function"] |= json.loads((HERE / "deadlines.json").read_text(encoding="utf-8"))
    return catalogue


@contextmanager
def database(given: str | None) -> Generator[str]:
    """Yield the URL that is given, or that of a new database with the example event on sale."""
    if given:
        with psycopg.connect(given) as connection:
            info = connection.info
            say(f"Selling from the database {info.dbname} at {info.host}:{info.port}.")
        yield given
        return
    with run_server() as server:
        url = server.url("registrations")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE registrations")
        migrate(url)
        with Client(url) as client:
            client.import_catalogue(example_event())
        say("Selling from a PostgreSQL of its own, which is gone afterwards.")
        yield url


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the wizard, to try it.")
    parser.add_argument("--database-url", help="sell from this database instead of a new one")
    with database(parser.parse_args().database_url) as url:
        for name in ("JWT_SECRET", "WEBHOOK_SECRET"):
            os.environ.setdefault(name, secrets.token_hex(32))
        os.environ["DATABASE_URL"] = url
        uvicorn.run(create_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))


if __name__ == "__main__":
    main()
