"""The demo: a real event from the first quote to the refund, including a sell-out.

`ticketing demo` runs it. It uses the public client, so `walk_through` is also an introduction to
the client. Plain SQL only creates the database, ends holds early and corrupts a counter.
"""

import json
from collections import Counter
from collections.abc import Mapping
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
        if _has_database(server):
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


def _has_database(server: Server) -> bool:
    with psycopg.connect(server.url()) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        return found.fetchone() is not None


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


class TimedClient(Client):
    """A client that prints each call and its duration, round trip included."""

    def __init__(self, url: str, console: Console) -> None:
        """Connect to the database.

        Args:
            url: The database.
            console: The console to print to.

        """
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
    catalogue, wizard = _example("catalogue"), _example("wizard_state")
    # The client generates the id, so that sending the same twice creates no duplicate.
    registration = wizard["registration"] | {"registrationId": str(uuid4())}

    with TimedClient(url, console) as service:
        visitor = service.as_user({}, role="anon")
        user = service.as_user(registration["authUserId"])

        _heading(console, "The organiser imports the event")
        imported = service.import_catalogue(catalogue)
        console.print(
            f"  {catalogue['function']['name']}: {imported.events} events, "
            f"{imported.ticket_types} ticket types, {imported.packages} packages, "
            f"{imported.capacity_pools} capacity pools",
            soft_wrap=True,
        )

        _heading(console, "A visitor's wizard asks what is on sale and requests a quote for four")
        at_first = visitor.get_ticket_availability(imported.function_id)
        attendees = [registration["primaryAttendee"], *registration["additionalAttendees"]]
        quote = visitor.quote_ticket_selections(
            imported.function_id, wizard["ticketSelections"], attendees
        )
        console.print(
            f"  {'valid' if quote.valid else 'not valid'}: {len(quote.tickets)} tickets, "
            f"{quote.subtotal} {quote.currency}; nothing is written yet"
        )

        _heading(
            console,
            "The user signs in and registers: registration, attendees and tickets in one call",
        )
        created = user.create_individual_registration_with_tickets(registration, quote.tickets)
        stored = user.get_registration(created.registration_id)
        console.print(_ticket_table(stored, _names(catalogue)))

        _change_and_resume(console, user, created, stored, catalogue)
        _show_refusals(console, service, user, created, catalogue)

        due = _pay(console, service, user, created.registration_id)
        _sell_out(console, service, catalogue, url)

        _heading(console, "The four cannot come: the organiser cancels and refunds")
        before = visitor.get_ticket_availability(imported.function_id)
        cancelled = service.cancel_registration(created.registration_id, "illness")
        refund = {"reference": "re_1", "amount": due.amount_due, "currency": due.currency}
        refunded = service.record_refund(created.registration_id, refund)
        after = visitor.get_ticket_availability(imported.function_id)
        console.print(
            f"  {cancelled.tickets_cancelled} tickets cancelled, {refunded.amount} "
            f"{refunded.currency} refunded; the capacity is free again:\n"
        )
        console.print(_capacity_table(at_first, before, after))

        _read_changes(console, service)
        _repair(console, service, url)


def _change_and_resume(
    console: Console,
    user: Client,
    created: CreateAnswer,
    stored: RegistrationAnswer,
    catalogue: dict[str, Any],
) -> None:
    """Change the selection, send it twice, and resume on another device."""
    names, ids = _names(catalogue), _ids(catalogue)

    _heading(console, "The user goes back: Tomas takes the cruise instead of the banquet")
    tomas = created.attendees[2].client_attendee_id
    selection = (
        TicketSelections()
        .ticket(tomas, ids["Grand Proclamation Ceremony"])
        .ticket(tomas, ids["Farewell Cruise Luncheon"])
    )
    changed = user.persist_ticket_selections(
        created.registration_id, selection, expected_revision=created.revision
    )
    _show_difference(console, stored, changed, names)
    console.print(
        f"  {_counts(changed)}; {created.subtotal} is now {changed.subtotal} "
        f"{changed.currency}, revision {created.revision} is now {changed.revision}"
    )

    _heading(console, "The same call again, as after a lost reply, changes nothing")
    again = user.persist_ticket_selections(
        created.registration_id, selection, expected_revision=created.revision
    )
    console.print(f"  {_counts(again)}; revision {again.revision}")

    _heading(console, "On another device, with only the registration's id")
    found = user.get_registration(created.registration_id)
    console.print(
        f"  {found.status}, revision {found.revision}: {len(found.attendees)} attendees, "
        f"{len(found.tickets)} tickets, {found.total} {found.currency}, {_held(found)}"
    )
    user.create_individual_registration_jsonb(found.registration)
    resumed = user.persist_ticket_selections(found.registration_id, found.ticket_selections)
    console.print(f"  sent back unchanged: {_counts(resumed)}; revision {resumed.revision}")


def _show_refusals(
    console: Console,
    service: Client,
    user: Client,
    created: CreateAnswer,
    catalogue: dict[str, Any],
) -> None:
    """Make an invalid request, and one for another owner's registration."""
    _heading(console, "An invalid request: every problem is listed, nothing is written")
    walter, ines, _, harold = (attendee.client_attendee_id for attendee in created.attendees)
    ids = _ids(catalogue)
    mistakes = (
        TicketSelections()
        .package(walter, ids["All Events"])
        .ticket(walter, ids["Ladies Brunch"])
        .ticket(ines, ids["Quarterly Communication"])
        .ticket(harold, ids["Grand Proclamation Banquet - Mezzanine"])
        .ticket(harold, ids["Meet & Greet Cocktail Party"], quantity=300)
        .ticket(harold, uuid4())
    )
    try:
        user.persist_ticket_selections(created.registration_id, mistakes)
    except SelectionInvalid as refusal:
        console.print(f"  refused with {refusal.sqlstate}, {refusal.issues_total} problems:")
        for issue in refusal.issues:
            console.print(f"    {issue.code}", style="red", end="")
            console.print(f": {issue.message}\n      at {issue.path}", soft_wrap=True)

    _heading(console, "Another user asks for the registration")
    other_user = service.as_user(uuid4())
    try:
        other_user.get_registration(created.registration_id)
    except RegistrationNotFound as refusal:
        _show_refusal(console, refusal)


def _pay(
    console: Console, service: Client, user: Client, registration_id: str
) -> StartPaymentAnswer:
    """Pay too little, then the amount due, then the same again."""
    _heading(console, "The user starts the payment: all is checked again, the hold is extended")
    due = user.start_payment(registration_id)
    console.print(f"  {due.status}: {due.amount_due} {due.currency} are due, {_held(due)}")

    _heading(console, "The payment provider reports: too little, the full amount, the same again")
    payment = {"reference": "pi_1", "amount": due.amount_due, "currency": due.currency}
    try:
        service.complete_registration_payment(registration_id, payment | {"amount": 600})
    except PaymentConflict as refusal:
        _show_refusal(console, refusal)
    paid = service.complete_registration_payment(registration_id, payment)
    again = service.complete_registration_payment(registration_id, payment)
    found = user.get_registration(registration_id)
    states = Counter(ticket.payment_status for ticket in found.tickets)
    console.print(
        f"  {found.status}: {_listed(states)}; confirmation number {paid.confirmation_number}, "
        f"{'the same' if again == paid else 'another'} both times",
        soft_wrap=True,
    )
    return due


def _sell_out(console: Console, service: Client, catalogue: dict[str, Any], url: str) -> None:
    """Let two users request the last ticket, whose first holder does not pay in time."""
    _heading(console, "The organiser reduces the Ladies Brunch to 0, although 1 is sold; then to 2")
    try:
        service.import_catalogue(_with_brunches(catalogue, 0))
    except SelectionInvalid as refusal:
        _show_refusal(console, refusal)
    service.import_catalogue(_with_brunches(catalogue, 2))

    _heading(console, "Nora takes the last ticket; Edith is too late")
    nora, edith = service.as_user(uuid4()), service.as_user(uuid4())
    noras, ediths = _brunch_request(catalogue, "Nora"), _brunch_request(catalogue, "Edith")
    booked = nora.create_individual_registration_with_tickets(*noras)
    console.print(f"  Nora: {booked.tickets_created} added, {_held(booked)}")
    try:
        edith.create_individual_registration_with_tickets(*ediths)
    except SoldOut as refusal:
        _show_refusal(console, refusal, "Edith: ")

    _heading(console, "Nora's hold expires (ended by the demo): Edith gets the ticket at once")
    _end_holds(url)
    taken = edith.create_individual_registration_with_tickets(*ediths)
    console.print(f"  Edith: {taken.tickets_created} added, {_held(taken)}")
    payment = {"reference": "pi_2", "amount": booked.total, "currency": booked.currency}
    try:
        service.complete_registration_payment(booked.registration_id, payment)
    except SoldOut as refusal:
        _show_refusal(console, refusal, "Nora's payment, now: ")

    _heading(
        console, "The organiser raises the capacity: Nora sends the same again and is admitted"
    )
    service.import_catalogue(catalogue)
    retaken = nora.create_individual_registration_with_tickets(*noras)
    console.print(f"  Nora: {retaken.tickets_unchanged} unchanged, {_held(retaken)}")

    _heading(console, "Both holds expire, and no buyer needs the capacity: a job expires them")
    _end_holds(url)
    released = service.release_expired_holds()
    console.print(f"  {released.released} registrations have expired")


def _read_changes(console: Console, service: Client) -> None:
    """Read the change feed to its end, as a program that updates another system does."""
    _heading(console, "Another system reads every change of a ticket, 40 at a time")
    page = service.get_ticket_changes(limit=40)
    while page.changes:
        console.print(f"  {_listed(Counter(change.change for change in page.changes))}")
        page = service.get_ticket_changes(page.cursor, limit=40)
    console.print("  no more changes; the cursor stays valid")


def _repair(console: Console, service: Client, url: str) -> None:
    """Corrupt a counter, find it and correct it."""
    _heading(console, "A counter is edited by hand: a check finds it, a recount corrects it")
    _execute(
        url,
        "UPDATE ticketing.capacity_pools SET reserved = 7 WHERE name = 'Farewell Cruise Luncheon'"
        " AND capacity_pool_id IN (SELECT event_id FROM ticketing.events)",
    )
    for problem in service.check_integrity():
        console.print(
            f"  {problem.check_name}: stored {_listed(problem.detail['stored'])}, "
            f"counted {_listed(problem.detail['counted'])}"
        )
    repaired = service.repair_capacity()
    problems = service.check_integrity()
    console.print(f"  corrected: {repaired.pools_repaired}; left to correct: {len(problems)}")


def _example(name: str) -> dict[str, Any]:
    path = files("ticketing_client").joinpath(f"example/{name}.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _names(catalogue: dict[str, Any]) -> dict[str, str]:
    """Return the names of ticket types and packages by id."""
    types = {item["ticket_type_id"]: item["name"] for item in catalogue["ticket_types"]}
    return types | {item["package_id"]: item["name"] for item in catalogue["packages"]}


def _ids(catalogue: dict[str, Any]) -> dict[str, str]:
    """Return the ids of ticket types and packages by name."""
    return {name: id_ for id_, name in _names(catalogue).items()}


def _with_brunches(catalogue: dict[str, Any], capacity: int) -> dict[str, Any]:
    """Return the catalogue with another capacity of the Ladies Brunch."""
    types = [
        type_ | {"capacity": capacity} if type_["name"] == "Ladies Brunch" else type_
        for type_ in catalogue["ticket_types"]
    ]
    return catalogue | {"ticket_types": types}


def _brunch_request(catalogue: dict[str, Any], first_name: str) -> tuple[Json, list[Json]]:
    """Return a registration of one guest, and one submitted ticket."""
    brunch = next(type_ for type_ in catalogue["ticket_types"] if type_["name"] == "Ladies Brunch")
    guest = {"attendeeId": str(uuid4()), "attendeeType": "guest", "firstName": first_name}
    registration = {
        "registrationId": str(uuid4()),
        "functionId": catalogue["function"]["function_id"],
        "primaryAttendee": guest,
    }
    ticket = {
        "attendee_id": guest["attendeeId"],
        "event_id": brunch["event_id"],
        "ticket_type_id": brunch["ticket_type_id"],
    }
    return registration, [ticket]


def _end_holds(url: str) -> None:
    """End the holds of unpaid registrations now."""
    _execute(
        url, "UPDATE ticketing.registrations SET hold_expires_at = now() WHERE status = 'draft'"
    )


def _execute(url: str, statement: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def _heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _show_refusal(console: Console, refusal: TicketingError, prefix: str = "") -> None:
    """Print the only issue, with requested and available capacity if it has them."""
    (issue,) = refusal.issues
    capacity = (
        "" if issue.requested is None else f" ({issue.requested} requested, {issue.available} left)"
    )
    console.print(
        f"  {prefix}refused with {refusal.sqlstate}: {issue.message}{capacity}", soft_wrap=True
    )


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


def _table(*columns: str | Column, has_footer: bool = False) -> Table:
    return Table(
        *columns, box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0), show_footer=has_footer
    )


def _numbers(header: str, footer: str = "") -> Column:
    return Column(header, footer, justify="right")


def _ticket_table(registration: RegistrationAnswer, names: dict[str, str]) -> Table:
    """Draw all tickets, those of a package below the package, and the total."""
    table = _table(
        Column("  Attendee", footer="  Total"),
        Column("Package and tickets", footer=f"{len(registration.tickets)} tickets"),
        _numbers("List price"),
        _numbers(f"Price {registration.currency}", f"{registration.total}"),
        has_footer=True,
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


def _show_difference(
    console: Console, before: RegistrationAnswer, after: PersistAnswer, names: dict[str, str]
) -> None:
    """Print the tickets of the attendees of a persist: added, removed, unchanged."""
    new = {ticket.ticket_id: ticket for ticket in after.tickets}
    listed = {ticket.attendee_id for ticket in after.tickets}
    old = {ticket.ticket_id: ticket for ticket in before.tickets if ticket.attendee_id in listed}
    for ticket_id in old | new:
        ticket = new.get(ticket_id) or old[ticket_id]
        line = f"{names[ticket.ticket_type_id]:<48}{ticket.price_paid:>7}"
        if ticket_id not in old:
            console.print(f"    + {line}", style="green")
        elif ticket_id not in new:
            console.print(f"    - {line}", style="red")
        else:
            console.print(f"    = {line}")


def _capacity_table(*moments: AvailabilityAnswer) -> Table:
    """Draw the remaining capacity of everything on sale at three moments."""
    table = _table("  Remaining capacity", *map(_numbers, ("At first", "Before", "After")))
    for states in zip(
        *((*moment.ticket_types, *moment.packages) for moment in moments), strict=True
    ):
        if states[0].status == "on_sale":
            table.add_row(f"  {states[0].name}", *(f"{state.available}" for state in states))
    return table
