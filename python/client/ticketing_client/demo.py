"""The demo: a real event from the first quote to the refund, including a sell-out.

`ticketing demo` runs it. It uses the public client, so `walk_through` is also an introduction to
the client. Plain SQL only creates the database, ends holds early and corrupts a counter.
"""

import json
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from time import perf_counter
from typing import Any, LiteralString, TypeVar
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from rich import box
from rich.console import Console
from rich.table import Column, Table

from ticketing_client import (
    AvailabilityAnswer,
    Client,
    CreateAnswer,
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
from ticketing_client.calls import Call
from ticketing_client.embedded import Server, default_data_dir, run_server
from ticketing_client.migrate import migrate
from ticketing_client.models import Json

T = TypeVar("T")

DATABASE = "ticketing_demo"
"""Name of the demo's database."""

_WIDEST = 100  # longer lines are hard to read


def demo() -> None:
    """Run a registration in a new database on a private PostgreSQL server.

    The database stays in `default_data_dir()` until the next run.

    Raises:
        EmbeddedServerError: The server cannot be run.
        MigrationError: The database cannot be installed.

    """
    console = Console(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, _WIDEST)
    console.print("Starting PostgreSQL ...")
    with run_server(default_data_dir()) as server:
        started = perf_counter()
        with psycopg.connect(server.url()) as connection:
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
        if (DATABASE,) in names:
            console.print("The database of the last demo is replaced by a new one.")
        url = recreate_database(server)
        report = migrate(url)
        functions = sum(path.startswith("functions/") for path in report.installed)
        console.print(
            f"PostgreSQL {server.version} is running; {len(report.applied)} migrations and "
            f"{functions} functions installed in {perf_counter() - started:.1f} s."
        )
        walk_through(url, console)
        console.print(
            "\nThe first call of each RPC takes longer, because PostgreSQL compiles a function and "
            "plans its queries once per connection: services use a connection pool."
        )
        console.print(
            f"\nThe database stays in {server.data_dir} until the next demo. Open it with\n\n"
            "  make psql                  (or, with the package installed: ticketing psql)\n"
            "  \\dt ticketing.*            lists the tables\n"
            "  \\df ticketing.*            lists the RPCs\n"
            "  TABLE ticketing.tickets;   lists the tickets",
            soft_wrap=True,  # so that the path can be copied
        )


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
            self._console.print(f"  {call.function:<50}{milliseconds:7.1f} ms", style="cyan")


def walk_through(url: str, console: Console) -> None:
    """Make the calls of a wizard, its user and the organiser, and print the results.

    Args:
        url: A migrated database without registrations.
        console: The console to print to.

    """
    with _TimedClient(url, console) as service:
        _Walk(url, console, service).walk()


class _Walk:
    """What is printed, and by whom the calls are made."""

    def __init__(self, url: str, console: Console, service: Client) -> None:
        self.url = url
        self.console = console
        self.service = service
        self.visitor = service.as_user({}, role="anon")
        self.catalogue = _example("catalogue")
        self.wizard = _example("wizard_state")
        # The client generates the id, so that sending the same twice creates no duplicate.
        self.registration = self.wizard["registration"] | {"registrationId": str(uuid4())}
        self.user = service.as_user(self.registration["authUserId"])
        self.names = {
            str(item[key]): str(item["name"])
            for kind, key in (("ticket_types", "ticket_type_id"), ("packages", "package_id"))
            for item in self.catalogue[kind]
        }
        self.ids = {name: id_ for id_, name in self.names.items()}

    def walk(self) -> None:
        self.heading("The organiser imports the event")
        imported = self.service.import_catalogue(self.catalogue)
        self.say(
            f"{self.catalogue['function']['name']}: {imported.events} events, "
            f"{imported.ticket_types} ticket types, {imported.packages} packages, "
            f"{imported.capacity_pools} capacity pools"
        )

        self.heading("A visitor's wizard asks what is on sale and requests a quote for four")
        at_first = self.visitor.get_ticket_availability(imported.function_id)
        attendees = [
            self.registration["primaryAttendee"],
            *self.registration["additionalAttendees"],
        ]
        quote = self.visitor.quote_ticket_selections(
            imported.function_id, self.wizard["ticketSelections"], attendees
        )
        self.say(
            f"{'valid' if quote.valid else 'not valid'}: {len(quote.tickets)} tickets, "
            f"{quote.subtotal} {quote.currency}; nothing is written yet"
        )

        self.heading(
            "The user signs in and registers: registration, attendees and tickets in one call"
        )
        created = self.user.create_individual_registration_with_tickets(
            self.registration, quote.tickets
        )
        stored = self.user.get_registration(created.registration_id)
        self.console.print(_ticket_table(stored, self.names))

        self.change_and_resume(created, stored)
        self.make_mistakes(created)
        due = self.pay(created.registration_id)
        self.sell_out()

        self.heading("The four cannot come: the organiser cancels and refunds")
        before = self.visitor.get_ticket_availability(imported.function_id)
        cancelled = self.service.cancel_registration(created.registration_id, "illness")
        refund = {"reference": "re_1", "amount": due.amount_due, "currency": due.currency}
        refunded = self.service.record_refund(created.registration_id, refund)
        after = self.visitor.get_ticket_availability(imported.function_id)
        self.say(
            f"{cancelled.tickets_cancelled} tickets cancelled, {refunded.amount} "
            f"{refunded.currency} refunded; the capacity is free again:\n"
        )
        self.console.print(_capacity_table(at_first, before, after))

        self.read_changes()
        self.repair()

    def change_and_resume(self, created: CreateAnswer, stored: RegistrationAnswer) -> None:
        """Change the selection, send it twice, and resume on another device."""
        self.heading("The user goes back: Tomas takes the cruise instead of the banquet")
        tomas = created.attendees[2].client_attendee_id
        selection = (
            TicketSelections()
            .ticket(tomas, self.ids["Grand Proclamation Ceremony"])
            .ticket(tomas, self.ids["Farewell Cruise Luncheon"])
        )
        changed = self.user.persist_ticket_selections(
            created.registration_id, selection, expected_revision=created.revision
        )
        self.show_difference(stored, changed)
        self.say(
            f"{_counts(changed)}; {created.subtotal} is now {changed.subtotal} "
            f"{changed.currency}, revision {created.revision} is now {changed.revision}"
        )

        self.heading("The same call again, as after a lost reply, changes nothing")
        again = self.user.persist_ticket_selections(
            created.registration_id, selection, expected_revision=created.revision
        )
        self.say(f"{_counts(again)}; revision {again.revision}")

        self.heading("On another device, with only the registration's id")
        found = self.user.get_registration(created.registration_id)
        self.say(
            f"{found.status}, revision {found.revision}: {len(found.attendees)} attendees, "
            f"{len(found.tickets)} tickets, {found.total} {found.currency}, {_held(found)}"
        )
        self.user.create_individual_registration_jsonb(found.registration)
        resumed = self.user.persist_ticket_selections(
            found.registration_id, found.ticket_selections
        )
        self.say(f"sent back unchanged: {_counts(resumed)}; revision {resumed.revision}")

    def make_mistakes(self, created: CreateAnswer) -> None:
        """Make an invalid request, and one for another owner's registration."""
        self.heading("An invalid request: every problem is listed, nothing is written")
        walter, ines, _, harold = (attendee.client_attendee_id for attendee in created.attendees)
        mistakes = (
            TicketSelections()
            .package(walter, self.ids["All Events"])
            .ticket(walter, self.ids["Ladies Brunch"])
            .ticket(ines, self.ids["Quarterly Communication"])
            .ticket(harold, self.ids["Grand Proclamation Banquet - Mezzanine"])
            .ticket(harold, self.ids["Meet & Greet Cocktail Party"], quantity=300)
            .ticket(harold, uuid4())
        )
        try:
            self.user.persist_ticket_selections(created.registration_id, mistakes)
        except SelectionInvalid as refusal:
            self.say(f"refused with {refusal.sqlstate}, {refusal.issues_total} problems:")
            for issue in refusal.issues:
                self.console.print(f"    {issue.code}", style="red", end="")
                self.console.print(f": {issue.message}\n      at {issue.path}", soft_wrap=True)

        self.heading("Another user asks for the registration")
        with self.showing(RegistrationNotFound):
            self.service.as_user(uuid4()).get_registration(created.registration_id)

    def pay(self, registration_id: str) -> StartPaymentAnswer:
        """Pay too little, then the amount due, then the same again."""
        self.heading("The user starts the payment: all is checked again, the hold is extended")
        due = self.user.start_payment(registration_id)
        self.say(f"{due.status}: {due.amount_due} {due.currency} are due, {_held(due)}")

        self.heading("The payment provider reports: too little, the full amount, the same again")
        pay = self.service.complete_registration_payment
        payment = {"reference": "pi_1", "amount": due.amount_due, "currency": due.currency}
        with self.showing(PaymentConflict):
            pay(registration_id, payment | {"amount": 600})
        paid = pay(registration_id, payment)
        again = pay(registration_id, payment)
        found = self.user.get_registration(registration_id)
        states = Counter(ticket.payment_status for ticket in found.tickets)
        self.say(
            f"{found.status}: {_listed(states)}; confirmation number {paid.confirmation_number}, "
            f"{'the same' if again == paid else 'another'} both times"
        )
        return due

    def sell_out(self) -> None:
        """Let two users request the last ticket, whose first holder does not pay in time."""
        self.heading("The organiser reduces the Ladies Brunch to 0, although 1 is sold; then to 2")
        with self.showing(SelectionInvalid):
            self.service.import_catalogue(self.with_brunches(0))
        self.service.import_catalogue(self.with_brunches(2))

        self.heading("Nora takes the last ticket; Edith is too late")
        nora, edith = self.service.as_user(uuid4()), self.service.as_user(uuid4())
        noras, ediths = self.brunch_request("Nora"), self.brunch_request("Edith")
        booked = nora.create_individual_registration_with_tickets(*noras)
        self.say(f"Nora: {booked.tickets_created} added, {_held(booked)}")
        with self.showing(SoldOut, "Edith: "):
            edith.create_individual_registration_with_tickets(*ediths)

        self.heading("Nora's hold expires (ended by the demo): Edith gets the ticket at once")
        self.end_holds()
        taken = edith.create_individual_registration_with_tickets(*ediths)
        self.say(f"Edith: {taken.tickets_created} added, {_held(taken)}")
        payment = {"reference": "pi_2", "amount": booked.total, "currency": booked.currency}
        with self.showing(SoldOut, "Nora's payment, now: "):
            self.service.complete_registration_payment(booked.registration_id, payment)

        self.heading("The organiser raises the capacity: Nora sends the same again and is admitted")
        self.service.import_catalogue(self.catalogue)
        retaken = nora.create_individual_registration_with_tickets(*noras)
        self.say(f"Nora: {retaken.tickets_unchanged} unchanged, {_held(retaken)}")

        self.heading("Both holds expire, and no buyer needs the capacity: a job expires them")
        self.end_holds()
        released = self.service.release_expired_holds()
        self.say(f"{released.released} registrations have expired")

    def read_changes(self) -> None:
        """Read the change feed to its end, as a program that updates another system does."""
        self.heading("Another system reads every change of a ticket, 40 at a time")
        page = self.service.get_ticket_changes(limit=40)
        while page.changes:
            self.say(_listed(Counter(change.change for change in page.changes)))
            page = self.service.get_ticket_changes(page.cursor, limit=40)
        self.say("no more changes; the cursor stays valid")

    def repair(self) -> None:
        """Corrupt a counter, find it and correct it."""
        self.heading("A counter is edited by hand: a check finds it, a recount corrects it")
        self.execute(
            "UPDATE ticketing.capacity_pools SET reserved = 7"
            " WHERE name = 'Farewell Cruise Luncheon'"
            " AND capacity_pool_id IN (SELECT event_id FROM ticketing.events)"
        )
        for problem in self.service.check_integrity():
            self.say(
                f"{problem.check_name}: stored {_listed(problem.detail['stored'])}, "
                f"counted {_listed(problem.detail['counted'])}"
            )
        repaired = self.service.repair_capacity()
        left = len(self.service.check_integrity())
        self.say(f"corrected: {repaired.pools_repaired}; left to correct: {left}")

    def heading(self, text: str) -> None:
        self.console.print(f"\n{text}", style="bold")

    def say(self, text: str) -> None:
        self.console.print(f"  {text}", soft_wrap=True)

    @contextmanager
    def showing(self, expected: type[TicketingError], prefix: str = "") -> Generator[None]:
        """Print the only issue of the refusal within the block, with capacities if it has them."""
        try:
            yield
        except expected as refusal:
            (issue,) = refusal.issues
            capacity = f" ({issue.requested} requested, {issue.available} left)"
            shown = "" if issue.requested is None else capacity
            self.say(f"{prefix}refused with {refusal.sqlstate}: {issue.message}{shown}")

    def show_difference(self, before: RegistrationAnswer, after: PersistAnswer) -> None:
        """Print the tickets of the attendees of a persist: added, removed, unchanged."""
        new = {ticket.ticket_id: ticket for ticket in after.tickets}
        listed = {ticket.attendee_id for ticket in after.tickets}
        old = {
            ticket.ticket_id: ticket for ticket in before.tickets if ticket.attendee_id in listed
        }
        for ticket_id in old | new:
            ticket = new.get(ticket_id) or old[ticket_id]
            line = f"{self.names[ticket.ticket_type_id]:<48}{ticket.price_paid:>7}"
            if ticket_id not in old:
                self.console.print(f"    + {line}", style="green")
            elif ticket_id not in new:
                self.console.print(f"    - {line}", style="red")
            else:
                self.console.print(f"    = {line}")

    def with_brunches(self, capacity: int) -> dict[str, Any]:
        """Return the catalogue with another capacity of the Ladies Brunch."""
        types = [
            type_ | {"capacity": capacity} if type_["name"] == "Ladies Brunch" else type_
            for type_ in self.catalogue["ticket_types"]
        ]
        return self.catalogue | {"ticket_types": types}

    def brunch_request(self, first_name: str) -> tuple[Json, list[Json]]:
        """Return a registration of one guest, and one submitted ticket."""
        types = self.catalogue["ticket_types"]
        brunch = next(type_ for type_ in types if type_["name"] == "Ladies Brunch")
        guest = {"attendeeId": str(uuid4()), "attendeeType": "guest", "firstName": first_name}
        registration = {
            "registrationId": str(uuid4()),
            "functionId": self.catalogue["function"]["function_id"],
            "primaryAttendee": guest,
        }
        ticket = {
            "attendee_id": guest["attendeeId"],
            "event_id": brunch["event_id"],
            "ticket_type_id": brunch["ticket_type_id"],
        }
        return registration, [ticket]

    def end_holds(self) -> None:
        """End the holds of unpaid registrations now."""
        self.execute(
            "UPDATE ticketing.registrations SET hold_expires_at = now() WHERE status = 'draft'"
        )

    def execute(self, statement: LiteralString) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement)


def _example(name: str) -> dict[str, Any]:
    path = files("ticketing_client").joinpath(f"example/{name}.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _held(result: CreateAnswer | PersistAnswer | RegistrationAnswer | StartPaymentAnswer) -> str:
    return f"held until {result.hold_expires_at:%H:%M %Z}"


def _listed(counts: Mapping[Any, Any]) -> str:
    """Return "3 added, 1 removed"."""
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def _counts(result: PersistAnswer) -> str:
    return (
        f"{result.tickets_created} added, {result.tickets_removed} removed, "
        f"{result.tickets_unchanged} unchanged"
    )


def _table(*columns: Column, **options: Any) -> Table:  # noqa: ANN401 - those of Table
    return Table(*columns, box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0), **options)


def _numbers(header: str, footer: str = "") -> Column:
    return Column(header, footer, justify="right")


def _ticket_table(registration: RegistrationAnswer, names: dict[str, str]) -> Table:
    """Draw all tickets, those of a package below the package, and the total."""
    table = _table(
        Column("  Attendee", footer="  Total"),
        Column("Package and tickets", footer=f"{len(registration.tickets)} tickets"),
        _numbers("List price"),
        _numbers(f"Price {registration.currency}", f"{registration.total}"),
        show_footer=True,
    )
    names_of_attendees = {
        attendee.attendee_id: f"  {attendee.first_name} {attendee.last_name}"
        for attendee in registration.attendees
    }
    for attendee_id, owned in groupby(registration.tickets, attrgetter("attendee_id")):
        attendee = names_of_attendees[attendee_id]
        for package_id, group in groupby(owned, attrgetter("package_id")):
            tickets = list(group)
            indent = ""
            if package_id:
                list_price = sum(ticket.original_price for ticket in tickets)
                price = sum(ticket.price_paid for ticket in tickets)
                table.add_row(
                    attendee, names[package_id], f"{list_price}", f"{price}", style="bold"
                )
                attendee, indent = "", "  "
            for ticket in tickets:
                label = indent + names[ticket.ticket_type_id]
                table.add_row(attendee, label, f"{ticket.original_price}", f"{ticket.price_paid}")
                attendee = ""
    return table


def _capacity_table(*moments: AvailabilityAnswer) -> Table:
    """Draw the remaining capacity of everything on sale at three moments."""
    table = _table(Column("  Remaining capacity"), *map(_numbers, ("At first", "Before", "After")))
    for states in zip(
        *((*moment.ticket_types, *moment.packages) for moment in moments), strict=True
    ):
        if states[0].status == "on_sale":
            table.add_row(f"  {states[0].name}", *(f"{state.available}" for state in states))
    return table
