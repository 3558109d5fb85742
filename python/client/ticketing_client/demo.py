"""The demo: a real event in seven scenes, from the first selection to changes after the payment.

`ticketing demo` runs it. It uses the public client, so `walk_through` is also an introduction to
the client. Plain SQL only creates the database, ends holds early and corrupts a counter.
"""

import os
import shlex
import sys
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from time import perf_counter
from typing import Any, Final, LiteralString, TypeVar
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ticketing_client import (
    AmendAnswer,
    Client,
    CreateAnswer,
    Issue,
    PaymentConflict,
    PersistAnswer,
    RegistrationAnswer,
    RegistrationNotFound,
    SelectionInvalid,
    SoldOut,
    StartPaymentAnswer,
    TicketingError,
    TicketSelections,
)
from ticketing_client._example import example_document
from ticketing_client.calls import Call
from ticketing_client.embedded import Server, default_data_dir, run_server
from ticketing_client.migrate import migrate
from ticketing_client.models import Json
from ticketing_client.serve import program
from ticketing_client.testing import let_holds_lapse

T = TypeVar("T")

DATABASE = "ticketing_demo"
"""Name of the demo's database."""

_WIDEST: Final = 80
_DEADLINES: Final = {
    "changes_until": "2031-09-12T23:59:59+10:00",
    "refunds_until": "2031-08-31T23:59:59+10:00",
}
_REQUEST_WIDTH: Final = 39  # columns, the indent included


def demo(data_dir: Path | None = None, *, everything: bool = False) -> None:
    """Run a registration in a new database on a private PostgreSQL server.

    Args:
        data_dir: Folder of the database, which stays until the next run; None for
            `default_data_dir`.
        everything: Whether to show what comes after the first seven scenes, too.

    Raises:
        EmbeddedServerError: The server cannot be run.
        MigrationError: The database cannot be installed.

    """
    console = Console(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, _WIDEST)
    console.print("Starting PostgreSQL ...")
    with run_server(data_dir or default_data_dir()) as server:
        started = perf_counter()
        with psycopg.connect(server.url()) as connection:
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
        if (DATABASE,) in names:
            replaced = f"The database of the last demo in {server.data_dir} is replaced."
            console.print(replaced, soft_wrap=True)
        url = recreate_database(server)
        report = migrate(url)
        functions = sum(path.startswith("functions/") for path in report.installed)
        console.print(
            f"PostgreSQL {server.version} is running; {len(report.applied)} migrations and "
            f"{functions} functions installed in {perf_counter() - started:.1f} s."
        )
        console.print(
            "\nOn the left what a wizard (your registration form) sends, with names instead of "
            "ids; on the right what PostgreSQL answers, and how long a call takes."
        )
        walk_through(url, console, everything=everything)
        # psql alone would open the database of DATABASE_URL
        is_named = data_dir is not None or bool(os.environ.get("DATABASE_URL"))
        option = f" --data-dir {shlex.quote(str(server.data_dir))}" if is_named else ""
        ticketing = _command()
        steps = {
            f"{ticketing} psql{option}": "\\dt ticketing.* lists tables, \\df calls",
            f"{ticketing} demo --all{option}": "holds, refunds, the change feed, repair",
            f"{ticketing} serve --example": "a server for your own program, with a URL",
        }
        console.print("\nLook inside, or go on:\n")
        for command, purpose in steps.items():
            # not wrapped, so that a path can be copied
            console.print(f"  {command:<{max(map(len, steps))}}  {purpose}", soft_wrap=True)


def _command() -> str:
    """Return how to start `ticketing` from here, also where it is not on the PATH."""
    path = Path(sys.executable).with_name("ticketing")
    here = Path.cwd()
    command = program(path)
    is_below = command != path.name and path.is_relative_to(here)
    return shlex.quote(str(path.relative_to(here))) if is_below else command


def recreate_database(server: Server) -> str:
    """Create an empty demo database; drop the last one and end connections to it.

    Args:
        server: The server.

    Returns:
        Its URL.

    """
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(DATABASE))
        )
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))
    return server.url(DATABASE)


class _TimedClient(Client):
    """A client that prints each call and its duration, round trip included."""

    def __init__(self, url: str, console: Console) -> None:
        super().__init__(url)
        self._console = console

    def execute(self, call: Call[T]) -> T:
        """Execute a call and print its name and duration, also when it is refused."""
        started = perf_counter()
        try:
            return super().execute(call)
        finally:
            milliseconds = 1000 * (perf_counter() - started)
            self._console.print(f"  {call.function:<60}{milliseconds:10.1f} ms", style="cyan")


def walk_through(url: str, console: Console, *, everything: bool = False) -> None:
    """Make the calls of a wizard, its user and the organiser, and print the results.

    One paid and one draft registration stay behind.

    Args:
        url: A migrated database without registrations.
        console: The console to print to.
        everything: Whether to show what comes after the first seven scenes, too.

    """
    with _TimedClient(url, console) as service:
        walk = _Walk(url, console, service)
        walk.seven_scenes()
        if everything:
            walk.more_scenes()
        walk.say_what_stays()


class _Walk:
    """What is printed, and by whom the calls are made."""

    def __init__(self, url: str, console: Console, service: Client) -> None:
        self.url = url
        self.console = console
        self.service = service
        self.visitor = service.as_user({}, role="anon")
        self.catalogue = example_document("catalogue")
        self.catalogue["function"] |= _DEADLINES
        self.function_id = str(self.catalogue["function"]["function_id"])
        # The client generates the id, so that sending the same twice creates no duplicate.
        self.registration = example_document("wizard_state")["registration"] | {
            "registrationId": str(uuid4())
        }
        self.registration_id = str(self.registration["registrationId"])
        self.user = service.as_user(self.registration["authUserId"])
        people = [self.registration["primaryAttendee"], *self.registration["additionalAttendees"]]
        self.people = {person["attendeeId"]: person["firstName"] for person in people}
        self.types = {person["attendeeId"]: person["attendeeType"] for person in people}
        self.names = {
            str(item[key]): str(item["name"])
            for kind, key in (("ticket_types", "ticket_type_id"), ("packages", "package_id"))
            for item in self.catalogue[kind]
        }
        self.ids = {name: id_ for id_, name in self.names.items()}
        self.nora, self.edith = service.as_user(uuid4()), service.as_user(uuid4())
        self.noras, self.ediths = self.brunch_for("Nora"), self.brunch_for("Edith")
        self.scenes = 0

    def seven_scenes(self) -> None:
        """Show what a wizard does, from the first selection to changes after the payment."""
        self.heading(f"The organiser loads {self.catalogue['function']['name']}")
        loaded = self.service.import_catalogue(self.catalogue)
        self.show(
            "the catalogue, as JSON",
            f"{loaded.events} events, {loaded.ticket_types} ticket types, "
            f"{loaded.packages} packages",
        )
        chosen = self.choose_for_everyone()
        self.change_and_retry(chosen)
        self.make_mistakes()
        self.sell_out()
        self.pay()
        self.change_what_is_paid()

    def choose_for_everyone(self) -> PersistAnswer:
        """Register four people, and declare which tickets each should have."""
        self.scene("Choose tickets for everyone: packages become tickets, prices add up")
        walter, ines, tomas, harold = self.people
        selections = (
            TicketSelections()
            .package(walter, self.ids["All Events"])
            .package(ines, self.ids["Ladies Brunch, Ceremony & Banquet"])
            .ticket(tomas, self.ids["Grand Proclamation Ceremony"])
            .ticket(tomas, self.ids["Proclamation Banquet - Best Available"])
            .package(harold, self.ids["Communication, Ceremony & Banquet"])
        )
        created = self.user.create_individual_registration_jsonb(self.registration)
        everyone = (f"{self.people[id_]} ({self.types[id_]})" for id_ in self.people)
        self.show(", ".join(everyone), f"{created.status}, no tickets yet")
        chosen = self.user.persist_ticket_selections(self.registration_id, selections)
        sent = self.declared(selections)
        for both in created.attendees:
            tickets = [t for t in chosen.tickets if t.attendee_id == both.attendee_id]
            price = sum(ticket.price_paid for ticket in tickets)
            self.show(sent[both.client_attendee_id], f"{len(tickets):>2} tickets {price:>7}")
        self.show("", f"{len(chosen.tickets):>2} tickets {chosen.total:>7} {chosen.currency}")
        self.show("", _held(chosen))
        return chosen

    def change_and_retry(self, before: PersistAnswer) -> None:
        """Change the selection of one attendee, and send the same again."""
        self.scene("Change your mind: only the difference is written")
        tomas = next(id_ for id_, name in self.people.items() if name == "Tomas")
        selections = (
            TicketSelections()
            .ticket(tomas, self.ids["Grand Proclamation Ceremony"])
            .ticket(tomas, self.ids["Farewell Cruise Luncheon"])
        )

        def persist() -> PersistAnswer:
            return self.user.persist_ticket_selections(
                self.registration_id, selections, expected_revision=before.revision
            )

        after = persist()
        self.show(self.declared(selections)[tomas], self.difference(before, after))
        self.show(f"expected revision {before.revision}", _counts(after))
        self.show("", f"{_total(after)}, revision {after.revision}")

        self.scene("Send it again, as after a lost reply: a retry changes nothing")
        again = persist()
        self.show("the same", _counts(again))
        self.show("", f"{_total(again)}, revision {again.revision}")

    def make_mistakes(self) -> None:
        """Make an invalid request, and show each reason beside what it is about."""
        self.scene("Ask for too much: every reason in one answer, and nothing is written")
        walter, ines, _, harold = self.people
        selections = (
            TicketSelections()
            .package(walter, self.ids["All Events"])
            .ticket(walter, self.ids["Ladies Brunch"])
            .ticket(ines, self.ids["Quarterly Communication"])
            .ticket(harold, self.ids["Grand Proclamation Banquet - Mezzanine"])
            .ticket(harold, self.ids["Meet & Greet Cocktail Party"], quantity=300)
        )
        try:
            self.user.persist_ticket_selections(self.registration_id, selections)
        except SelectionInvalid as refusal:
            # a limit of the owner is about no attendee
            sent = self.declared(selections) | {None: "all together"}
            for attendee, line in sent.items():
                reasons = [i for i in refusal.issues if i.client_attendee_id == attendee]
                self.show(line, Text("\n").join(map(_reason, reasons)))
            self.show("", f"SQLSTATE {refusal.sqlstate}, and JSON with paths")

    def sell_out(self) -> None:
        """Let two users request the last ticket."""
        self.scene("Two want the last ticket: one holds it, the other knows at once")
        self.limit_brunches(2)
        booked = self.nora.create_individual_registration_with_tickets(*self.noras)
        self.show("Nora: Ladies Brunch", f"{booked.tickets_created} added, {_held(booked)}")
        with self.refusal("Edith: Ladies Brunch", SoldOut):
            self.edith.create_individual_registration_with_tickets(*self.ediths)
        self.show_brunches()
        self.limit_brunches()

    def pay(self) -> None:
        """Start the payment, and report it twice."""
        self.scene("Pay: all is checked again, and a payment reported twice counts once")
        due = self.user.start_payment(self.registration_id)
        amount = f"{due.amount_due} {due.currency}"
        self.show("the registration", f"{due.status}: {amount} due")
        self.show("", _held(due))
        payment = {"reference": "pi_1", "amount": due.amount_due, "currency": due.currency}
        paid = self.service.complete_registration_payment(self.registration_id, payment)
        found = self.user.get_registration(self.registration_id)
        states = Counter(ticket.payment_status for ticket in found.tickets)
        self.show(f"payment pi_1: {amount}", f"{paid.status}: {_listed(states)}")
        self.show("", f"confirmation number {paid.confirmation_number}")
        again = self.service.complete_registration_payment(self.registration_id, payment)
        self.show("the same", "the same answer" if again == paid else "another answer")

    def change_what_is_paid(self) -> None:
        """Exchange a ticket for a dearer one, correct a name, cancel and refund an attendee."""
        self.scene("After the sale: exchange, correct, cancel; the money follows")
        *_, tomas, harold = self.people
        selections = (
            TicketSelections()
            .ticket(tomas, self.ids["Grand Proclamation Ceremony"])
            .ticket(tomas, self.ids["Proclamation Banquet - Best Available"])
        )
        quote = self.user.quote_ticket_selections(
            self.function_id, selections, registration_id=self.registration_id
        )
        self.show(self.declared(selections)[tomas], f"{quote.amount_due} {quote.currency} more")
        payment = {"reference": "pi_2", "amount": quote.amount_due, "currency": quote.currency}
        amended = self.service.amend_registration(self.registration_id, selections, payment)
        self.show(f"payment pi_2: {quote.amount_due} {quote.currency}", _amended(amended))
        self.show_ledger(amended)

        name = {"attendeeId": harold, "attendeeType": self.types[harold], "firstName": "Harald"}
        self.user.update_attendees(self.registration_id, [name])
        found = self.user.get_registration(self.registration_id)
        corrected = next(one for one in found.attendees if one.client_attendee_id == harold)
        self.people[harold] = str(corrected.first_name)
        self.show("Harold's name is Harald", f"{corrected.first_name}, with the same tickets")

        harolds = [t.ticket_id for t in found.tickets if t.client_attendee_id == harold]
        cancelled = self.user.cancel_tickets(self.registration_id, harolds, "illness")
        self.show("Harald cannot come", _amended(cancelled))
        self.show_ledger(cancelled)
        refund = {"reference": "re_1", "amount": cancelled.refund_due, "currency": quote.currency}
        self.service.record_refund(self.registration_id, refund)
        after = self.user.get_registration(self.registration_id)
        states = Counter(ticket.payment_status for ticket in after.tickets)
        self.show(f"refund re_1: {cancelled.refund_due} {quote.currency}", _listed(states))
        self.show_ledger(after)

    def more_scenes(self) -> None:
        """Show what happens around a sale: devices, holds, refunds, the feed, repair."""
        noras, ediths = (str(one[0]["registrationId"]) for one in (self.noras, self.ediths))
        self.resume(noras)
        self.end_holds(noras)
        self.refund(ediths)
        self.read_changes()
        self.repair()

    def resume(self, noras: str) -> None:
        """Go on with a registration as its owner, and ask for it as a stranger."""
        self.scene("Nora resumes on another device, with only the registration's id")
        found = self.nora.get_registration(noras)
        self.show("Nora's registration", f"{found.status}, {len(found.tickets)} ticket")
        self.show("", f"{_total(found)}, {_held(found)}")
        resumed = self.nora.persist_ticket_selections(noras, found.ticket_selections)
        self.show("the selection that came with it", _counts(resumed))

        self.scene("Edith asks for Nora's registration, and learns nothing")
        with self.refusal("Nora's registration", RegistrationNotFound):
            self.edith.get_registration(noras)

    def end_holds(self, noras: str) -> None:
        """Let a hold end, once to another buyer, once to a job; its owner comes back."""
        self.scene("Nora's hold ends unpaid (the demo ends it): Edith gets the last ticket")
        self.limit_brunches(2)
        self.end_hold(noras)
        taken = self.edith.create_individual_registration_with_tickets(*self.ediths)
        self.show("Edith: Ladies Brunch", f"{taken.tickets_created} added, {_held(taken)}")
        price = {"amount": taken.total, "currency": taken.currency}
        with self.refusal("Nora's payment, too late", SoldOut):
            self.service.complete_registration_payment(noras, price | {"reference": "pi_3"})

        self.scene("The organiser cannot take away what is held")
        with self.refusal("Ladies Brunch: capacity 0", SelectionInvalid):
            self.limit_brunches(0)

        self.scene("The organiser adds capacity: Nora sends the same again and is admitted")
        self.limit_brunches()
        retaken = self.nora.create_individual_registration_with_tickets(*self.noras)
        self.show("Nora: Ladies Brunch", f"{retaken.tickets_unchanged} unchanged, {_held(retaken)}")

        self.scene("A job ends holds that no buyer needs; Nora may come back")
        self.end_hold(noras)
        released = self.service.release_expired_holds()
        self.show("", f"{released.released} registration has expired")
        retaken = self.nora.create_individual_registration_with_tickets(*self.noras)
        self.show("Nora: Ladies Brunch", f"{retaken.status} again, {_held(retaken)}")

    def refund(self, ediths: str) -> None:
        """Pay, cancel and refund a registration."""
        self.scene("Edith pays too little, then all, falls ill, and gets it back")
        pay = self.service.complete_registration_payment
        due = self.edith.get_registration(ediths)
        self.show("Edith's registration", f"{due.status}: {_total(due)}")
        price = {"amount": due.total, "currency": due.currency}
        with self.refusal("payment pi_4: 40.00", PaymentConflict):
            pay(ediths, price | {"reference": "pi_4", "amount": 40})
        paid = pay(ediths, price | {"reference": "pi_4"})
        self.show(f"payment pi_4: {paid.total}", paid.status)
        self.show_brunches()
        cancelled = self.service.cancel_registration(ediths, "illness")
        self.show("cancel: illness", f"{cancelled.tickets_cancelled} ticket cancelled")
        refunded = self.service.record_refund(ediths, price | {"reference": "re_2"})
        self.show(f"refund re_2: {refunded.amount}", refunded.payment_status)
        self.show_brunches()

    def read_changes(self) -> None:
        """Read the change feed to its end, as a program that updates another system does."""
        self.scene("Another system reads every change of a ticket, 20 at a time")
        page = self.service.get_ticket_changes(limit=20)
        while page.changes:
            self.show("", _listed(Counter(change.change for change in page.changes)))
            page = self.service.get_ticket_changes(page.cursor, limit=20)
        self.show("", "no more changes; the cursor stays valid")

    def repair(self) -> None:
        """Corrupt a counter, find it and correct it."""
        self.scene("A counter is edited by hand: a check finds it, a recount corrects it")
        self.execute(
            "UPDATE ticketing.capacity_pools SET reserved = 7"
            " WHERE name = 'Farewell Cruise Luncheon'"
            " AND capacity_pool_id IN (SELECT event_id FROM ticketing.events)"
        )
        for problem in self.service.check_integrity():
            stored, counted = (_listed(problem.detail[which]) for which in ("stored", "counted"))
            self.show("", f"{problem.check_name}: stored {stored}; counted {counted}")
        repaired = self.service.repair_capacity()
        self.show("", f"corrected: {repaired.pools_repaired}")
        self.show("", f"left to correct: {len(self.service.check_integrity())}")

    def say_what_stays(self) -> None:
        """Name the registrations that a reader finds in the database."""
        self.heading("What stays in the database")
        for who, registration_id, user in (
            (", ".join(self.people.values()), self.registration_id, self.user),
            ("Nora", self.noras[0]["registrationId"], self.nora),
        ):
            found = user.get_registration(registration_id)
            active = sum(ticket.status == "Active" for ticket in found.tickets)
            tickets = f"{active} ticket{'s' if active > 1 else ''}"
            self.show(who, f"{found.status}: {tickets}, {_total(found)}")

    def show_ledger(self, money: AmendAnswer | RegistrationAnswer) -> None:
        """Print the money of a registration."""
        self.show(
            "",
            f"paid {money.paid}, refunded {money.refunded},\n"
            f"total {money.total}, due back {money.refund_due}",
        )

    def heading(self, text: str) -> None:
        self.console.print(f"\n{text}", style="bold")

    def scene(self, text: str) -> None:
        """Print the heading of the next scene."""
        self.scenes += 1
        self.heading(f"{self.scenes}. {text}")

    def show(self, request: str, answer: str | Text) -> None:
        """Print a request beside its answer."""
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=_REQUEST_WIDTH)
        row.add_column()
        indented = "\n".join(
            fill(line, _REQUEST_WIDTH, initial_indent="    ", subsequent_indent="      ")
            for line in request.splitlines()
        )
        row.add_row(indented, answer)
        self.console.print(row)

    @contextmanager
    def refusal(self, request: str, expected: type[TicketingError]) -> Generator[None]:
        """Print a request beside the only issue with which the block is refused."""
        try:
            yield
        except expected as refusal:
            (issue,) = refusal.issues
            self.show(request, _reason(issue))
            self.show("", f"SQLSTATE {refusal.sqlstate}")

    def declared(self, selections: TicketSelections) -> dict[str | None, str]:
        """Return what is declared for each attendee, in words."""
        lines: dict[str | None, str] = {}
        for attendee, selection in selections.to_json().items():
            chosen = [
                (self.names[line.get("packageId") or line["ticketId"]], line["quantity"])
                for line in (*selection["packages"], *selection["individualTickets"])
            ]
            named = [name if count == 1 else f"{count} x {name}" for name, count in chosen]
            lines[attendee] = "\n".join(
                [f"{self.people[attendee]}: {named[0]}", *(f"and {name}" for name in named[1:])]
            )
        return lines

    def difference(self, before: PersistAnswer, after: PersistAnswer) -> Text:
        """Return the tickets of the attendees of a persist: added, removed, unchanged."""
        new = {ticket.ticket_id: ticket for ticket in after.tickets}
        listed = {ticket.attendee_id for ticket in after.tickets}
        old = {
            ticket.ticket_id: ticket for ticket in before.tickets if ticket.attendee_id in listed
        }
        lines: list[Text] = []
        for ticket_id in old | new:
            ticket = new.get(ticket_id) or old[ticket_id]
            sign, style = (
                ("+", "green")
                if ticket_id not in old
                else ("-", "red")
                if ticket_id not in new
                else ("=", "")
            )
            name = self.names[ticket.ticket_type_id]
            lines.append(Text(f"{sign} {name} {ticket.price_paid}", style))
        return Text("\n").join(lines)

    def limit_brunches(self, capacity: int | None = None) -> None:
        """Import the catalogue with another capacity of the Ladies Brunch, or as it is."""
        types = [
            type_ | {"capacity": capacity}
            if type_["name"] == "Ladies Brunch" and capacity is not None
            else type_
            for type_ in self.catalogue["ticket_types"]
        ]
        self.service.import_catalogue(self.catalogue | {"ticket_types": types})
        shown = "as at first" if capacity is None else f"{capacity}"
        self.show(f"Ladies Brunch: capacity {shown}", "saved")

    def show_brunches(self) -> None:
        """Ask what is on sale, and print what is left of the Ladies Brunch."""
        answer = self.visitor.get_ticket_availability(self.function_id)
        brunch = next(type_ for type_ in answer.ticket_types if type_.name == "Ladies Brunch")
        self.show("what is on sale?", f"Ladies Brunch: {brunch.status}, {brunch.available} left")

    def brunch_for(self, first_name: str) -> tuple[Json, list[Json]]:
        """Return a registration of one guest, and one submitted ticket."""
        types = self.catalogue["ticket_types"]
        brunch = next(type_ for type_ in types if type_["name"] == "Ladies Brunch")
        guest = {"attendeeId": str(uuid4()), "attendeeType": "guest", "firstName": first_name}
        registration = {
            "registrationId": str(uuid4()),
            "functionId": self.function_id,
            "primaryAttendee": guest,
        }
        ticket = {
            "attendee_id": guest["attendeeId"],
            "event_id": brunch["event_id"],
            "ticket_type_id": brunch["ticket_type_id"],
        }
        return registration, [ticket]

    def end_hold(self, registration_id: str) -> None:
        """End the hold of a registration now."""
        with psycopg.connect(self.url) as connection:
            let_holds_lapse(connection, registration_id)

    def execute(self, statement: LiteralString) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement)


def _held(result: CreateAnswer | PersistAnswer | RegistrationAnswer | StartPaymentAnswer) -> str:
    return f"held until {result.hold_expires_at:%H:%M %Z}"


def _total(result: PersistAnswer | RegistrationAnswer) -> str:
    return f"{result.total} {result.currency}"


def _amended(result: AmendAnswer) -> str:
    return f"{result.tickets_created} added, {result.tickets_cancelled} cancelled"


def _reason(issue: Issue) -> Text:
    """Return the code of an issue and its sentence."""
    return Text.assemble((issue.code, "red"), f": {issue.message}")


def _listed(counts: Mapping[Any, Any]) -> str:
    """Return "3 added, 1 removed"."""
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def _counts(result: PersistAnswer) -> str:
    return (
        f"{result.tickets_created} added, {result.tickets_removed} removed, "
        f"{result.tickets_unchanged} unchanged"
    )
