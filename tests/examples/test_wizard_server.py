"""examples/wizard/server.py: which database the wizard sells from."""

import psycopg
import pytest

from examples.wizard.server import database


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
