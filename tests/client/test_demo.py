"""The demo shows what the package does, and shows it truly."""

import re
import sys
import tempfile
from collections import Counter
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


@pytest.fixture(scope="module")
def output(module_url: str) -> str:
    """What the demo prints where there is no terminal."""
    printed = StringIO()
    walk_through(module_url, Console(file=printed, highlight=False, emoji=False, markup=False))
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


def test_demo_shows_every_ticket_with_prices_that_add_up(output: str) -> None:
    table = section(output, "The user signs in and registers")
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


def test_demo_shows_changed_selection_as_difference(output: str) -> None:
    assert section(output, "The user goes back").splitlines()[1:] == [
        "    = Grand Proclamation Ceremony                       20.00",
        "    - Proclamation Banquet - Best Available            115.00",
        "    + Farewell Cruise Luncheon                          75.00",
        "  1 added, 1 removed, 1 unchanged; 735.00 is now 695.00 AUD, revision 1 is now 2",
    ]


def test_demo_shows_that_repeating_and_resuming_change_nothing(output: str) -> None:
    assert "0 added, 0 removed, 2 unchanged; revision 2" in section(output, "The same call again")
    resumed = section(output, "On another device")
    assert "draft, revision 2: 4 attendees, 13 tickets, 695.00 AUD, held until " in resumed
    assert "sent back unchanged: 0 added, 0 removed, 13 unchanged; revision 2" in resumed


def test_demo_shows_every_mistake_with_its_path(output: str) -> None:
    text = section(output, "An invalid request")
    assert "refused with TK004, 6 problems:" in text
    issues = re.findall(r"^    (\w+): .+\n      at p_selections\.[\w.\[\]-]+$", text, re.MULTILINE)
    assert sorted(issues) == [
        "inactive",
        "mixed_selection",
        "not_eligible",
        "sold_out",
        "ticket_type_not_found",
    ]


def test_demo_shows_that_strangers_learn_nothing(output: str) -> None:
    assert "refused with TK002: There is no such registration, or it is not yours." in (
        section(output, "Another user asks")
    )


def test_demo_pays_amount_due_once(output: str, module_url: str) -> None:
    held = section(output, "On another device")
    due = section(output, "The user starts the payment")
    assert re.search(
        r"^  pending: 695\.00 AUD are due, held until \d\d:\d\d UTC$", due, re.MULTILINE
    )
    until = re.compile(r"held until (.*)")
    assert until.findall(due) != until.findall(held)  # payment has time of its own

    paid = section(output, "The payment provider reports")
    assert (
        "refused with TK007: 600.00 minus a surcharge of 0.00 is not the expected 695.00." in paid
    )
    line = r"^  completed: 13 Paid; confirmation number (\S+), the same both times$"
    stored = rows(
        module_url,
        "SELECT confirmation_number FROM ticketing.registrations"
        " JOIN ticketing.payments USING (function_id, registration_id)"
        " WHERE kind = 'payment' AND amount = 695",
    )
    assert re.findall(line, paid, re.MULTILINE) == [number for (number,) in stored]
    assert len(stored) == 1


def test_demo_shows_capacity_below_use_refused(output: str) -> None:
    assert "refused with TK004: Ladies Brunch cannot have a capacity of 0 with 1 in use." in (
        section(output, "The organiser reduces")
    )


def test_demo_shows_last_ticket_held_once(output: str, module_url: str) -> None:
    refused = "refused with TK005: Ladies Brunch is sold out. (1 requested, 0 left)"
    first = section(output, "Nora takes the last ticket")
    assert re.search(r"^  Nora: 1 added, held until \d\d:\d\d UTC$", first, re.MULTILINE)
    assert f"  Edith: {refused}" in first
    then = section(output, "Nora's hold expires")
    assert re.search(r"^  Edith: 1 added, held until \d\d:\d\d UTC$", then, re.MULTILINE)
    assert f"  Nora's payment, now: {refused}" in then
    both = section(output, "The organiser raises the capacity")
    assert re.search(r"^  Nora: 1 unchanged, held until \d\d:\d\d UTC$", both, re.MULTILINE)
    assert "  2 registrations have expired" in section(output, "Both holds expire")
    assert rows(
        module_url,
        "SELECT first_name, status FROM ticketing.registrations"
        " JOIN ticketing.attendees USING (function_id, registration_id)"
        " WHERE first_name IN ('Nora', 'Edith') ORDER BY first_name",
    ) == [("Edith", "expired"), ("Nora", "expired")]


def test_demo_shows_cancellation_and_refund(output: str, module_url: str) -> None:
    assert "  13 tickets cancelled, 695.00 AUD refunded; " in (
        section(output, "The four cannot come")
    )
    table = section(output, "  Remaining capacity").splitlines()[1:]
    assert [re.split(r"  +", line.strip()) for line in table] == [
        ["Meet & Greet Cocktail Party", "200", "199", "200"],
        ["Ladies Brunch", "100", "99", "100"],
        ["Quarterly Communication", "500", "498", "500"],
        ["Grand Proclamation Ceremony", "600", "596", "600"],
        ["Proclamation Banquet - Best Available", "480", "477", "480"],
        ["Farewell Cruise Luncheon", "150", "148", "150"],
        ["All Events", "150", "148", "150"],
        ["Ceremony & Banquet", "480", "477", "480"],
        ["Communication, Ceremony & Banquet", "480", "477", "480"],
        ["Ladies Brunch, Ceremony & Banquet", "100", "99", "100"],
        ["Lodge Package", "48", "47", "48"],
    ]
    assert rows(
        module_url,
        "SELECT DISTINCT status, payment_status FROM ticketing.tickets"
        " WHERE payment_status <> 'Unpaid'",
    ) == [("Cancelled", "Refunded")]


def test_demo_reads_every_change_once(output: str, module_url: str) -> None:
    *pages, end = section(output, "Another system reads every change").splitlines()[1::2]
    assert end == "  no more changes; the cursor stays valid"
    read: Counter[str] = Counter()
    for page in pages:
        read.update({what: int(count) for count, what in re.findall(r"(\d+) (\w+)", page)})
    stored = rows(module_url, "SELECT change FROM ticketing.ticket_changes")
    assert read == Counter(change for (change,) in stored)
    assert len(pages) == 2


def test_demo_finds_and_repairs_wrong_counter(output: str, module_url: str) -> None:
    text = section(output, "A counter is edited by hand")
    assert "  pool_counters: stored 0 sold, 7 reserved, counted 0 sold, 0 reserved\n" in text
    assert text.endswith("  corrected: 1; left to correct: 0")
    assert rows(module_url, "SELECT check_name FROM ticketing.check_integrity()") == []
    # the README's first call finds the full capacity free, and as much as at first
    assert rows(
        module_url,
        "SELECT sum(reserved + sold), sum(capacity) FILTER (WHERE name = 'Ladies Brunch')"
        " FROM ticketing.capacity_pools",
    ) == [(0, 200)]


def test_demo_shows_every_call_with_its_time(output: str) -> None:
    assert calls(output) == [
        "import_catalogue",
        "get_ticket_availability",
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
        "start_payment",
        *["complete_registration_payment"] * 3,
        "get_registration",
        *["import_catalogue"] * 2,
        *["create_individual_registration_with_tickets"] * 3,
        "complete_registration_payment",
        "import_catalogue",
        "create_individual_registration_with_tickets",
        "release_expired_holds",
        "get_ticket_availability",
        "cancel_registration",
        "record_refund",
        "get_ticket_availability",
        *["get_ticket_changes"] * 3,
        "check_integrity",
        "repair_capacity",
        "check_integrity",
    ]


def test_demo_recreates_database_while_others_are_connected(server: Server) -> None:
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
        folder.chmod(0o755)  # root's server runs as another user
        for module in (demo, embedded):
            monkeypatch.setattr(module, "default_data_dir", lambda: folder / "demo")
        monkeypatch.delenv("COLUMNS", raising=False)

        def run(*arguments: str) -> tuple[object, str, str]:
            monkeypatch.setattr(sys, "argv", ["ticketing", *arguments])
            with pytest.raises(SystemExit) as exit_:
                main()
            return (exit_.value.code or 0, *capfd.readouterr())

        yield run


@pytest.mark.long
def test_demo_runs_twice_and_leaves_database_for_psql(ticketing: Ticketing) -> None:
    for _ in range(2):
        code, out, err = ticketing("demo")
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert re.search(r"\d+ migrations and \d+ functions installed in \d", out)
        assert "make psql" in out
        count = ticketing("psql", "-X", "-At", "-c", "SELECT count(*) FROM ticketing.tickets")
        assert count == (0, "15\n", "")
