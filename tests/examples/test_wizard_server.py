"""examples/wizard/server.py: which database the wizard sells from, and its payments."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from tests.conftest import EventDatabase
from tests.support.example import (
    BANQUET,
    CEREMONY,
    WALTER,
    Document,
    selection,
    tickets_of,
    wizard_registration,
)
from tests.support.services import bearer, running, settings

from examples.wizard.server import create_app, database, example_event
from ticketing_client import Client


@pytest.fixture(scope="module")
def wizard_database(event_database: EventDatabase) -> Iterator[str]:
    """The URL of the wizard's database, for a superuser."""
    with event_database("wizard_server") as url, settings(url):
        with Client(url) as client:
            client.import_catalogue(example_event())
        yield url


@pytest.fixture(scope="module")
def wizard_url(wizard_database: str) -> Iterator[str]:
    """The URL of the running wizard."""
    del wizard_database
    with running(create_app()) as url:
        yield url


@pytest.fixture
def wizard(wizard_url: str) -> Iterator[httpx.Client]:
    """A client of the wizard's service with the token of a new user."""
    with httpx.Client(base_url=wizard_url, timeout=30, headers=bearer(str(uuid4()))) as client:
        yield client


def test_wizard_sells_from_its_own_database_whatever_the_environment_says(
    event_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", event_url)
    with database(None) as url, psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM ticketing.functions").fetchall()
        assert connection.info.dbname == "registrations"
    assert found == [(1,)]
    assert capsys.readouterr().out == (
        "Selling from a PostgreSQL of its own, which is gone afterwards.\n"
    )


def test_wizard_says_which_given_database_it_sells_from(
    event_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(event_url) as url:
        assert url == event_url
    with psycopg.connect(event_url) as connection:
        name = connection.info.dbname
    assert capsys.readouterr().out.startswith(f"Selling from the database {name} at ")


# The payment of a difference


@pytest.fixture
def paid(wizard: httpx.Client) -> Document:
    """The body of a dearer exchange in a registration that is paid, with the id in it."""
    registration_id = str(uuid4())
    chosen = {WALTER: selection(tickets={CEREMONY: 1})}
    data = wizard_registration(registration_id, chosen) | {"subtotal": 0}
    body = {"p_registration_data": data, "p_tickets": tickets_of(chosen)}
    assert wizard.post("/registrations/individuals", json=body).status_code == 201
    paying = wizard.post(f"/development/pay/{registration_id}")
    assert paying.json() == {"outcome": "recorded"}
    revision = wizard.get(f"/registrations/{registration_id}").json()["revision"]
    return {
        "registration_id": registration_id,
        "p_selections": {WALTER: selection(tickets={BANQUET: 1})},
        "p_expected_revision": revision,
        "amount": 95,
    }


def pay_difference(wizard: httpx.Client, paid: Document) -> httpx.Response:
    """Pay what an exchange costs more."""
    path = f"/development/pay/{paid['registration_id']}/difference"
    return wizard.post(path, json={key: paid[key] for key in paid if key != "registration_id"})


def test_difference_is_paid_once(wizard: httpx.Client, paid: Document) -> None:
    answers = [pay_difference(wizard, paid).json() for _ in range(2)]
    found = wizard.get(f"/registrations/{paid['registration_id']}").json()
    assert answers == [{"outcome": "recorded"}] * 2
    assert (found["paid"], found["total"], found["revision"]) == (
        115,
        115,
        paid["p_expected_revision"] + 1,
    )


def test_difference_of_another_amount_than_the_buyer_saw_is_given_back(
    wizard: httpx.Client, paid: Document
) -> None:
    answer = pay_difference(wizard, paid | {"amount": 90.5}).json()
    assert answer["outcome"] == "to_refund"
    assert wizard.get(f"/registrations/{paid['registration_id']}").json()["paid"] == 20


def test_difference_of_what_the_buyer_may_not_change_is_not_taken(
    wizard: httpx.Client, paid: Document, wizard_database: str
) -> None:
    """The service itself could change it."""
    move = "UPDATE ticketing.functions SET changes_until = changes_until + %s::interval"
    with psycopg.connect(wizard_database, autocommit=True) as superuser:
        superuser.execute(move, ["-10 years"])
        answer = pay_difference(wizard, paid)
        superuser.execute(move, ["10 years"])
    assert (answer.status_code, answer.json()["issues"][0]["code"]) == (409, "changes_ended")
    assert wizard.get(f"/registrations/{paid['registration_id']}").json()["paid"] == 20
