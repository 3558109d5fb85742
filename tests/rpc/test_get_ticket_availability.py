"""get_ticket_availability: what is on sale, and how many are left."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import psycopg
import pytest
from tests.support.bookings import book, import_catalogue, let_lapse, pay
from tests.support.caller import Caller, Connection, anonymous, owner, service, staff, stranger
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
    part,
    selection,
)
from tests.support.stored import dump

EARLIER = "2026-01-01T00:00:00+00:00"
LATER = "2099-01-01T00:00:00+00:00"


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


def test_availability_answers_all_that_the_selection_step_shows(
    event_db: Connection, catalogue: Document
) -> None:
    answer = availability(anonymous(event_db))
    assert datetime.fromisoformat(answer["server_time"])
    function = catalogue["function"]
    assert answer["function"] == {
        key: function.get(key)
        for key in ("function_id", "slug", "name", "timezone", "status", "selection_mode")
    } | {
        "starts_at": "2031-09-19T09:00:00+00:00",
        "ends_at": "2031-09-21T05:00:00+00:00",
        "registration_opens_at": None,
        "registration_closes_at": None,
        "changes_until": None,
        "refunds_until": None,
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
        "starts_at": "2031-09-19T09:00:00+00:00",
        "ends_at": "2031-09-19T11:00:00+00:00",
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
        "slug": None,
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
        "slug": None,
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


def test_availability_tells_until_when_what_is_paid_may_be_changed(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["function"] |= {
        "changes_until": "2031-09-10T12:00:00+10:00",
        "refunds_until": "2031-09-01T00:00:00.5-03:30",
    }
    import_catalogue(event_db, catalogue)
    function = availability(anonymous(event_db))["function"]
    assert (function["changes_until"], function["refunds_until"]) == (
        "2031-09-10T02:00:00+00:00",
        "2031-09-01T03:30:00.5+00:00",
    )


def test_availability_counts_packages_by_their_contents(event_db: Connection) -> None:
    assert on_offer(event_db) == {
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


def test_availability_leaves_out_what_is_held_or_sold(event_db: Connection) -> None:
    book(event_db, {WALTER: selection({ALL_EVENTS: 1}), TOMAS: selection(tickets={BANQUET: 1})})
    pay(event_db, book(event_db, {WALTER: selection(tickets={BANQUET: 1})}, STRANGER))
    left = on_offer(event_db)
    assert left[RECEPTION] == ("on_sale", 199)
    assert left[BANQUET] == ("on_sale", 477)
    # all of ten
    assert left[LODGE] == ("on_sale", 47)
    assert left[ALL_EVENTS] == ("on_sale", 149)
    events = {row["event_id"]: row["available"] for row in availability(owner(event_db))["events"]}
    assert events[EVENTS[BANQUET]] == 479
    assert events[EVENTS[BRUNCH]] == 100


def test_availability_is_that_of_the_smallest_pool(
    event_db: Connection, catalogue: Document
) -> None:
    # the event has less capacity than the type; a package pool has less still
    part(catalogue, EVENTS[BANQUET]).update(capacity=55)
    part(catalogue, LODGE).update(capacity=3)
    import_catalogue(event_db, catalogue)
    left = on_offer(event_db)
    assert left[BANQUET] == ("on_sale", 55)
    assert left[CEREMONY_AND_BANQUET] == ("on_sale", 55)
    assert left[LODGE] == ("on_sale", 3)
    part(catalogue, EVENTS[BANQUET]).update(capacity=29)
    import_catalogue(event_db, catalogue)
    assert on_offer(event_db)[LODGE] == ("on_sale", 2)


SHARED = "b0000000-0000-4000-8000-000000000001"


def test_availability_counts_a_shared_pool_for_all_that_draw_from_it(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["pools"] = [
        {
            "capacity_pool_id": SHARED,
            "name": "Coaches",
            "capacity": 12,
            "ticket_type_ids": [RECEPTION, CEREMONY, BANQUET],
            "package_ids": [MASONS],
        }
    ]
    import_catalogue(event_db, catalogue)
    left = on_offer(event_db)
    assert {left[type_][1] for type_ in (RECEPTION, CEREMONY, BANQUET)} == {12}
    # by two of its tickets and by itself; by three; by two; by ten
    assert [left[package][1] for package in (MASONS, ALL_EVENTS, LADIES, LODGE)] == [4, 4, 6, 1]
    assert left[COMMUNICATION][1] == 500

    book(event_db, {WALTER: selection({MASONS: 1})})
    left = on_offer(event_db)
    assert {left[type_][1] for type_ in (RECEPTION, CEREMONY, BANQUET)} == {9}
    assert [left[package][1] for package in (MASONS, ALL_EVENTS, LADIES, LODGE)] == [3, 3, 4, 0]
    assert left[LODGE] == ("sold_out", 0)


def test_availability_is_null_without_a_pool(event_db: Connection, catalogue: Document) -> None:
    for element_id in (
        *(EVENTS[type_] for type_ in (CEREMONY, BANQUET)),
        CEREMONY,
        BANQUET,
    ):
        part(catalogue, element_id).update(capacity=None)
    import_catalogue(event_db, catalogue)
    left = on_offer(event_db)
    assert {left[element] for element in (CEREMONY, BANQUET, CEREMONY_AND_BANQUET, LODGE)} == {
        ("on_sale", None)
    }
    # as often as what is limited in it
    assert left[LADIES] == ("on_sale", 100)
    assert {row["available"] for row in availability(anonymous(event_db))["events"]} == {
        None,
        200,
        100,
        500,
        150,
    }


# Statuses

WINDOWS: Mapping[str, tuple[Document, str]] = {
    "before the sale": ({"sale_starts_at": LATER}, "not_yet"),
    "after the sale": ({"sale_ends_at": EARLIER}, "ended"),
    "during the sale": ({"sale_starts_at": EARLIER, "sale_ends_at": LATER}, "on_sale"),
    "without capacity": ({"capacity": 0}, "sold_out"),
    "inactive": ({"is_active": False}, "inactive"),
    "inactive, without capacity and after the sale": (
        {"is_active": False, "capacity": 0, "sale_ends_at": EARLIER},
        "inactive",
    ),
    "before the sale and without capacity": ({"sale_starts_at": LATER, "capacity": 0}, "not_yet"),
    "after the sale and without capacity": ({"sale_ends_at": EARLIER, "capacity": 0}, "ended"),
}


@pytest.mark.parametrize(("window", "status"), WINDOWS.values(), ids=WINDOWS)
def test_availability_gives_packages_the_status_of_their_ticket_type(
    event_db: Connection, catalogue: Document, window: Document, status: str
) -> None:
    part(catalogue, BRUNCH).update(**window)
    import_catalogue(event_db, catalogue)
    now = {element: status_ for element, (status_, _) in on_offer(event_db).items()}
    assert (now[BRUNCH], now[LADIES]) == (status, status)
    assert (now[CEREMONY], now[MASONS]) == ("on_sale", "on_sale")


PACKAGE_WINDOWS: Mapping[str, tuple[Document, str]] = {
    "before the sale": ({"sale_starts_at": LATER}, "not_yet"),
    "after the sale": ({"sale_ends_at": EARLIER}, "ended"),
    "without capacity": ({"capacity": 0}, "sold_out"),
    "inactive": ({"is_active": False}, "inactive"),
}


@pytest.mark.parametrize(("window", "status"), PACKAGE_WINDOWS.values(), ids=PACKAGE_WINDOWS)
def test_availability_gives_a_package_a_status_of_its_own(
    event_db: Connection, catalogue: Document, window: Document, status: str
) -> None:
    part(catalogue, LADIES).update(**window)
    import_catalogue(event_db, catalogue)
    now = {element: status_ for element, (status_, _) in on_offer(event_db).items()}
    assert (now[LADIES], now[BRUNCH], now[MASONS]) == (status, "on_sale", "on_sale")


LIMITS: Mapping[str, tuple[Document, Document, str]] = {
    # of the ticket type and the package, which has three of the type
    "more than an attendee may hold": ({"max_per_attendee": 2}, {}, "inactive"),
    "more than a registration may hold": ({"max_per_registration": 2}, {}, "inactive"),
    "more in the fewest packages": (
        {"max_per_attendee": 5},
        {"min_per_attendee": 2},
        "inactive",
    ),
    "as many as allowed": ({"max_per_attendee": 3, "max_per_registration": 3}, {}, "on_sale"),
    "as many in the fewest packages": (
        {"max_per_attendee": 6},
        {"min_per_attendee": 2},
        "on_sale",
    ),
    "no maximum": ({}, {}, "on_sale"),
    "an inactive package": ({"max_per_attendee": 2}, {"is_active": False}, "inactive"),
}


@pytest.mark.parametrize(("ticket_type", "package", "status"), LIMITS.values(), ids=LIMITS)
def test_availability_is_inactive_for_a_package_that_breaks_a_maximum(
    event_db: Connection,
    catalogue: Document,
    ticket_type: Document,
    package: Document,
    status: str,
) -> None:
    part(catalogue, BRUNCH).update(ticket_type)
    part(catalogue, LADIES).update(package)
    for item in part(catalogue, LADIES)["items"]:
        item["quantity"] = 3 if item["ticket_type_id"] == BRUNCH else 1
    warnings = import_catalogue(event_db, catalogue)["warnings"]
    now = on_offer(event_db)
    assert (now[LADIES][0], now[BRUNCH][0]) == (status, "on_sale")
    # what is not meant to be sold needs no warning
    assert len(warnings) == (status == "inactive" and package.get("is_active", True))
    fewest = package.get("min_per_attendee", 1)
    quote = anonymous(event_db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections={WALTER: {"packages": [{"packageId": LADIES, "quantity": fewest}]}},
        p_attendees=[{"attendeeId": WALTER, "attendeeType": "guest"}],
    )
    assert quote["valid"] == (status == "on_sale"), quote["issues"]


def test_availability_gives_tickets_the_status_of_their_inactive_event(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, EVENTS[BRUNCH]).update(is_active=False)
    import_catalogue(event_db, catalogue)
    now = {element: status for element, (status, _) in on_offer(event_db).items()}
    assert (now[BRUNCH], now[LADIES], now[CEREMONY]) == ("inactive", "inactive", "on_sale")


OVER: Mapping[str, tuple[Document, Document, Document, str]] = {
    # of the ticket type, its event and the function
    "the event is over": ({}, {"ends_at": EARLIER}, {}, "ended"),
    "the event is over, the function is not": (
        {},
        {"ends_at": EARLIER},
        {"ends_at": LATER},
        "ended",
    ),
    "the function is over": ({}, {}, {"ends_at": EARLIER}, "ended"),
    "the function is over, the event is not": (
        {},
        {"ends_at": LATER},
        {"ends_at": EARLIER},
        "on_sale",
    ),
    "the sale goes on after the event": (
        {"sale_ends_at": LATER},
        {"ends_at": EARLIER},
        {"ends_at": EARLIER},
        "on_sale",
    ),
    "the sale ends before the event": (
        {"sale_ends_at": EARLIER},
        {"ends_at": LATER},
        {"ends_at": LATER},
        "ended",
    ),
    "no end is known": ({}, {}, {}, "on_sale"),
    "the event is over and the ticket type inactive": (
        {"is_active": False},
        {"ends_at": EARLIER},
        {},
        "inactive",
    ),
}


@pytest.mark.parametrize(("ticket_type", "event", "function", "status"), OVER.values(), ids=OVER)
def test_availability_ends_with_the_event(  # noqa: PLR0917 - one table
    event_db: Connection,
    catalogue: Document,
    ticket_type: Document,
    event: Document,
    function: Document,
    status: str,
) -> None:
    catalogue["function"] |= {"starts_at": None, "ends_at": None} | function
    part(catalogue, EVENTS[BRUNCH]).update({"starts_at": None, "ends_at": None} | event)
    part(catalogue, BRUNCH).update(ticket_type)
    import_catalogue(event_db, catalogue)
    now = {element: status for element, (status, _) in on_offer(event_db).items()}
    # the package ends with the first of its ticket types
    assert (now[BRUNCH], now[LADIES]) == (status, status)
    assert now[CEREMONY] == "on_sale"


def test_availability_of_a_package_ended_does_not_begin_again(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, EVENTS[BRUNCH]).update(starts_at=None, ends_at=EARLIER)
    part(catalogue, CEREMONY).update(sale_starts_at=LATER, sale_ends_at=None)
    part(catalogue, EVENTS[CEREMONY]).update(starts_at=None, ends_at=None)
    import_catalogue(event_db, catalogue)
    assert on_offer(event_db)[LADIES][0] == "ended"
    assert on_offer(event_db)[MASONS][0] == "not_yet"


FUNCTIONS: Mapping[str, tuple[Document, str]] = {
    "closed": ({"status": "closed"}, "ended"),
    "before registration opens": ({"registration_opens_at": LATER}, "not_yet"),
    "after registration closes": ({"registration_closes_at": EARLIER}, "ended"),
    "while registration is open": (
        {"registration_opens_at": EARLIER, "registration_closes_at": LATER},
        "on_sale",
    ),
}


@pytest.mark.parametrize(("function", "status"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_availability_gives_everything_the_status_of_the_function(
    event_db: Connection, catalogue: Document, function: Document, status: str
) -> None:
    catalogue["function"] |= function
    for type_ in (
        MEZZANINE,
        "c3d4e5f6-a7b8-4923-cdef-345678901234",
        "a1b2c3d4-e5f6-4789-abcd-ef1234567890",
    ):
        part(catalogue, type_).update(is_active=True)
    import_catalogue(event_db, catalogue)
    assert {status_ for status_, _ in on_offer(event_db).values()} == {status}


# One's own


def test_availability_counts_ones_own_held_tickets_as_free(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, CEREMONY).update(capacity=3)
    import_catalogue(event_db, catalogue)
    mine = book(event_db, {WALTER: selection(tickets={CEREMONY: 2})})
    book(event_db, {WALTER: selection({CEREMONY_AND_BANQUET: 1})}, STRANGER)
    wanted = (CEREMONY, CEREMONY_AND_BANQUET)
    assert [on_offer(event_db)[element] for element in wanted] == [("sold_out", 0)] * 2
    for caller in (owner(event_db), staff(event_db), service(event_db)):
        left = offers(availability(caller, mine))
        assert [left[element] for element in wanted] == [("on_sale", 2)] * 2

    # overdue they are free to all callers, and counted once
    let_lapse(event_db, mine)
    assert on_offer(event_db)[CEREMONY] == ("on_sale", 2)
    assert offers(availability(owner(event_db), mine))[CEREMONY] == ("on_sale", 2)
    service(event_db).call("release_expired_holds")
    assert offers(availability(owner(event_db), mine))[CEREMONY] == ("on_sale", 2)


def test_availability_does_not_count_ones_own_paid_tickets_as_free(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, CEREMONY).update(capacity=3)
    import_catalogue(event_db, catalogue)
    mine = book(event_db, {WALTER: selection(tickets={CEREMONY: 2})})
    pay(event_db, mine)
    assert offers(availability(owner(event_db), mine))[CEREMONY] == ("on_sale", 1)


def test_availability_with_a_strangers_registration_is_not_found(event_db: Connection) -> None:
    mine = book(event_db, {WALTER: selection(tickets={CEREMONY: 2})})
    arguments: Document = {"p_function_id": FUNCTION, "p_registration_id": mine}
    for caller in (stranger(event_db), anonymous(event_db)):
        refusal = caller.refusal("get_ticket_availability", **arguments)
        assert refusal.sqlstate == "TK002"
        assert refusal.found == [("registration_not_found", "p_registration_id")]
    refusal = owner(event_db).refusal(
        "get_ticket_availability", p_function_id=ABSENT, p_registration_id=mine
    )
    assert refusal.sqlstate == "TK002"


# Who may look


def test_availability_of_a_draft_is_for_staff_and_the_service(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["function"]["status"] = "draft"
    import_catalogue(event_db, catalogue)
    for caller in (anonymous(event_db), owner(event_db), stranger(event_db)):
        refusal = caller.refusal("get_ticket_availability", p_function_id=FUNCTION)
        assert refusal.sqlstate == "TK008"
        assert refusal.found == [("function_not_found", "p_function_id")]
    for caller in (staff(event_db), service(event_db)):
        assert {status for status, _ in offers(availability(caller)).values()} == {"inactive"}


def test_availability_of_an_absent_function_is_refused_like_a_draft(event_db: Connection) -> None:
    for function_id in (ABSENT, None):
        refusal = anonymous(event_db).refusal("get_ticket_availability", p_function_id=function_id)
        assert refusal.sqlstate == "TK008"
        assert refusal.found == [("function_not_found", "p_function_id")]


def test_availability_writes_nothing(event_db: Connection) -> None:
    mine = book(event_db, {WALTER: selection(tickets={CEREMONY: 2})})
    let_lapse(event_db, mine)
    before = dump(event_db)
    with event_db.transaction():
        event_db.execute("SET TRANSACTION READ ONLY")
        availability(owner(event_db), mine)
    assert dump(event_db) == before


def test_availability_is_denied_to_other_roles(event_db: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        availability(Caller(event_db, "ticketing_reader"))
