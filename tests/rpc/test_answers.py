"""Every answer is what its type says: keys, values that a key can have, and amounts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, LiteralString
from uuid import uuid4

import pytest
from tests.support.answers import checked
from tests.support.bookings import (
    import_catalogue,
    payment,
)
from tests.support.caller import (
    Connect,
    Connection,
    anonymous,
    owner,
    service,
)
from tests.support.example import (
    ALL_EVENTS,
    BANQUET,
    CEREMONY,
    COMMUNICATION,
    FUNCTION,
    INES,
    WALTER,
    Document,
    selection,
    tickets_of,
    updates_of,
    wizard_registration,
)
from tests.support.requests import working_calls
from tests.support.stage import set_stage
from tests.support.stored import (
    rows,
)

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection(tickets={CEREMONY: 1, BANQUET: 1}),
}
FREE: Mapping[str, Document] = {WALTER: selection(tickets={COMMUNICATION: 1})}

ANSWER_TYPES: LiteralString = """
    SELECT
        c.relname AS type,
        a.attname AS key,
        col_description(c.oid, a.attnum) AS comment,
        t.typname AS made_of,
        e.typname AS element
    FROM pg_class AS c
    INNER JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    INNER JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_type AS e ON e.oid = t.typelem
    WHERE c.relnamespace = 'ticketing_internal'::regnamespace AND c.relkind = 'c'
        AND EXISTS (SELECT FROM pg_description WHERE objoid = c.oid AND objsubid > 0)
    ORDER BY c.relname, a.attnum
"""

DOCUMENTED: LiteralString = """
    SELECT
        proname AS rpc,
        substring(obj_description(oid, 'pg_proc') FROM '### Returns\n`([a-z_]+)`: ') AS type
    FROM pg_proc
    WHERE pronamespace = 'ticketing'::regnamespace
"""


class Types:
    """The types of the answers, as the database describes them."""

    def __init__(self, connection: Connection) -> None:
        self.keys: dict[str, dict[str, Document]] = {}
        for row in rows(connection, ANSWER_TYPES):
            self.keys.setdefault(row["type"], {})[row["key"]] = row
        self.seen: set[str] = set()

    def faults(self, type_: str, value: Document, decimals: int) -> Iterator[str]:
        """Yield in what an object, or one in it, is other than its type says."""
        self.seen.add(type_)
        keys = self.keys[type_]
        if value.keys() != keys.keys():
            yield f"{type_} has {sorted(value.keys() ^ keys.keys())} more or less"
        for key, described in keys.items():
            yield from self._faults(f"{type_}.{key}", described, value.get(key), decimals)

    def _faults(
        self, name: str, described: Document, value: object, decimals: int
    ) -> Iterator[str]:
        comment, made_of, element = (described[key] for key in ("comment", "made_of", "element"))
        if value is None:
            if not re.search(r"\bnull\b", comment):
                yield f"{name} is null"
        elif element in self.keys:
            assert isinstance(value, list)
            for item in value:
                yield from self.faults(element, item, decimals)
        elif made_of in self.keys:
            assert isinstance(value, dict)
            yield from self.faults(made_of, value, decimals)
        elif made_of == "numeric":
            if _decimals(value) != decimals:
                yield f"{name} is {value}"
        elif value not in _vocabulary(comment, value):
            yield f"{name} is {value}"


def _vocabulary(comment: str, value: object) -> Sequence[object]:
    """Return the values that a comment lists; the value itself when it lists none."""
    listed = re.search(r"One of (`\w+`(?:,\s`\w+`)*)\.", comment)
    return re.findall(r"\w+", listed[1]) if listed else [value]


def _decimals(amount: object) -> int:
    return -int(amount.as_tuple().exponent) if isinstance(amount, Decimal) else 0


def life(db: Connection, catalogue: Document) -> Iterator[tuple[str, Document]]:
    """Make the calls in the life of three registrations, and yield their names and answers.

    With and without tickets, money and issues, as a call of `working_calls` has all of them.
    """
    one, two, free = (str(uuid4()) for _ in range(3))
    selections = {"p_function_id": FUNCTION, "p_selections": CHOSEN}
    attendees = wizard_registration(one, set(CHOSEN))

    def call(caller: Any, rpc: LiteralString, **arguments: object) -> tuple[str, Document]:  # noqa: ANN401
        return rpc, caller(db).call(rpc, **arguments)

    yield call(service, "import_catalogue", p_catalogue=catalogue)
    yield call(anonymous, "get_ticket_availability", p_function_id=FUNCTION)
    yield call(
        anonymous,
        "quote_ticket_selections",
        **selections,
        p_attendees=[attendees["primaryAttendee"], *attendees["additionalAttendees"]],
    )
    yield call(anonymous, "quote_ticket_selections", **selections)  # no attendee is known: issues
    yield call(
        owner,
        "create_individual_registration_jsonb",
        p_registration_data=wizard_registration(one, set(CHOSEN)),
    )
    yield call(owner, "get_registration", p_registration_id=one)
    yield call(
        owner, "persist_ticket_selections", p_registration_id=one, p_selections={INES: CHOSEN[INES]}
    )
    yield call(owner, "quote_ticket_selections", **selections, p_registration_id=one)
    yield call(
        owner,
        "persist_attendee_tickets",
        p_registration_id=one,
        p_tickets=tickets_of(CHOSEN),
        p_attendee_updates=updates_of(CHOSEN),
    )
    yield call(
        owner,
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_registration(two, set()),
        p_tickets=tickets_of(FREE),
        p_attendee_updates=updates_of(FREE),
    )
    yield call(
        owner,
        "create_individual_registration_jsonb",
        p_registration_data=wizard_registration(free, set()),
    )
    yield call(owner, "persist_ticket_selections", p_registration_id=free, p_selections=FREE)
    yield call(owner, "start_payment", p_registration_id=free)
    due = call(owner, "start_payment", p_registration_id=one)
    yield due
    paid = payment(due[1]["amount_due"], currency=due[1]["currency"])
    yield call(service, "complete_registration_payment", p_registration_id=one, p_payment=paid)
    walter = attendees["primaryAttendee"] | {"firstName": "Waldo"}
    yield call(service, "update_attendees", p_registration_id=one, p_attendees=[walter])
    ((ticket_id,),) = db.execute(
        "SELECT min(ticket_id::text) FROM ticketing.tickets WHERE registration_id = %s", [one]
    ).fetchall()
    named = {"ticket_id": ticket_id, "holder": {"firstName": "Olga", "lastName": "Brandt"}}
    yield call(service, "assign_tickets", p_registration_id=one, p_holders=[named])
    yield call(service, "cancel_registration", p_registration_id=one, p_reason="ill")
    yield call(service, "cancel_registration", p_registration_id=two)
    yield call(
        service, "record_refund", p_registration_id=one, p_refund=paid | {"reference": "refund-1"}
    )
    yield call(owner, "get_registration", p_registration_id=one)
    yield call(owner, "get_registration", p_registration_id=free)
    yield call(service, "get_ticket_changes")
    yield call(service, "get_ticket_changes", p_limit=1)
    yield call(service, "release_expired_holds")
    yield call(service, "repair_capacity")


def test_answers_are_what_their_types_say(connect: Connect, catalogue: Document) -> None:
    connection = connect(autocommit=True)
    set_stage(connection)
    documented = {row["rpc"]: row["type"] for row in rows(connection, DOCUMENTED)}
    calls = working_calls(connection)
    assert calls.keys() == documented.keys()
    types = Types(connection)
    made = list(life(connection, catalogue))
    for rpc, arguments in calls.items():
        with connection.transaction(force_rollback=True):
            texts = service(connection).rows(rpc, **arguments)
            made += [(rpc, checked(rpc, text)) for text in texts]
    assert faults(types, documented, made, 2) == []
    # the rest are the rows of check_integrity, issues, and the objects of the wizard
    assert types.keys.keys() - types.seen == {
        "integrity_problem",
        "issue",
        "selected_package",
        "selected_ticket",
    }


def test_answers_in_a_currency_without_decimals_are_what_their_types_say(
    connect: Connect, catalogue: Document
) -> None:
    connection = connect(autocommit=True)
    catalogue["function"]["currency"] = "JPY"
    documented = {row["rpc"]: row["type"] for row in rows(connection, DOCUMENTED)}
    made = list(life(connection, catalogue))
    assert faults(Types(connection), documented, made, 0) == []


def faults(
    types: Types, documented: Document, made: list[tuple[str, Document]], decimals: int
) -> list[str]:
    """Return in what answers are other than their types say."""
    return [
        fault for rpc, answer in made for fault in types.faults(documented[rpc], answer, decimals)
    ]


def test_check_integrity_rows_are_what_their_type_says(db: Connection) -> None:
    (row,) = rows(db, "SELECT proargnames FROM pg_proc WHERE proname = 'check_integrity'")
    assert row["proargnames"] == list(Types(db).keys["integrity_problem"])


def test_answer_types_describe_every_key(db: Connection) -> None:
    types = Types(db)
    assert len(types.keys) > 25
    missing = [
        (type_, key)
        for type_, keys in types.keys.items()
        for key in keys
        if not keys[key]["comment"]
    ]
    assert missing == []


def test_answer_types_find_a_wrong_answer(db: Connection) -> None:
    types = Types(db)
    answer = {
        "success": None,
        "registration_id": "",
        "status": "pending",
        "amount_due": Decimal("1.0"),
        "confirmation_number": None,
        "hold_expires_at": None,
        "server_time": "",
        "revision": 1,
        "total": 1,
    }
    assert list(types.faults("start_payment_answer", answer, 2)) == [
        "start_payment_answer has ['currency', 'total'] more or less",
        "start_payment_answer.success is null",
        "start_payment_answer.amount_due is 1.0",
        "start_payment_answer.currency is null",
    ]


@pytest.mark.parametrize(
    ("currency", "prices"),
    [("AUD", ["0.00", "20.00", "115.00"]), ("JPY", ["0", "20", "115"])],
    ids=["AUD", "JPY"],
)
def test_amounts_have_the_decimals_of_their_currency(
    currency: str, prices: list[str], event_db: Connection, catalogue: Document
) -> None:
    catalogue["function"]["currency"] = currency
    import_catalogue(event_db, catalogue)
    chosen = {WALTER: selection(tickets={COMMUNICATION: 1, CEREMONY: 1, BANQUET: 1})}
    registration_id = str(uuid4())
    answer = owner(event_db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_registration(registration_id, set()),
        p_tickets=tickets_of(chosen),
        p_attendee_updates=updates_of(chosen),
    )
    assert sorted((str(row["price_paid"]) for row in answer["tickets"]), key=float) == prices
    total = "135.00" if currency == "AUD" else "135"
    assert (str(answer["subtotal"]), str(answer["total"])) == (total, total)
    empty = owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections={WALTER: selection()},
    )
    assert str(empty["total"]) == prices[0]
    owner(event_db).call(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=FREE
    )
    due = owner(event_db).call("start_payment", p_registration_id=registration_id)
    assert (due["status"], str(due["amount_due"])) == ("completed", prices[0])


def test_amounts_are_never_rounded(db: Connection) -> None:
    scaled = rows(
        db,
        """
        SELECT ticketing_internal.scale_amount(amount, currency)::text AS amount
        FROM (VALUES
            (0, 'AUD'), (12.5, 'EUR'), (1500.00, 'JPY'), (0.00, 'KRW'), (100.50, 'JPY'),
            (NULL, 'JPY')
        ) AS given (amount, currency)
        """,
    )
    assert [row["amount"] for row in scaled] == ["0.00", "12.50", "1500", "0", "100.5", None]
