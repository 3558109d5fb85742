"""docs/http.md: its requests are sent, in their order, and answered as it says."""

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.support.bookings import allow_changes
from tests.support.caller import Connection
from tests.support.example import LUNCHEON, OWNER
from tests.support.pages import ROOT, Shell, blocks, psql_of, shell_of
from tests.support.personas import acting
from tests.support.postgrest import Person, PostgREST, Reply

from ticketing_client.embedded import Server

PAGE = ROOT / "docs/http.md"

SENDERS = {
    None: Person("anon"),
    "Bearer <token of Nora>": Person("authenticated", OWNER),
    "Bearer <token of the service>": Person("service_role"),
}


LUNCHEON_TICKET = "<id of the luncheon ticket>"
"""What the page has in place of an id that the database makes."""


@pytest.fixture
def shell(
    server: Server, event_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """A function that runs commands on a database of their own with the example event.

    The role that they create is dropped in the end: it belongs to the whole server.
    """
    monkeypatch.setenv("DATABASE_URL", event_url)
    for key, value in conninfo_to_dict(event_url).items():
        monkeypatch.setenv({"dbname": "PGDATABASE"}.get(key, f"PG{key.upper()}"), str(value))
    yield shell_of(server, tmp_path, {})
    with psycopg.connect(event_url, autocommit=True) as superuser:
        superuser.execute("DROP ROLE IF EXISTS authenticator")


def test_http_page_shows_what_is_answered(
    shell: Shell, event_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One test, because each block goes on where the last one stopped."""
    reply = Reply(None, "")
    printed = ""
    namespace: dict[str, Any] = {}
    shown = 0
    with psycopg.connect(event_url) as connection:
        allow_changes(connection)
        connection.commit()
        for language, text in blocks(PAGE.read_text(encoding="utf-8")):
            match language:
                case "http" if text.startswith("HTTP/"):
                    check(reply, text)
                    shown += 1
                case "http":
                    reply = send(connection, text)
                    connection.commit()
                case "sh":
                    shell(text)
                case "sql":
                    psql_of(shell)(text)
                    switch_to_every_role(event_url)
                case "python":
                    exec(compile(text, PAGE.name, "exec"), namespace)  # noqa: S102 - our own
                    printed = capfd.readouterr().out
                case "json":
                    assert json.loads(printed[printed.index("{") :]) == json.loads(text)
                    shown += 1
                case _:
                    assert (language, printed) == ("text", text)
                    shown += 1
    namespace["pool"].close()
    assert shown > 12


def switch_to_every_role(url: str) -> None:
    """Do as the role that PostgREST connects as what it does before a call."""
    with psycopg.connect(url, user="authenticator") as connection:
        for person in SENDERS.values():
            connection.execute(f"SET LOCAL ROLE {person.role}".encode())


def send(connection: Connection, request: str) -> Reply:
    """Do what PostgREST does with a request, and keep what it has written."""
    head, _, body = request.partition("\n\n")
    first, *lines = head.splitlines()
    method, target, _ = first.split()
    headers = dict(line.split(": ") for line in lines)
    person = SENDERS[headers.get("Authorization")]
    url = urlsplit(target)
    if method == "POST":
        assert headers["Content-Type"] == "application/json"
        api = PostgREST(connection, headers["Content-Profile"], is_kept=True)
        if LUNCHEON_TICKET in body:
            body = body.replace(LUNCHEON_TICKET, active_ticket(connection, LUNCHEON))
        return api.post(person, url.path.removeprefix("/rpc/"), json.loads(body))
    query = dict(parse_qsl(url.query))
    if url.path.startswith("/rpc/"):
        api = PostgREST(connection, headers["Accept-Profile"])
        return api.get(person, url.path.removeprefix("/rpc/"), query)
    statement = sql.SQL("SELECT json_agg(t) FROM (SELECT {} FROM {} ORDER BY {}) AS t").format(
        sql.SQL(", ").join(map(sql.Identifier, query["select"].split(","))),
        sql.Identifier(headers["Accept-Profile"], url.path.removeprefix("/")),
        sql.Identifier(query["order"]),
    )
    with acting(connection, person.role, person.claims):
        row = connection.execute(statement).fetchone()
    assert row is not None
    return Reply(None, json.dumps(row[0]))


def active_ticket(connection: Connection, ticket_type_id: str) -> str:
    """Return the id of the only active ticket of a type."""
    ((ticket_id,),) = connection.execute(
        "SELECT ticket_id::text FROM ticketing.tickets"
        " WHERE ticket_type_id = %s AND status = 'Active'",
        [ticket_type_id],
    ).fetchall()
    return str(ticket_id)


def check(reply: Reply, response: str) -> None:
    """Compare a reply with the status and the keys that the page shows of it."""
    head, _, body = response.partition("\n\n")
    first, *lines = head.splitlines()
    assert first == f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"
    assert dict(line.split(": ") for line in lines).items() <= reply.headers.items()
    assert shown_of(json.loads(body), reply.body) == json.loads(body)


def shown_of(expected: Any, answer: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the part of an answer that is also in what is shown of it."""
    match expected:
        case Mapping():
            return {key: shown_of(value, answer[key]) for key, value in expected.items()}
        case list():
            pairs = zip(expected, answer, strict=True)
            return [shown_of(each, found) for each, found in pairs]
        case _:
            return answer


def test_http_page_names_every_call_of_a_wizard() -> None:
    sent = set(re.findall(r"^(?:GET|POST) /rpc/(\w+)", PAGE.read_text("utf-8"), re.MULTILINE))
    assert sent >= {
        "get_ticket_availability",
        "quote_ticket_selections",
        "create_individual_registration_with_tickets",
        "persist_ticket_selections",
        "get_registration",
        "start_payment",
        "complete_registration_payment",
        "amend_registration",
        "cancel_tickets",
    }
