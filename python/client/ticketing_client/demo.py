"""The demo: what a registration wizard does with a real event, from the first price to resuming.

`ticketing demo` runs it. All that happens goes through the public client, so `walk_through` is also
a tour of it. Only the database around it is made, and looked into at the end, with plain SQL.
"""

import json
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from time import perf_counter
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from rich import box
from rich.console import Console
from rich.table import Column, Table

from ticketing_client import (
    Client,
    CreateResult,
    PersistResult,
    Registration,
    RegistrationNotFound,
    SelectionInvalid,
    TicketSelections,
)
from ticketing_client.calls import Call
from ticketing_client.embedded import Server, default_data_dir, run_server
from ticketing_client.migrate import migrate

T = TypeVar("T")

DATABASE = "ticketing_demo"
"""Name of the demo's database."""

_WIDEST = 100  # longer lines are hard to read


def demo() -> None:
    """Walk through a registration in a fresh database on a private PostgreSQL server.

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
        url = recreate_database(server)
        report = migrate(url)
        console.print(
            f"Version {server.version} runs; {len(report.applied)} migrations and "
            f"{len(report.functions)} functions installed in {perf_counter() - started:.1f} s."
        )
        walk_through(url, console)
        console.print(
            "\nThe first call of a kind took longer, because PostgreSQL compiles a function and "
            "plans its queries once per connection: services keep theirs in a pool."
        )
        console.print(
            f"\nThe database stays in {server.data_dir} until the next demo. Look at it with\n\n"
            "  make psql                  (or, where the package is installed: ticketing psql)\n"
            "  \\dt ticketing.*            its tables\n"
            "  \\df ticketing.*            the functions that were called\n"
            "  TABLE ticketing.tickets;   the tickets",
            soft_wrap=True,  # or a path could not be copied
        )


def recreate_database(server: Server) -> str:
    """Make an empty demo database, whatever is left of the last one and whoever is connected to it.

    Args:
        server: The server to make it on.

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
    """A client that shows each call and how long it took, the way there and back included."""

    def __init__(self, url: str, console: Console) -> None:
        """Call over a connection of its own.

        Args:
            url: The database.
            console: Where to show the calls.

        """
        super().__init__(url)
        self._console = console

    def execute(self, call: Call[T]) -> T:
        """Execute a call, and show its name and its time also when it is refused."""
        started = perf_counter()
        try:
            return super().execute(call)
        finally:
            milliseconds = 1000 * (perf_counter() - started)
            self._console.print(f"  {call.function:<50}{milliseconds:7.1f} ms", style="cyan")


def walk_through(url: str, console: Console) -> None:
    """Do what a wizard, its user and the organiser do, and show what comes of it.

    Args:
        url: A migrated database in which nobody has registered yet.
        console: Where to show it.

    """
    catalogue, wizard = _example("catalogue"), _example("wizard_state")
    names, ids = _names(catalogue), {name: str(id_) for id_, name in _names(catalogue).items()}

    with TimedClient(url, console) as service:
        _heading(console, "The organiser loads the event")
        imported = service.import_catalogue(catalogue)
        console.print(
            f"  {catalogue['function']['name']}: {imported.events} events, "
            f"{imported.ticket_types} ticket types, {imported.packages} packages, "
            f"{imported.capacity_pools} pools of places"
        )

        _heading(console, "A visitor's wizard asks what four attendees' choices cost")
        # The client makes the id, so that sending the same twice cannot book twice.
        registration = wizard["registration"] | {"registrationId": str(uuid4())}
        attendees = [registration["primaryAttendee"], *registration["additionalAttendees"]]
        visitor = service.as_user({}, role="anon")
        quote = visitor.quote_ticket_selections(
            imported.function_id, wizard["ticketSelections"], attendees
        )
        console.print(
            f"  {'valid' if quote.valid else 'not valid'}: {len(quote.tickets)} tickets, "
            f"{quote.subtotal} {quote.currency}; nothing is written yet"
        )

        _heading(console, "Signed in, the user books: registration, attendees and tickets at once")
        user = service.as_user(registration["authUserId"])
        created = user.create_individual_registration_with_tickets(registration, quote.tickets)
        stored = user.get_registration(created.registration_id)
        console.print(_ticket_table(stored, names))

        _heading(console, "He goes back: Tomas takes the cruise instead of the banquet")
        tomas = created.attendees[2].client_attendee_id
        choice = (
            TicketSelections()
            .ticket(tomas, ids["Grand Proclamation Ceremony"])
            .ticket(tomas, ids["Farewell Cruise Luncheon"])
        )
        changed = user.persist_ticket_selections(
            created.registration_id, choice, expected_revision=created.revision
        )
        _show_difference(console, stored, changed, names)
        console.print(
            f"  {_counts(changed)}; {created.subtotal} is now {changed.subtotal} "
            f"{changed.currency}, revision {created.revision} is now {changed.revision}"
        )

        _heading(console, "The same again, as after a lost reply: nothing changes")
        again = user.persist_ticket_selections(
            created.registration_id, choice, expected_revision=created.revision
        )
        console.print(f"  {_counts(again)}; revision {again.revision}")

        _heading(console, "On another device, with nothing but the registration's id")
        found = user.get_registration(created.registration_id)
        console.print(
            f"  {found.status}, revision {found.revision}: {len(found.attendees)} attendees, "
            f"{len(found.tickets)} tickets, {found.total} {found.currency}, "
            f"held until {found.hold_expires_at:%H:%M %Z}"
        )
        user.create_individual_registration_jsonb(found.registration)
        resumed = user.persist_ticket_selections(found.registration_id, found.ticket_selections)
        console.print(f"  sent back as it came: {_counts(resumed)}; revision {resumed.revision}")

        _show_refusals(console, service, user, created, ids)

    _heading(console, "What the database now holds")
    with psycopg.connect(url) as connection:
        _show_row_counts(console, connection)
        console.print()
        console.print(_place_table(connection))


def _show_refusals(
    console: Console, service: Client, user: Client, created: CreateResult, ids: dict[str, str]
) -> None:
    """Ask for what is wrong, and for what is somebody else's."""
    _heading(console, "A request with many mistakes: all are named, nothing is written")
    walter, ines, tomas, harold = (person.client_attendee_id for person in created.attendees)
    mistakes = (
        TicketSelections()
        .package(walter, ids["All Events"])
        .ticket(walter, ids["Ladies Brunch"])
        .ticket(ines, ids["Quarterly Communication"])
        .package(tomas, ids["Lodge Package"])
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

    _heading(console, "A stranger asks for the registration")
    stranger = service.as_user(uuid4())
    try:
        stranger.get_registration(created.registration_id)
    except RegistrationNotFound as refusal:
        console.print(f"  refused with {refusal.sqlstate}: {refusal.issues[0].message}")


def _example(name: str) -> dict[str, Any]:
    path = files("ticketing_client").joinpath(f"example/{name}.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _names(catalogue: dict[str, Any]) -> dict[UUID, str]:
    """Return the names of ticket types and packages by id."""
    types = {UUID(item["ticket_type_id"]): item["name"] for item in catalogue["ticket_types"]}
    return types | {UUID(item["package_id"]): item["name"] for item in catalogue["packages"]}


def _heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _counts(result: PersistResult) -> str:
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


def _ticket_table(registration: Registration, names: dict[UUID, str]) -> Table:
    """Draw all tickets, those of a package below it, with what they add up to."""
    table = _table(
        Column("  Attendee", footer="  Total"),
        Column("Package and tickets", footer=f"{len(registration.tickets)} tickets"),
        _numbers("List price"),
        _numbers(f"Price {registration.currency}", f"{registration.total}"),
        has_footer=True,
    )
    people = {
        person.attendee_id: f"  {person.first_name} {person.last_name}"
        for person in registration.attendees
    }
    for attendee_id, owned in groupby(registration.tickets, attrgetter("attendee_id")):
        person = people[attendee_id]
        for package_id, group in groupby(owned, attrgetter("package_id")):
            tickets = list(group)
            indent = ""
            if package_id:
                list_price = sum(ticket.original_price for ticket in tickets)
                price = sum(ticket.price_paid for ticket in tickets)
                table.add_row(person, names[package_id], f"{list_price}", f"{price}", style="bold")
                person, indent = "", "  "
            for ticket in tickets:
                label = indent + names[ticket.ticket_type_id]
                table.add_row(person, label, f"{ticket.original_price}", f"{ticket.price_paid}")
                person = ""
    return table


def _show_difference(
    console: Console, before: Registration, after: PersistResult, names: dict[UUID, str]
) -> None:
    """List the tickets of the attendees named in a persist: added, removed, unchanged."""
    new = {ticket.ticket_id: ticket for ticket in after.tickets}
    named = {ticket.attendee_id for ticket in after.tickets}
    old = {ticket.ticket_id: ticket for ticket in before.tickets if ticket.attendee_id in named}
    for ticket_id in old | new:
        ticket = new.get(ticket_id) or old[ticket_id]
        line = f"{names[ticket.ticket_type_id]:<48}{ticket.price_paid:>7}"
        if ticket_id not in old:
            console.print(f"    + {line}", style="green")
        elif ticket_id not in new:
            console.print(f"    - {line}", style="red")
        else:
            console.print(f"    = {line}")


def _show_row_counts(console: Console, connection: psycopg.Connection[Any]) -> None:
    """List the tables that hold something and how many rows."""
    tables = connection.execute(
        "SELECT relname FROM pg_catalog.pg_class"
        " WHERE relnamespace = 'ticketing'::regnamespace AND relkind = 'r' ORDER BY relname"
    ).fetchall()
    for (table,) in tables:
        query = SQL("SELECT count(*) FROM {}").format(Identifier("ticketing", table))
        (count,) = connection.execute(query).fetchone() or (0,)
        if count:
            console.print(f"  {table:<22}{count:3} {'row' if count == 1 else 'rows'}")


def _place_table(connection: psycopg.Connection[Any]) -> Table:
    """Draw the pools of places of which some are taken."""
    table = _table("  Places of", "", _numbers("Taken"), _numbers("Of"))
    for is_event, name, taken, capacity in connection.execute(
        """
        SELECT event.event_id IS NOT NULL, pool.name, pool.reserved + pool.sold, pool.capacity
        FROM ticketing.capacity_pools AS pool
        LEFT JOIN ticketing.events AS event
            ON event.function_id = pool.function_id AND event.event_id = pool.capacity_pool_id
        WHERE pool.reserved + pool.sold > 0
        ORDER BY pool.name, event.event_id
        """
    ):
        kind = "  event" if is_event else "  ticket type"
        table.add_row(kind, name, f"{taken}", f"{capacity}")
    return table
