"""The example service, running: for tests over HTTP and in browsers."""

import hmac
import json
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from threading import Thread

import httpx
import jwt
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from psycopg.conninfo import make_conninfo

JWT_SECRET = "a secret of at least 32 characters, for tests"
WEBHOOK_SECRET = "whsec_test"
ROLE = "shop"
"""The login role of the service, made as docs/security.md says."""


@contextmanager
def settings(url: str) -> Generator[None]:
    """Set what the service reads from the environment; it connects as a role of its own.

    Args:
        url: A superuser's URL of the database.
    """
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE {ROLE} LOGIN")
        superuser.execute(f"ALTER ROLE {ROLE} SET lock_timeout = '2s'")
        superuser.execute(f"GRANT anon, authenticated, service_role TO {ROLE}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", make_conninfo(url, user=ROLE))
            patch.setenv("JWT_SECRET", JWT_SECRET)
            patch.setenv("WEBHOOK_SECRET", WEBHOOK_SECRET)
            yield
        superuser.execute(f"DROP ROLE {ROLE}")


@contextmanager
def running(app: FastAPI) -> Generator[str]:
    """Run an application on a free port of this machine, and yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service has not started"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def token(user: str, **claims: object) -> str:
    """Return the token of a user, as the sign-in of an application makes it."""
    standard = {"sub": user, "aud": "authenticated", "exp": int(time.time()) + 600}
    return jwt.encode({**standard, **claims}, JWT_SECRET, "HS256")


def bearer(user: str, **claims: object) -> dict[str, str]:
    """Return the header with the token of a user."""
    return {"Authorization": f"Bearer {token(user, **claims)}"}


def payment_event(
    registration_id: str, amount: int, *, reference: str, kind: str = "payment_intent.succeeded"
) -> bytes:
    """Return an event of the payment provider.

    Args:
        registration_id: The registration that was paid.
        amount: The amount in cents.
        reference: The id of the payment at the provider.
        kind: The type of the event.
    """
    intent = {
        "id": reference,
        "amount_received": amount,
        "currency": "aud",
        "metadata": {"registration_id": registration_id},
    }
    return json.dumps({"type": kind, "data": {"object": intent}}).encode()


def signed(event: bytes, *, age: int = 0, secret: str = WEBHOOK_SECRET) -> Mapping[str, str]:
    """Return the header with which the provider signs an event.

    Args:
        event: The event.
        age: How many seconds ago it was signed.
        secret: The secret that both sides know.
    """
    sent_at = int(time.time()) - age
    digest = hmac.digest(secret.encode(), b"%d." % sent_at + event, "sha256").hex()
    return {"Stripe-Signature": f"t={sent_at},v1={digest}"}


def deliver(client: httpx.Client, event: bytes) -> httpx.Response:
    """Send an event to the webhook, signed."""
    return client.post("/webhooks/payments", content=event, headers=signed(event))
