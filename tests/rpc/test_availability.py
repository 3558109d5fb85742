"""What the public page of an event shows: what is on sale, and how many are left."""

from datetime import datetime
from decimal import Decimal

import psycopg
import pytest
from tests.support.bookings import (
    book,
    let_lapse,
    pay,
)
from tests.support.caller import (
    Caller,
    Connection,
    anonymous,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    BRUNCH,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    COMMUNICATION,
    CONTENTS,
    EVENTS,
    FUNCTION,
    LADIES,
    LODGE,
    LUNCHEON,
    MASONS,
    MEZZANINE,
    RECEPTION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    selection,
)
from tests.support.stored import (
    dump,
)

EARLIER = "2026-01-01T00:00:00+00:00"
LATER = "2099-01-01T00:00:00+00:00"

SHARED = "b0000000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def on_sale(db: Connection, catalogue: Document) -> None:
    """Put the example event on sale."""
    service(db).call("import_catalogue", p_catalogue=catalogue)


def change(catalogue: Document, element_id: str, **values: object) -> None:
    """Change an event, a ticket type or a package of a catalogue."""
    (element,) = (
        element
        for section, key in (
            ("events", "event_id"),
            ("ticket_types", "ticket_type_id"),
            ("packages", "package_id"),
        )
        for element in catalogue[section]
        if element[key] == element_id
    )
    element |= values


def sell(db: Connection, catalogue: Document) -> None:
    """Import a changed catalogue."""
    service(db).call("import_catalogue", p_catalogue=catalogue)


def availability(caller: Caller, registration_id: str | None = None) -> Document:
    """Return what is answered about the example event."""
    return caller.call(
        "get_ticket_availability", p_function_id=FUNCTION, p_registration_id=registration_id
    )


def offers(answer: Document) -> dict[str, tuple[str, int | None]]:
    """Return status and capacity left of every ticket type and package, by id."""
    return {
        element[key]: (element["status"], element["available"])
        for section, key in (("ticket_types", "ticket_type_id"), ("packages", "package_id"))
        for element in answer[section]
    }


def on_offer(db: Connection) -> dict[str, tuple[str, int | None]]:
    """Return status and capacity left of everything, as a visitor sees them."""
    return offers(availability(anonymous(db)))


# What is answered


def test_one_call_draws_the_selection_step(db: Connection, catalogue: Document) -> None:
    answer = availability(anonymous(db))
    assert datetime.fromisoformat(answer["server_time"])
    function = catalogue["function"]
    assert answer["function"] == {
        key: function.get(key)
        for key in ("function_id", "slug", "name", "timezone", "status", "selection_mode")
    } | {
        "starts_at": "2025-09-19T09:00:00+00:00",
        "ends_at": "2025-09-21T05:00:00+00:00",
        "registration_opens_at": None,
        "registration_closes_at": None,
    }
    assert answer["currency"] == "AUD"
    assert [(event["slug"], event["available"]) for event in answer["events"]] == [
        ("welcome-reception", 200),
        ("ladies-brunch", 100),
        ("september-quarterly-communication", 500),
        ("grand-proclamation-ceremony", 600),
        ("grand-proclamation-gala-dinner", 482),
        ("farewell-lunch", 150),
    ]
    assert answer["events"][0] == {
        "event_id": EVENTS[RECEPTION],
        "slug": "welcome-reception",
        "title": "Meet & Greet Cocktail Party",
        "starts_at": "2025-09-19T09:00:00+00:00",
        "ends_at": "2025-09-19T11:00:00+00:00",
        "is_active": True,
        "available": 200,
    }
    assert {row["ticket_type_id"]: row["event_id"] for row in answer["ticket_types"]} == {
        row["ticket_type_id"]: row["event_id"] for row in catalogue["ticket_types"]
    }
    (communication,) = (
        row for row in answer["ticket_types"] if row["ticket_type_id"] == COMMUNICATION
    )
    assert communication == {
        "ticket_type_id": COMMUNICATION,
        "event_id": EVENTS[COMMUNICATION],
        "name": "Quarterly Communication",
        "description": None,
        "price": Decimal("0.00"),
        "sale_starts_at": None,
        "sale_ends_at": None,
        "min_per_attendee": 0,
        "max_per_attendee": None,
        "max_per_registration": None,
        "eligibility": catalogue["ticket_types"][1]["eligibility"],
        "available": 500,
        "status": "on_sale",
    }
    (ladies,) = (row for row in answer["packages"] if row["package_id"] == LADIES)
    assert ladies == {
        "package_id": LADIES,
        "name": "Ladies Brunch, Ceremony & Banquet",
        "description": None,
        "price": Decimal("185.00"),
        "registration_types": ["individuals"],
        "sale_starts_at": None,
        "sale_ends_at": None,
        "min_per_attendee": 0,
        "max_per_attendee": None,
        "max_per_registration": None,
        "eligibility": catalogue["packages"][4]["eligibility"],
        # in the order of their events
        "items": [{"ticket_type_id": type_, "quantity": 1} for type_ in CONTENTS[LADIES]],
        "available": 100,
        "status": "on_sale",
    }


def test_a_package_is_left_as_often_as_all_its_contents_are(db: Connection) -> None:
    assert on_offer(db) == {
        RECEPTION: ("on_sale", 200),
        COMMUNICATION: ("on_sale", 500),
        CEREMONY: ("on_sale", 600),
        BANQUET: ("on_sale", 480),
        "c3d4e5f6-a7b8-4923-cdef-345678901234": ("inactive", 30),
        "a1b2c3d4-e5f6-4789-abcd-ef1234567890": ("inactive", 102),
        MEZZANINE: ("inactive", 30),
        BRUNCH: ("on_sale", 100),
        LUNCHEON: ("on_sale", 150),
        MASONS: ("on_sale", 480),
        CEREMONY_AND_BANQUET: ("on_sale", 480),
        # ten tickets each
        LODGE: ("on_sale", 48),
        ALL_EVENTS: ("on_sale", 150),
        LADIES: ("on_sale", 100),
    }


def test_what_is_held_or_sold_is_not_left(db: Connection) -> None:
    book(db, {WALTER: selection({ALL_EVENTS: 1}), TOMAS: selection(tickets={BANQUET: 1})})
    pay(db, book(db, {WALTER: selection(tickets={BANQUET: 1})}, STRANGER))
    left = on_offer(db)
    assert left[RECEPTION] == ("on_sale", 199)
    assert left[BANQUET] == ("on_sale", 477)
    # all of ten
    assert left[LODGE] == ("on_sale", 47)
    assert left[ALL_EVENTS] == ("on_sale", 149)
    events = {row["event_id"]: row["available"] for row in availability(owner(db))["events"]}
    assert events[EVENTS[BANQUET]] == 479
    assert events[EVENTS[BRUNCH]] == 100


def test_the_smallest_pool_decides(db: Connection, catalogue: Document) -> None:
    # the event has less capacity than the type; a package pool has less still
    change(catalogue, EVENTS[BANQUET], capacity=55)
    change(catalogue, LODGE, capacity=3)
    sell(db, catalogue)
    left = on_offer(db)
    assert left[BANQUET] == ("on_sale", 55)
    assert left[CEREMONY_AND_BANQUET] == ("on_sale", 55)
    assert left[LODGE] == ("on_sale", 3)
    change(catalogue, EVENTS[BANQUET], capacity=29)
    sell(db, catalogue)
    assert on_offer(db)[LODGE] == ("on_sale", 2)


def test_a_shared_pool_is_drawn_from_on_all_ways(db: Connection, catalogue: Document) -> None:
    catalogue["pools"] = [
        {
            "capacity_pool_id": SHARED,
            "name": "Coaches",
            "capacity": 12,
            "ticket_type_ids": [RECEPTION, CEREMONY, BANQUET],
            "package_ids": [MASONS],
        }
    ]
    sell(db, catalogue)
    left = on_offer(db)
    assert {left[type_][1] for type_ in (RECEPTION, CEREMONY, BANQUET)} == {12}
    # by two of its tickets and by itself; by three; by two; by ten
    assert [left[package][1] for package in (MASONS, ALL_EVENTS, LADIES, LODGE)] == [4, 4, 6, 1]
    assert left[COMMUNICATION][1] == 500

    book(db, {WALTER: selection({MASONS: 1})})
    left = on_offer(db)
    assert {left[type_][1] for type_ in (RECEPTION, CEREMONY, BANQUET)} == {9}
    assert [left[package][1] for package in (MASONS, ALL_EVENTS, LADIES, LODGE)] == [3, 3, 4, 0]
    assert left[LODGE] == ("sold_out", 0)


def test_what_has_no_pool_is_unlimited(db: Connection, catalogue: Document) -> None:
    for element_id in (
        *(EVENTS[type_] for type_ in (CEREMONY, BANQUET)),
        CEREMONY,
        BANQUET,
    ):
        change(catalogue, element_id, capacity=None)
    sell(db, catalogue)
    left = on_offer(db)
    assert {left[element] for element in (CEREMONY, BANQUET, CEREMONY_AND_BANQUET, LODGE)} == {
        ("on_sale", None)
    }
    # as often as what is limited in it
    assert left[LADIES] == ("on_sale", 100)
    assert {row["available"] for row in availability(anonymous(db))["events"]} == {
        None,
        200,
        100,
        500,
        150,
    }


# Statuses


@pytest.mark.parametrize(
    ("window", "status"),
    [
        ({"sale_starts_at": LATER}, "not_yet"),
        ({"sale_ends_at": EARLIER}, "ended"),
        ({"sale_starts_at": EARLIER, "sale_ends_at": LATER}, "on_sale"),
        ({"capacity": 0}, "sold_out"),
        ({"is_active": False}, "inactive"),
        ({"is_active": False, "capacity": 0, "sale_ends_at": EARLIER}, "inactive"),
        ({"sale_starts_at": LATER, "capacity": 0}, "not_yet"),
        ({"sale_ends_at": EARLIER, "capacity": 0}, "ended"),
    ],
)
def test_a_ticket_type_and_what_it_is_in_have_a_status(
    db: Connection, catalogue: Document, window: Document, status: str
) -> None:
    change(catalogue, BRUNCH, **window)
    sell(db, catalogue)
    now = {element: status_ for element, (status_, _) in on_offer(db).items()}
    assert (now[BRUNCH], now[LADIES]) == (status, status)
    assert (now[CEREMONY], now[MASONS]) == ("on_sale", "on_sale")


@pytest.mark.parametrize(
    ("window", "status"),
    [
        ({"sale_starts_at": LATER}, "not_yet"),
        ({"sale_ends_at": EARLIER}, "ended"),
        ({"capacity": 0}, "sold_out"),
        ({"is_active": False}, "inactive"),
    ],
)
def test_a_package_has_a_status_of_its_own(
    db: Connection, catalogue: Document, window: Document, status: str
) -> None:
    change(catalogue, LADIES, **window)
    sell(db, catalogue)
    now = {element: status_ for element, (status_, _) in on_offer(db).items()}
    assert (now[LADIES], now[BRUNCH], now[MASONS]) == (status, "on_sale", "on_sale")


def test_an_event_that_is_off_takes_its_tickets_along(db: Connection, catalogue: Document) -> None:
    change(catalogue, EVENTS[BRUNCH], is_active=False)
    sell(db, catalogue)
    now = {element: status for element, (status, _) in on_offer(db).items()}
    assert (now[BRUNCH], now[LADIES], now[CEREMONY]) == ("inactive", "inactive", "on_sale")


@pytest.mark.parametrize(
    ("function", "status"),
    [
        ({"status": "closed"}, "ended"),
        ({"registration_opens_at": LATER}, "not_yet"),
        ({"registration_closes_at": EARLIER}, "ended"),
        ({"registration_opens_at": EARLIER, "registration_closes_at": LATER}, "on_sale"),
    ],
)
def test_the_function_as_a_whole_comes_first(
    db: Connection, catalogue: Document, function: Document, status: str
) -> None:
    catalogue["function"] |= function
    for type_ in (
        MEZZANINE,
        "c3d4e5f6-a7b8-4923-cdef-345678901234",
        "a1b2c3d4-e5f6-4789-abcd-ef1234567890",
    ):
        change(catalogue, type_, is_active=True)
    sell(db, catalogue)
    assert {status_ for status_, _ in on_offer(db).values()} == {status}


def test_what_is_on_sale_can_be_bought(db: Connection, catalogue: Document) -> None:
    # the page and the quote agree, at the last tickets too
    change(catalogue, CEREMONY, capacity=2)
    sell(db, catalogue)
    for quantity, is_valid in ((2, True), (3, False)):
        quote = anonymous(db).call(
            "quote_ticket_selections",
            p_function_id=FUNCTION,
            p_selections={WALTER: selection({CEREMONY_AND_BANQUET: quantity})},
            p_attendees=[{"attendeeId": WALTER, "attendeeType": "guest"}],
        )
        assert quote["valid"] is is_valid
        assert (quantity <= (on_offer(db)[CEREMONY_AND_BANQUET][1] or 0)) is is_valid


# One's own


def test_capacity_of_ones_own_registration_counts_as_free(
    db: Connection, catalogue: Document
) -> None:
    change(catalogue, CEREMONY, capacity=3)
    sell(db, catalogue)
    mine = book(db, {WALTER: selection(tickets={CEREMONY: 2})})
    book(db, {WALTER: selection({CEREMONY_AND_BANQUET: 1})}, STRANGER)
    wanted = (CEREMONY, CEREMONY_AND_BANQUET)
    assert [on_offer(db)[element] for element in wanted] == [("sold_out", 0)] * 2
    for caller in (owner(db), staff(db), service(db)):
        left = offers(availability(caller, mine))
        assert [left[element] for element in wanted] == [("on_sale", 2)] * 2

    # overdue they are free to all callers, and counted once
    let_lapse(db, mine)
    assert on_offer(db)[CEREMONY] == ("on_sale", 2)
    assert offers(availability(owner(db), mine))[CEREMONY] == ("on_sale", 2)
    service(db).call("release_expired_holds")
    assert offers(availability(owner(db), mine))[CEREMONY] == ("on_sale", 2)


def test_what_is_paid_is_not_free_to_its_owner(db: Connection, catalogue: Document) -> None:
    change(catalogue, CEREMONY, capacity=3)
    sell(db, catalogue)
    mine = book(db, {WALTER: selection(tickets={CEREMONY: 2})})
    pay(db, mine)
    assert offers(availability(owner(db), mine))[CEREMONY] == ("on_sale", 1)


def test_a_strangers_registration_is_not_there(db: Connection) -> None:
    mine = book(db, {WALTER: selection(tickets={CEREMONY: 2})})
    arguments: Document = {"p_function_id": FUNCTION, "p_registration_id": mine}
    for caller in (stranger(db), anonymous(db)):
        refusal = caller.refusal("get_ticket_availability", **arguments)
        assert refusal.sqlstate == "TK002"
        assert refusal.found == [("registration_not_found", "p_registration_id")]
    refusal = owner(db).refusal(
        "get_ticket_availability", p_function_id=ABSENT, p_registration_id=mine
    )
    assert refusal.sqlstate == "TK002"


# Who may look


def test_a_draft_is_for_those_who_work_on_it(db: Connection, catalogue: Document) -> None:
    catalogue["function"]["status"] = "draft"
    sell(db, catalogue)
    for caller in (anonymous(db), owner(db), stranger(db)):
        refusal = caller.refusal("get_ticket_availability", p_function_id=FUNCTION)
        assert refusal.sqlstate == "TK008"
        assert refusal.found == [("function_not_found", "p_function_id")]
    for caller in (staff(db), service(db)):
        assert {status for status, _ in offers(availability(caller)).values()} == {"inactive"}


def test_what_does_not_exist_looks_like_a_draft(db: Connection) -> None:
    for function_id in (ABSENT, None):
        refusal = anonymous(db).refusal("get_ticket_availability", p_function_id=function_id)
        assert refusal.sqlstate == "TK008"
        assert refusal.found == [("function_not_found", "p_function_id")]


def test_looking_writes_nothing(db: Connection) -> None:
    mine = book(db, {WALTER: selection(tickets={CEREMONY: 2})})
    let_lapse(db, mine)
    before = dump(db)
    with db.transaction():
        db.execute("SET TRANSACTION READ ONLY")
        availability(owner(db), mine)
    assert dump(db) == before


def test_no_other_role_may_call_it(db: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        availability(Caller(db, "ticketing_reader"))
