"""Work and memory are bounded by the size of a request, whatever is in it.

Each shape is a costly request of about a given size. It is sent over a warm connection, and its
backend is watched: against what PostgreSQL itself takes to parse the same text, and
against a tenth of the request.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import psycopg
import pytest
from psycopg import sql
from tests.support.example import (
    COMMUNICATION,
    EVENTS,
    FUNCTION,
    MASONS,
    ORGANISATION,
    RECEPTION,
    TOMAS,
    WALTER,
    Document,
)
from tests.support.personas import PERSONAS
from tests.support.stage import PAID, REGISTRATION

from ticketing_client.embedded import Server

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not Path("/proc/self/clear_refs").exists(), reason="reads /proc"
)

MIB = 1 << 20
MOST_BYTES = 64 * MIB
"""What a request may take beyond what it takes to parse it."""

SIZE = 1_000_000
MOST_VALUES = 29_000
"""Lists, objects and numbers that nearly are too many."""

DOCUMENTED = {None, "TK001", "TK004", "TK005", "TK008", "42501"}

Arguments: TypeAlias = Mapping[str, str]
"""The arguments of a call as text."""


def _id(number: int) -> str:
    return f"01974a10-0000-7000-8000-{number:012x}"


def _quote(selections: object, attendees: object = ()) -> Arguments:
    return {
        "p_function_id": FUNCTION,
        "p_selections": selections if isinstance(selections, str) else json.dumps(selections),
        "p_attendees": attendees if isinstance(attendees, str) else json.dumps(attendees),
    }


def _guest(number: int = 0, **data: Any) -> Document:  # noqa: ANN401 - JSON
    return {"attendeeId": _id(number), "attendeeType": "guest", **data}


def _lines(count: int, ticket_type: str = COMMUNICATION, **more: object) -> list[Document]:
    return [{"ticketId": ticket_type, "quantity": 1, **more}] * count


def _padded(size: int) -> Arguments:
    pad = "x" * (size * 9 // 10)
    return _quote({_id(0): {"individualTickets": _lines(size // 900)}}, [_guest(pad=pad)])


def _padded_fact(size: int) -> Arguments:
    fact = "x" * (size * 9 // 10)
    lines = _lines(size // 900)
    return _quote({_id(0): {"individualTickets": lines}}, [_guest(grand_lodge=fact)])


def _padded_name(size: int) -> Arguments:
    name = "x" * (size * 9 // 10)
    return _quote({_id(0): {"individualTickets": _lines(size // 900)}}, [_guest(firstName=name)])


def _padded_mixed(size: int) -> Arguments:
    texts = [str(number) for number in range(size // 20)]
    package = {"packageId": MASONS, "quantity": 1}
    chosen = {"packages": [package], "individualTickets": _lines(size // 510, RECEPTION)}
    return _quote({_id(0): chosen}, [_guest(pad=texts)])


def _padded_packages(size: int) -> Arguments:
    packages = [{"packageId": MASONS, "quantity": 1}] * (size // 2000)
    return _quote({_id(0): {"packages": packages}}, [_guest(pad="x" * (size * 9 // 10))])


def _named_twice(size: int) -> Arguments:
    pad = "x" * (size * 9 // 10)
    return _quote({}, [_guest(pad=pad), *[_guest()] * (size // 2500)])


def _empty_objects(size: int) -> Arguments:
    many = "[" + ",".join(["{}"] * 1900) + "]"
    chosen = '{"packages":' + many + ',"individualTickets":' + many + "}"
    entries = (f'"{_id(number)}":{chosen}' for number in range(size // len(chosen) + 1))
    return _quote("{" + ",".join(entries) + "}")


def _unknown_ids(size: int) -> Arguments:
    lines = [{"ticketId": _id(number), "quantity": 0} for number in range(size // 100)]
    chunks = {_id(n): {"individualTickets": lines[n::8]} for n in range(8)}
    return _quote(chunks, [_guest(number) for number in range(8)])


def _unknown_keys(size: int) -> Arguments:
    return _quote({_id(0): {f"k{number}": 1 for number in range(size // 24)}})


def _unread_keys(size: int) -> Arguments:
    data: Document = {f"k{number}": "v" for number in range(size // 24)}
    return _quote({_id(0): {"individualTickets": _lines(9)}}, [_guest(**data)])


def _empty_facts(size: int) -> Arguments:
    empty = "[" + ",".join(["{}"] * min(size // 8, MOST_VALUES)) + "]"
    guest = f'{{"attendeeId":"{_id(0)}","attendeeType":"guest","pad":{empty}}}'
    return _quote({_id(0): {"individualTickets": _lines(9)}}, f"[{guest}]")


def _long_texts(size: int) -> Arguments:
    return _quote({}, [_guest(attendeeType="7" * (size // 20), title=7) for _ in range(19)])


def _deep(size: int) -> Arguments:
    levels = min(size // 2, 3_000)
    return _quote("{}", '[{"a":' + "[" * levels + "]" * levels + "}]")


def _numbers(number: str, size: int) -> str:
    return "[" + ",".join([number] * min(size // 10, MOST_VALUES)) + "]"


def _huge_facts(size: int) -> Arguments:
    guest = f'{{"attendeeId":"{_id(0)}","attendeeType":"guest","grand_lodge":'
    selections = json.dumps({_id(0): {"individualTickets": _lines(50)}})
    return _quote(selections, "[" + guest + _numbers("1e131071", size) + "}]")


def _huge_packages(size: int) -> Arguments:
    return _quote(f'{{"{_id(0)}":{{"packages":{_numbers("1e131071", size)}}}}}')


def _long_zeros(size: int) -> Arguments:
    return _quote(f'{{"{_id(0)}":{{"packages":{_numbers("0e-16383", size)}}}}}')


def _wrong_tickets(size: int) -> Arguments:
    """Return tickets of which all values are of the right form, and wrong."""
    keys = ("registration_id", "event_id", "ticket_type_id", "package_id", "client_attendee_id")
    tickets = [
        {
            **{key: _id(number) for key in keys},
            "attendee_id": TOMAS,
            "ticket_id": _id(number),
            "price_paid": 1.5,
            "currency": "XXX" * 20,
        }
        for number in range(min(2000, size // 500))
    ]
    return {"p_registration_id": REGISTRATION, "p_tickets": json.dumps(tickets)}


def _wrong_prices(size: int) -> Arguments:
    wrong = {"attendee_id": WALTER, "event_id": EVENTS[RECEPTION], "ticket_type_id": RECEPTION}
    prices = {"price_paid": "9.99", "original_price": "9.99"}
    tickets = [wrong | prices] * min(2000, size // 500)
    return {"p_registration_id": REGISTRATION, "p_tickets": json.dumps(tickets)}


def _malformed_tickets(size: int) -> Arguments:
    ticket = {f"wrong_{number}": "x" for number in range(20)}
    tickets = [ticket] * min(2000, size // 400)
    return {"p_registration_id": REGISTRATION, "p_tickets": json.dumps(tickets)}


def _huge_prices(size: int) -> Arguments:
    tickets = "[" + ",".join(['{"price_paid":1e131071}'] * (size // 24)) + "]"
    return {"p_registration_id": REGISTRATION, "p_tickets": tickets}


def _many_numbers(size: int) -> Arguments:
    return {
        "p_registration_id": REGISTRATION,
        "p_tickets": "[" + ",".join(["1"] * (size // 12)) + "]",
    }


def _registration(rest: str) -> Arguments:
    data = f'"functionId":"{FUNCTION}","primaryAttendee":{json.dumps(_guest())}'
    return {"p_registration_data": "{" + data + "," + rest + "}"}


def _huge_data(size: int) -> Arguments:
    return _registration('"x":' + _numbers("1e131071", size))


def _negative_data(size: int) -> Arguments:
    return _registration('"x":{"y":' + _numbers("-1e131071", size) + "}")


def _padded_data(size: int) -> Arguments:
    return _registration('"x":' + json.dumps("x" * (size * 9 // 10)))


def _empty_data(size: int) -> Arguments:
    return _registration('"x":[' + ",".join(["{}"] * min(size // 8, MOST_VALUES)) + "]")


def _empty_attendee(size: int) -> Arguments:
    empty = "[" + ",".join(["{}"] * min(size // 8, MOST_VALUES)) + "]"
    guest = f'{{"attendeeId":"{_id(0)}","attendeeType":"guest","pad":{empty}}}'
    return {"p_registration_data": f'{{"functionId":"{FUNCTION}","primaryAttendee":{guest}}}'}


def _known_attendee(size: int) -> Arguments:
    empty = "[" + ",".join(["{}"] * min(size // 8, MOST_VALUES)) + "]"
    guest = f'{{"attendeeId":"{WALTER}","attendeeType":"guest","pad":{empty}}}'
    return {**_quote("{}", f"[{guest}]"), "p_registration_id": REGISTRATION}


def _many_attendees(size: int) -> Arguments:
    guests = [_guest(number + 1, pad="x" * 1_000) for number in range(min(499, size // 1200))]
    return _registration('"additionalAttendees":' + json.dumps(guests))


def _update(attendees: object) -> Arguments:
    text = attendees if isinstance(attendees, str) else json.dumps(attendees)
    return {"p_registration_id": REGISTRATION, "p_attendees": text}


def _many_new_attendees(size: int) -> Arguments:
    return _update([_guest(n, pad="x" * 1_000) for n in range(min(496, size // 1200))])


def _updated_with_empty_objects(size: int) -> Arguments:
    empty = "[" + ",".join(["{}"] * min(size // 8, MOST_VALUES)) + "]"
    return _update(f'[{{"attendeeId":"{TOMAS}","attendeeType":"guest","pad":{empty}}}]')


def _updated_with_many_keys(size: int) -> Arguments:
    data: Document = {f"k{number}": "v" for number in range(size // 24)}
    return _update([{"attendeeId": TOMAS, "attendeeType": "guest", **data}])


def _updated_often(size: int) -> Arguments:
    tomas = {"attendeeId": TOMAS, "attendeeType": "guest"}
    pad = "x" * (size * 9 // 10)
    return _update([tomas | {"pad": pad}, *[tomas] * (size // 2500)])


def _updated_with_huge_numbers(size: int) -> Arguments:
    guest = f'{{"attendeeId":"{TOMAS}","attendeeType":"guest","pad":'
    return _update("[" + guest + _numbers("1e131071", size) + "}]")


def _assign(holders: object) -> Arguments:
    text = holders if isinstance(holders, str) else json.dumps(holders)
    return {"p_registration_id": REGISTRATION, "p_holders": text}


def _holder(**data: Any) -> Document:  # noqa: ANN401 - JSON
    return {"firstName": "Olga", "lastName": "Brandt", **data}


def _unknown_tickets(size: int) -> Arguments:
    return _assign(
        [
            {"ticket_id": _id(number), "holder": _holder(pad="x" * 300)}
            for number in range(min(2000, size // 500))
        ]
    )


def _malformed_holders(size: int) -> Arguments:
    holder = {f"wrong_{number}": "x" for number in range(20)} | {"title": 7}
    return _assign([{"holder": holder}] * min(2000, size // 400))


def _holder_of_empty_objects(size: int) -> Arguments:
    empty = "[" + ",".join(["{}"] * min(size // 8, MOST_VALUES)) + "]"
    holder = f'{{"firstName":"Olga","lastName":"Brandt","pad":{empty}}}'
    return _assign(f'[{{"ticket_id":"{_id(0)}","holder":{holder}}}]')


def _huge_holder(size: int) -> Arguments:
    return _assign('[{"holder":' + _numbers("1e131071", size) + "}]")


def _catalogue(rules: str) -> Arguments:
    heads = {
        "organisation": {"organisation_id": ORGANISATION, "slug": "bounds", "name": "Bounds"},
        "function": {
            "function_id": _id(1),
            "slug": "bounds",
            "name": "Bounds",
            "currency": "AUD",
            "status": "published",
        },
        "events": [{"event_id": _id(2), "slug": "bounds", "title": "Bounds"}],
        "packages": [],
        "ticket_types": [
            {
                "ticket_type_id": _id(3),
                "event_id": _id(2),
                "name": "Bounds",
                "price": 1,
                "eligibility": {"rules": "here"},
            }
        ],
    }
    return {"p_catalogue": json.dumps(heads).replace('"here"', rules)}


def _huge_rules(size: int) -> Arguments:
    value = _numbers("1e131071", size)
    return _catalogue('[{"type":"rank","operator":"in","value":' + value + "}]")


def _long_rules(size: int) -> Arguments:
    values = [f"a value of a list {number}" for number in range(size // 1500)]
    return _catalogue(json.dumps([{"type": "rank", "operator": "in", "value": values}] * 50))


def _amended_ids(size: int) -> Arguments:
    return {"p_registration_id": PAID, "p_selections": _unknown_ids(size)["p_selections"]}


def _amended_amount(size: int) -> Arguments:
    return {**_huge_amount(size), "p_registration_id": PAID, "p_selections": "{}"}


def _unknown_cancelled(size: int) -> Arguments:
    ids = [_id(number) for number in range(min(size // 39, 2000))]
    return {"p_registration_id": PAID, "p_ticket_ids": json.dumps(ids)}


def _huge_amount(size: int) -> Arguments:
    payment = '{"reference":"r","currency":"AUD","amount":1,"paid_at":%s}'
    return {
        "p_registration_id": REGISTRATION,
        "p_payment": payment % _numbers("1e131071", size),
    }


@dataclass(frozen=True)
class Shape:
    """A costly request.

    Attributes:
        caller: Who sends it, of PERSONAS.
        rpc: The call.
        arguments: Its arguments, when it is to have about so many bytes.
    """

    caller: str
    rpc: LiteralString
    arguments: Callable[[int], Arguments]


QUOTE: LiteralString = "quote_ticket_selections"
PERSIST: LiteralString = "persist_attendee_tickets"
CREATE: LiteralString = "create_individual_registration_with_tickets"
SHAPES: Mapping[str, Shape] = {
    "a padded attendee and many lines": Shape("visitor", QUOTE, _padded),
    "a padded fact and many lines": Shape("visitor", QUOTE, _padded_fact),
    "a padded name and many lines": Shape("visitor", QUOTE, _padded_name),
    "a padded attendee, packages and tickets": Shape("visitor", QUOTE, _padded_mixed),
    "a padded attendee and many packages": Shape("visitor", QUOTE, _padded_packages),
    "a padded attendee named often": Shape("visitor", QUOTE, _named_twice),
    "empty objects": Shape("visitor", QUOTE, _empty_objects),
    "unknown ids": Shape("visitor", QUOTE, _unknown_ids),
    "unknown keys": Shape("visitor", QUOTE, _unknown_keys),
    "keys that nothing reads": Shape("visitor", QUOTE, _unread_keys),
    "empty objects that nothing reads": Shape("visitor", QUOTE, _empty_facts),
    "long texts": Shape("visitor", QUOTE, _long_texts),
    "many levels": Shape("visitor", QUOTE, _deep),
    "huge numbers as a fact": Shape("visitor", QUOTE, _huge_facts),
    "huge numbers as packages": Shape("visitor", QUOTE, _huge_packages),
    "zeros of many decimals": Shape("visitor", QUOTE, _long_zeros),
    "tickets that are all wrong": Shape("owner", PERSIST, _wrong_tickets),
    "prices that are all wrong": Shape("owner", PERSIST, _wrong_prices),
    "tickets of unknown keys": Shape("staff", PERSIST, _malformed_tickets),
    "huge prices": Shape("owner", PERSIST, _huge_prices),
    "numbers instead of tickets": Shape("owner", PERSIST, _many_numbers),
    "huge numbers to store": Shape("newcomer", CREATE, _huge_data),
    "negative huge numbers to store": Shape("newcomer", CREATE, _negative_data),
    "a long text to store": Shape("newcomer", CREATE, _padded_data),
    "empty objects to store": Shape("newcomer", CREATE, _empty_data),
    "an attendee of empty objects to store": Shape("newcomer", CREATE, _empty_attendee),
    "an attendee of empty objects who is stored": Shape("owner", QUOTE, _known_attendee),
    "many attendees": Shape("newcomer", CREATE, _many_attendees),
    "many attendees to add": Shape("owner", "update_attendees", _many_new_attendees),
    "an attendee updated with empty objects": Shape(
        "owner", "update_attendees", _updated_with_empty_objects
    ),
    "an attendee updated with many keys": Shape(
        "owner", "update_attendees", _updated_with_many_keys
    ),
    "an attendee updated often": Shape("staff", "update_attendees", _updated_often),
    "an attendee updated with huge numbers": Shape(
        "owner", "update_attendees", _updated_with_huge_numbers
    ),
    "holders of unknown tickets": Shape("owner", "assign_tickets", _unknown_tickets),
    "holders of unknown keys": Shape("staff", "assign_tickets", _malformed_holders),
    "a holder of empty objects": Shape("owner", "assign_tickets", _holder_of_empty_objects),
    "a huge holder": Shape("owner", "assign_tickets", _huge_holder),
    "a catalogue of huge rules": Shape("admin", "import_catalogue", _huge_rules),
    "a catalogue of long rules": Shape("service", "import_catalogue", _long_rules),
    "an amendment of unknown ids": Shape("owner", "amend_registration", _amended_ids),
    "an amendment with huge numbers in its payment": Shape(
        "service", "amend_registration", _amended_amount
    ),
    "unknown tickets to cancel": Shape("owner", "cancel_tickets", _unknown_cancelled),
    "huge numbers in a payment": Shape("service", "complete_registration_payment", _huge_amount),
}
UNBOUNDED = {kind for kind in SHAPES if "huge" in kind or "decimals" in kind or "levels" in kind}
"""What is never stored nor read."""

LONG = {"a padded attendee, packages and tickets", "many attendees", "prices that are all wrong"}


@dataclass(frozen=True)
class Cost:
    """What a statement has cost its backend.

    Attributes:
        sqlstate: The error it ended with; None for none.
        peak: The most bytes of its own memory that the backend had meanwhile.
        cpu: Nanoseconds of CPU.
        files: The temporary files it has written.
    """

    sqlstate: str | None
    peak: int
    cpu: int
    files: list[str]


class Backend:
    """A connection whose backend is watched, and whose work is undone."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Watch temporary files.

        Args:
            connection: To the stage, of a superuser.
        """
        self.connection = connection
        self._proc = Path(f"/proc/{connection.info.backend_pid}")
        self._files: list[str] = []
        connection.execute("SET log_temp_files = 0")
        connection.execute("SET client_min_messages = log")
        connection.add_notice_handler(lambda notice: self._note(notice.message_primary or ""))

    def _note(self, message: str) -> None:
        if message.startswith("temporary file"):
            self._files.append(message)

    def _status(self, key: str) -> int:
        lines = (self._proc / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))

    def spend(self, caller: str, statement: sql.Composed, values: Arguments) -> Cost:
        """Execute a statement as a caller, undo it, and return its cost."""
        persona = PERSONAS[caller]
        claims = json.dumps({"sub": persona.user_id}) if persona.user_id else ""
        self._files.clear()
        sqlstate = None
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(
                "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
                [persona.role, claims],
            )
            (self._proc / "clear_refs").write_text("5")  # VmHWM begins anew
            before = int((self._proc / "schedstat").read_text().split()[0])
            try:
                with self.connection.transaction():
                    self.connection.execute(statement, values)
            except psycopg.Error as error:
                sqlstate = error.sqlstate
            cpu = int((self._proc / "schedstat").read_text().split()[0]) - before
            shared = self._status("RssFile") + self._status("RssShmem")
            peak = self._status("VmHWM") - shared
        return Cost(sqlstate, peak, cpu, [*self._files])


@pytest.fixture(scope="module")
def backend(own_stage_url: str, server: Server) -> Iterator[Backend]:
    """A backend on a stage of its own."""
    assert server
    with psycopg.connect(own_stage_url, autocommit=True) as connection:
        yield Backend(connection)


def _call(rpc: LiteralString, arguments: Arguments) -> sql.Composed:
    return sql.SQL("SELECT ticketing.{}({})::text").format(
        sql.Identifier(rpc),
        sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in arguments
        ),
    )


def _parse(arguments: Arguments) -> sql.Composed:
    names = [name for name, text in arguments.items() if text[0] in "{["]
    return sql.SQL("SELECT ") + sql.SQL(", ").join(
        sql.SQL("pg_column_size({}::jsonb)").format(sql.Placeholder(name)) for name in names
    )


def _spend(backend: Backend, shape: Shape, size: int) -> tuple[Cost, Cost]:
    """Return what it costs to parse a request of the shape, and what to answer it."""
    arguments = shape.arguments(size)
    parsed = backend.spend(shape.caller, _parse(arguments), arguments)
    return parsed, backend.spend(shape.caller, _call(shape.rpc, arguments), arguments)


def _selection_of_rules(size: int) -> Arguments:
    """Return a quote for people whom long rules keep out."""
    guests = [_guest(number, rank="none") for number in range(min(450, size // 500))]
    chosen = {guest["attendeeId"]: {"individualTickets": _lines(4, _id(3))} for guest in guests}
    return {**_quote(chosen, guests), "p_function_id": _id(1)}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.long if kind in LONG else ()) for kind in SHAPES]
)
def test_request_is_answered_within_its_bounds(backend: Backend, kind: str) -> None:
    shape = SHAPES[kind]
    _spend(backend, shape, 10_000)  # warms the connection
    _, small = _spend(backend, shape, SIZE // 10)
    parsed, large = _spend(backend, shape, SIZE)
    assert large.sqlstate in ({"TK001"} if kind in UNBOUNDED else DOCUMENTED)
    assert large.files == []
    assert large.peak - parsed.peak <= MOST_BYTES
    assert large.cpu <= 40 * small.cpu


def _grown(backend: Backend, rpc: LiteralString, size: int) -> Arguments:
    """Return a request for a registration that others have brought near its limit."""
    pad = {f"k{number}": "v" for number in range(size // 24)}
    ((tickets,),) = backend.connection.execute(
        """
        SELECT array_agg(ticket_id::text ORDER BY ticket_id) FROM ticketing.tickets
        WHERE registration_id = %s
        """,
        [REGISTRATION],
    ).fetchall()
    backend.connection.execute(
        """
        UPDATE ticketing.attendees SET attendee_data = attendee_data || %s
        WHERE registration_id = %s AND client_attendee_id = %s
        """,
        [json.dumps(pad), REGISTRATION, WALTER],
    )
    if rpc == "assign_tickets":
        half = _holder(**dict.fromkeys(list(pad)[::2], "v"))
        return _assign([{"ticket_id": ticket, "holder": half} for ticket in tickets[:2]])
    return _update([{"attendeeId": TOMAS, "attendeeType": "guest", **pad}])


@pytest.mark.parametrize("rpc", ["update_attendees", "assign_tickets"])
def test_change_of_a_large_registration_stays_within_its_bounds(
    backend: Backend, rpc: LiteralString
) -> None:
    with backend.connection.transaction(force_rollback=True):
        arguments = _grown(backend, rpc, SIZE)
        statement = _call(rpc, arguments)
        backend.spend("owner", statement, arguments)  # warms the connection
        parsed = backend.spend("owner", _parse(arguments), arguments)
        cost = backend.spend("owner", statement, arguments)
    assert cost.sqlstate is None
    assert cost.files == []
    assert cost.peak - parsed.peak <= MOST_BYTES


def test_quote_stays_within_its_bounds_whatever_the_rules(backend: Backend) -> None:
    arguments = _long_rules(SIZE)
    with backend.connection.transaction(force_rollback=True):
        backend.connection.execute(_call("import_catalogue", arguments), arguments)
        shape = Shape("visitor", QUOTE, _selection_of_rules)
        _spend(backend, shape, 10_000)
        parsed, cost = _spend(backend, shape, SIZE)
    assert cost.sqlstate is None
    assert cost.files == []
    assert cost.peak - parsed.peak <= MOST_BYTES
