"""The demo shows what the package does, and shows it truly."""

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from rich.console import Console

from ticketing_client import demo, embedded
from ticketing_client.cli import main
from ticketing_client.demo import recreate_database, walk_through
from ticketing_client.embedded import Server

Ticketing = Callable[..., tuple[object, str, str]]


@pytest.fixture
def output(database_url: str) -> str:
    """What the demo prints where there is no terminal."""
    printed = StringIO()
    walk_through(database_url, Console(file=printed, highlight=False, emoji=False, markup=False))
    return printed.getvalue()


def section(output: str, heading: str) -> str:
    """The lines below a heading, without the space at the end of each."""
    _, found, rest = f"\n{output}".partition(f"\n\n{heading}")
    assert found
    return "\n".join(line.rstrip() for line in rest.partition("\n\n")[0].splitlines()[1:])


def calls(text: str) -> list[str]:
    return re.findall(r"^  (\w+) +\d+\.\d ms$", text, re.MULTILINE)


def rows(url: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_every_ticket_is_shown_with_its_prices_and_all_add_up(output: str) -> None:
    table = section(output, "Signed in, the user books")
    lines = re.findall(r"^  (.*?)  +(\S.*?) +([\d.]+) +([\d.]+)$", table, re.MULTILINE)
    assert [tuple(cell.strip() for cell in line) for line in lines] == [
        ("Walter Ashby", "All Events", "280.00", "280.00"),
        ("", "Meet & Greet Cocktail Party", "70.00", "70.00"),
        ("", "Quarterly Communication", "0.00", "0.00"),
        ("", "Grand Proclamation Ceremony", "20.00", "20.00"),
        ("", "Proclamation Banquet - Best Available", "115.00", "115.00"),
        ("", "Farewell Cruise Luncheon", "75.00", "75.00"),
        ("Ines Ashby", "Ladies Brunch, Ceremony & Banquet", "185.00", "185.00"),
        ("", "Ladies Brunch", "50.00", "50.00"),
        ("", "Grand Proclamation Ceremony", "20.00", "20.00"),
        ("", "Proclamation Banquet - Best Available", "115.00", "115.00"),
        ("Tomas Reyes", "Grand Proclamation Ceremony", "20.00", "20.00"),
        ("", "Proclamation Banquet - Best Available", "115.00", "115.00"),
        ("Harold Quill", "Communication, Ceremony & Banquet", "135.00", "135.00"),
        ("", "Quarterly Communication", "0.00", "0.00"),
        ("", "Grand Proclamation Ceremony", "20.00", "20.00"),
        ("", "Proclamation Banquet - Best Available", "115.00", "115.00"),
    ]
    assert re.search(r"^  Total +13 tickets +735\.00$", table, re.MULTILINE)
    assert "valid: 13 tickets, 735.00 AUD" in section(output, "A visitor's wizard asks")


def test_a_changed_choice_is_shown_as_a_difference(output: str) -> None:
    assert section(output, "He goes back").splitlines()[1:] == [
        "    = Grand Proclamation Ceremony                       20.00",
        "    - Proclamation Banquet - Best Available            115.00",
        "    + Farewell Cruise Luncheon                          75.00",
        "  1 added, 1 removed, 1 unchanged; 735.00 is now 695.00 AUD, revision 1 is now 2",
    ]


def test_the_same_again_and_resuming_change_nothing(output: str) -> None:
    assert "0 added, 0 removed, 2 unchanged; revision 2" in section(output, "The same again")
    resumed = section(output, "On another device")
    assert "draft, revision 2: 4 attendees, 13 tickets, 695.00 AUD, held until " in resumed
    assert "sent back as it came: 0 added, 0 removed, 13 unchanged; revision 2" in resumed


def test_every_mistake_is_named_with_its_path(output: str, database_url: str) -> None:
    text = section(output, "A request with many mistakes")
    assert "refused with TK004, 7 problems:" in text
    issues = re.findall(r"^    (\w+): .+\n      at p_selections\.[\w.\[\]-]+$", text, re.MULTILINE)
    assert sorted(issues) == [
        "inactive",
        "mixed_selection",
        "not_eligible",
        "not_eligible",
        "registration_type_not_allowed",
        "sold_out",
        "ticket_type_not_found",
    ]
    assert rows(database_url, "SELECT revision FROM ticketing.registrations") == [(2,)]


def test_a_stranger_learns_nothing(output: str) -> None:
    assert "refused with TK002: There is no such registration, or it is not yours." in (
        section(output, "A stranger asks")
    )


def test_what_the_database_holds_is_what_it_holds(output: str, database_url: str) -> None:
    shown = dict(re.findall(r"^  (\w+) +(\d+) rows?$", output, re.MULTILINE))
    assert shown["tickets"] == "13"
    with psycopg.connect(database_url) as connection:
        for (table,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'ticketing'"
        ):
            query = psycopg.sql.SQL("SELECT count(*) FROM ticketing.{}")
            row = connection.execute(query.format(psycopg.sql.Identifier(table))).fetchone()
            assert row == (int(shown.get(table, 0)),), table
    places = re.findall(r"^  (?:event|ticket type) +(\S.*?) +(\d+) +(\d+) *$", output, re.MULTILINE)
    taken = rows(
        database_url,
        "SELECT name, (reserved + sold)::text, capacity::text FROM ticketing.capacity_pools"
        " WHERE reserved + sold > 0",
    )
    assert sorted(places) == sorted(taken)
    assert len(places) == 12


def test_every_call_is_shown_with_its_time(output: str) -> None:
    assert calls(output) == [
        "import_catalogue",
        "quote_ticket_selections",
        "create_individual_registration_with_tickets",
        "get_registration",
        "persist_ticket_selections",
        "persist_ticket_selections",
        "get_registration",
        "create_individual_registration_jsonb",
        "persist_ticket_selections",
        "persist_ticket_selections",
        "get_registration",
    ]


def test_a_fresh_database_is_made_whoever_is_still_connected(server: Server) -> None:
    with psycopg.connect(recreate_database(server)) as lingering:
        lingering.execute("CREATE TABLE of_the_last_run ()")
        lingering.commit()
        url = recreate_database(server)
        assert rows(url, "SELECT to_regclass('of_the_last_run')") == [(None,)]
        with pytest.raises(psycopg.OperationalError):
            lingering.execute("SELECT 1")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE ticketing_demo")


@pytest.fixture
def ticketing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Ticketing]:
    """A function that runs the command in a folder of its own: exit code, stdout and stderr."""
    with tempfile.TemporaryDirectory(prefix="ticketing-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as somebody else
        for module in (demo, embedded):
            monkeypatch.setattr(module, "default_data_dir", lambda: folder / "demo")
        monkeypatch.delenv("COLUMNS", raising=False)

        def run(*arguments: str) -> tuple[object, str, str]:
            monkeypatch.setattr(sys, "argv", ["ticketing", *arguments])
            with pytest.raises(SystemExit) as exit_:
                main()
            return (exit_.value.code or 0, *capfd.readouterr())

        yield run


def test_the_command_runs_twice_and_leaves_a_database_to_look_at(ticketing: Ticketing) -> None:
    for _ in range(2):
        code, out, err = ticketing("demo")
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert re.search(r"\d+ migrations and \d+ functions installed in \d", out)
        assert "make psql" in out
        assert len(calls(out)) == 11
        count = ticketing("psql", "-X", "-At", "-c", "SELECT count(*) FROM ticketing.tickets")
        assert count == (0, "13\n", "")
