"""The demo shows what the package does, and shows it truly."""

import re
import shutil
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
Exchange = tuple[str, str]


@pytest.fixture(scope="module")
def output(module_url: str) -> str:
    """What the demo prints with --all where there is no terminal, in 80 columns."""
    return walk(module_url, everything=True)


def walk(url: str, *, everything: bool) -> str:
    printed = StringIO()
    console = Console(file=printed, width=80, highlight=False, emoji=False, markup=False)
    walk_through(url, console, everything=everything)
    return printed.getvalue()


def scene(output: str, heading: str) -> list[Exchange]:
    """The requests below a heading, each beside its answer, their lines joined again."""
    _, found, rest = f"\n{output}".partition(f"{heading}")
    assert found, heading
    exchanges: list[Exchange] = []
    for line in rest.partition("\n\n")[0].splitlines()[1:]:
        request, answer = line[:_COLUMN].rstrip(), line[_COLUMN:].strip()
        if line.startswith("  ") and not line.startswith("   "):
            continue  # a call and its time
        if exchanges and (not request or request.startswith("      ")):
            before = exchanges.pop()
            exchanges.append((f"{before[0]} {request.strip()}".strip(), f"{before[1]} {answer}"))
        else:
            exchanges.append((request.strip(), answer))
    return [(request, re.sub(" +", " ", answer).strip()) for request, answer in exchanges]


def calls(text: str) -> list[str]:
    return re.findall(r"^  (\w+) +\d+\.\d ms$", text, re.MULTILINE)


def rows(url: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


_COLUMN = 41  # where answers begin
HELD = r"held until \d\d:\d\d UTC"


def test_demo_fits_80_columns(output: str) -> None:
    assert [line for line in output.splitlines() if len(line) > 80] == []


def test_demo_has_seven_scenes_and_more_on_request(output: str, database_url: str) -> None:
    number = re.compile(r"^(\d+)\. ", re.MULTILINE)
    short = walk(database_url, everything=False)
    assert number.findall(short) == list("1234567")
    assert len(number.findall(output)) > 7
    for printed in (short, output):
        *scenes, last = printed.split("\n\n")
        assert all(calls(text) for text in (*scenes[1:], last))


@pytest.mark.parametrize("everything", [False, True])
def test_demo_leaves_one_paid_and_one_draft_registration(
    database_url: str, everything: bool
) -> None:
    printed = walk(database_url, everything=everything)
    assert rows(
        database_url,
        "SELECT registration.status, count(*) FROM ticketing.registrations AS registration"
        " JOIN ticketing.tickets USING (function_id, registration_id)"
        " WHERE registration.status <> 'cancelled' AND tickets.status = 'Active'"
        " GROUP BY registration.status ORDER BY 1",
    ) == [("completed", 10), ("draft", 1)]
    assert scene(printed, "What stays in the database") == [
        ("Walter, Ines, Tomas, Harald", "completed: 10 tickets, 600.00 AUD"),
        ("Nora", "draft: 1 ticket, 50.00 AUD"),
    ]
    assert rows(database_url, "SELECT check_name FROM ticketing.check_integrity()") == []
    # the catalogue is as at first, so that importing it again changes nothing
    assert rows(
        database_url,
        "SELECT sum(capacity) FROM ticketing.capacity_pools WHERE name = 'Ladies Brunch'",
    ) == [(200,)]


def test_demo_chooses_tickets_with_prices_that_add_up(output: str) -> None:
    registered, walter, ines, tomas, more, harold = scene(output, "1. Choose tickets")
    assert registered == (
        "Walter (mason), Ines (guest), Tomas (guest), Harold (mason)",
        "draft, no tickets yet",
    )
    assert walter == ("Walter: All Events", "5 tickets 280.00")
    assert ines == ("Ines: Ladies Brunch, Ceremony & Banquet", "3 tickets 185.00")
    assert tomas == ("Tomas: Grand Proclamation Ceremony", "2 tickets 135.00")
    assert more == ("and Proclamation Banquet - Best Available", "")
    assert harold[0] == "Harold: Communication, Ceremony & Banquet"
    assert re.fullmatch(f"3 tickets 135.00 13 tickets 735.00 AUD {HELD}", harold[1])


def test_demo_shows_changed_selection_as_difference(output: str) -> None:
    tickets, lunch, revision = scene(output, "2. Change your mind")
    assert tickets[0] == "Tomas: Grand Proclamation Ceremony"
    assert lunch[0] == "and Farewell Cruise Luncheon"
    assert f"{tickets[1]} {lunch[1]}" == (
        "= Grand Proclamation Ceremony 20.00"
        " - Proclamation Banquet - Best Available 115.00"
        " + Farewell Cruise Luncheon 75.00"
    )
    assert revision == (
        "expected revision 2",
        "1 added, 1 removed, 1 unchanged 695.00 AUD, revision 3",
    )


def test_demo_shows_that_retry_changes_nothing(output: str) -> None:
    assert scene(output, "3. Send it again") == [
        ("the same", "0 added, 0 removed, 2 unchanged 695.00 AUD, revision 3")
    ]


def test_demo_shows_every_reason_beside_its_request(output: str) -> None:
    exchanges = scene(output, "4. Ask for too much")
    codes = {request: re.findall(r"\b([a-z_]+): ", answer) for request, answer in exchanges}
    assert codes == {
        "Walter: All Events": ["mixed_selection"],
        "and Ladies Brunch": [],
        "Ines: Quarterly Communication": ["not_eligible"],
        "Harold: Grand Proclamation Banquet - Mezzanine": ["inactive"],
        "and 300 x Meet & Greet Cocktail Party": [],
        "all together": ["owner_limit", "sold_out"],
    }
    assert exchanges[-1][1].endswith("SQLSTATE TK004, and JSON with paths")


def test_demo_shows_last_ticket_held_once(output: str) -> None:
    limited, nora, edith, left, restored = scene(output, "5. Two want the last ticket")
    assert limited == ("Ladies Brunch: capacity 2", "saved")
    assert nora[0] == edith[0].replace("Edith", "Nora") == "Nora: Ladies Brunch"
    assert re.fullmatch(f"1 added, {HELD}", nora[1])
    assert edith[1] == "sold_out: Ladies Brunch is sold out. SQLSTATE TK005"
    assert left == ("what is on sale?", "Ladies Brunch: sold_out, 0 left")
    assert restored == ("Ladies Brunch: capacity as at first", "saved")


def test_demo_pays_amount_due_once(output: str, module_url: str) -> None:
    due, paid, again = scene(output, "6. Pay")
    assert re.fullmatch(f"pending: 695.00 AUD due {HELD}", due[1])
    until = re.compile("held until (.*)")
    # payment has time of its own
    assert until.findall(due[1]) != until.findall(scene(output, "1. Choose tickets")[-1][1])
    stored = rows(
        module_url,
        "SELECT confirmation_number FROM ticketing.registrations"
        " JOIN ticketing.payments USING (function_id, registration_id)"
        " WHERE kind = 'payment' AND amount = 695",
    )
    assert len(stored) == 1
    number = f"completed: 13 Paid confirmation number {stored[0][0]}"
    assert paid == ("payment pi_1: 695.00 AUD", number)
    assert again == ("the same", "the same answer")


def test_demo_changes_what_is_paid_with_its_money(output: str, module_url: str) -> None:
    exchange, more, paid, name, cancelled, refunded = scene(output, "7. After the sale")
    assert exchange[0] == "Tomas: Grand Proclamation Ceremony"
    assert exchange[1] == "40.00 AUD more"
    assert more == ("and Proclamation Banquet - Best Available", "")
    assert paid == (
        "payment pi_2: 40.00 AUD",
        "1 added, 1 cancelled paid 735.00, refunded 0.00, total 735.00, due back 0.00",
    )
    assert name == ("Harold's name is Harald", "Harald, with the same tickets")
    assert cancelled == (
        "Harald cannot come",
        "0 added, 3 cancelled paid 735.00, refunded 0.00, total 600.00, due back 135.00",
    )
    assert refunded == (
        "refund re_1: 135.00 AUD",
        "10 Paid, 4 Refunded paid 735.00, refunded 135.00, total 600.00, due back 0.00",
    )
    assert rows(
        module_url,
        "SELECT first_name, count(*) FROM ticketing.tickets"
        " JOIN ticketing.attendees USING (function_id, attendee_id)"
        " WHERE payment_status = 'Refunded' AND first_name <> 'Edith'"
        " GROUP BY first_name ORDER BY first_name",
    ) == [("Harald", 3), ("Tomas", 1)]


def test_demo_resumes_and_tells_strangers_nothing(output: str) -> None:
    found, resumed = scene(output, "Nora resumes")
    assert re.fullmatch(f"draft, 1 ticket 50.00 AUD, {HELD}", found[1])
    assert resumed[1] == "0 added, 0 removed, 1 unchanged"
    assert scene(output, "Edith asks") == [
        (
            "Nora's registration",
            (
                "registration_not_found: There is no such registration, or it is not yours."
                " SQLSTATE TK002"
            ),
        )
    ]


def test_demo_passes_on_what_an_ended_hold_kept(output: str) -> None:
    _, edith, nora = scene(output, "Nora's hold ends unpaid")
    assert re.fullmatch(f"1 added, {HELD}", edith[1])
    assert nora[1] == "sold_out: Ladies Brunch is sold out. SQLSTATE TK005"
    assert scene(output, "The organiser cannot take away") == [
        (
            "Ladies Brunch: capacity 0",
            (
                "capacity_below_use: Ladies Brunch cannot have a capacity of 0 with 2 in use."
                " SQLSTATE TK004"
            ),
        )
    ]
    assert re.fullmatch(f"1 unchanged, {HELD}", scene(output, "The organiser adds capacity")[1][1])
    released, back = scene(output, "A job ends holds")
    assert released == ("", "1 registration has expired")
    assert re.fullmatch(f"draft again, {HELD}", back[1])


def test_demo_cancels_and_refunds(output: str, module_url: str) -> None:
    due, too_little, paid, before, cancelled, refunded, after = scene(output, "Edith pays")
    assert due[1] == "draft: 50.00 AUD"
    assert too_little[1].startswith("amount_mismatch: 40.00 ")
    assert too_little[1].endswith("SQLSTATE TK007")
    assert (paid[1], cancelled[1], refunded[1]) == ("completed", "1 ticket cancelled", "Refunded")
    assert (before[1], after[1]) == (
        "Ladies Brunch: on_sale, 97 left",
        "Ladies Brunch: on_sale, 98 left",
    )
    assert rows(
        module_url,
        "SELECT first_name, status FROM ticketing.registrations"
        " JOIN ticketing.attendees USING (function_id, registration_id)"
        " WHERE first_name IN ('Nora', 'Edith') ORDER BY first_name",
    ) == [("Edith", "cancelled"), ("Nora", "draft")]


def test_demo_reads_every_change_once(output: str, module_url: str) -> None:
    ((_, answer),) = scene(output, "Another system reads every change")
    assert answer.endswith("no more changes; the cursor stays valid")
    read: Counter[str] = Counter()
    for count, what in re.findall(r"(\d+) (\w+)", answer):
        read[what] += int(count)
    stored = rows(module_url, "SELECT change FROM ticketing.ticket_changes")
    assert read == Counter(change for (change,) in stored)
    assert calls(output).count("get_ticket_changes") == 4


def test_demo_finds_and_repairs_wrong_counter(output: str) -> None:
    ((_, answer),) = scene(output, "A counter is edited by hand")
    assert answer == (
        "pool_counters: stored 1 sold, 7 reserved; counted 1 sold, 0 reserved"
        " corrected: 1 left to correct: 0"
    )


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
            monkeypatch.setattr(module, "default_data_dir", lambda name="demo": folder / name)
        monkeypatch.delenv("COLUMNS", raising=False)
        monkeypatch.delenv("DATABASE_URL", raising=False)

        def run(*arguments: str) -> tuple[object, str, str]:
            monkeypatch.setattr(sys, "argv", ["ticketing", *arguments])
            with pytest.raises(SystemExit) as exit_:
                main()
            return (exit_.value.code or 0, *capfd.readouterr())

        yield run


@pytest.mark.long
def test_demo_runs_twice_and_leaves_database_for_psql(ticketing: Ticketing) -> None:
    for is_again in (False, True):
        code, out, err = ticketing("demo")
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert re.search(r"\d+ migrations and \d+ functions installed in \d", out)
        assert [line for line in out.splitlines() if len(line) > 80 and "/" not in line] == []
        assert "a wizard (your registration form)" in out
        assert bool(re.search("The database of the last demo in /.*/demo is", out)) == is_again
        command = re.search(r"^  (\S*ticketing) psql  ", out, re.MULTILINE)
        assert command is not None
        assert shutil.which(command[1])
        count = ticketing("psql", "-X", "-At", "-c", "SELECT count(*) FROM ticketing.tickets")
        assert count == (0, "15\n", "")
