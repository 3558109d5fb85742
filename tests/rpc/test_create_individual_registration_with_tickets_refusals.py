"""What create_individual_registration_with_tickets refuses."""

from collections.abc import Mapping

import pytest
from tests.support.bookings import create
from tests.support.caller import JSON_NULL, Caller, Connection, owner, service
from tests.support.example import (
    ABSENT,
    BRUNCH,
    CEREMONY,
    FUNCTION,
    INES,
    NEWCOMER,
    OWNER,
    REGISTRATION,
    TOMAS,
    WALTER,
    Document,
    other_id,
    selection,
    ticket,
    updates_of,
)
from tests.support.refusals import (
    BAD_CAPACITY,
    BAD_REVISION,
    BAD_RULE,
    BAD_SHAPE,
    COMPLETED,
    STRANGERS,
    Shop,
)

DIGITS = int("1" * 32)
"""A number whose digits PostgreSQL would read as a UUID."""


def refused(caller: Caller, registration: object, **arguments: object) -> list[tuple[str, str]]:
    """Return the issues of a creation that the payload must not get through."""
    refusal = caller.refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        **arguments,
    )
    assert refusal.sqlstate == "TK001"
    return refusal.found


# Shapes

SHAPES: Mapping[str, tuple[str, object, list[str]]] = {
    "functionId absent": ("functionId", ..., ["missing_key functionId"]),
    "functionId null": ("functionId", None, ["missing_key functionId"]),
    "functionId in words": ("functionId", "x", ["invalid_value functionId"]),
    "functionId as a number": ("functionId", 1, ["invalid_type functionId"]),
    "functionId of digits": ("functionId", DIGITS, ["invalid_value functionId"]),
    "registrationId in words": ("registrationId", "x", ["invalid_value registrationId"]),
    "registrationId as a number": ("registrationId", 1, ["invalid_type registrationId"]),
    "registrationId of digits": ("registrationId", DIGITS, ["invalid_value registrationId"]),
    "registrationType unknown": ("registrationType", "party", ["invalid_value registrationType"]),
    "registrationType as an array": (
        "registrationType",
        ["lodge"],
        ["invalid_type registrationType"],
    ),
    "authUserId as a number": ("authUserId", 7, ["invalid_type authUserId"]),
    "authUserId of digits": ("authUserId", DIGITS, ["invalid_value authUserId"]),
    "authUserId in words": ("authUserId", "x", ["invalid_value authUserId"]),
    "subtotal in words": ("subtotal", "a lot", ["invalid_value subtotal"]),
    "subtotal NaN": ("subtotal", "NaN", ["invalid_value subtotal"]),
    "subtotal with a minus in a string": ("subtotal", "-1", ["invalid_value subtotal"]),
    "subtotal with a minus": ("subtotal", -1, ["invalid_value subtotal"]),
    "subtotal 1e400": ("subtotal", 10**400, ["invalid_value subtotal"]),
    "subtotal true": ("subtotal", True, ["invalid_type subtotal"]),
    "subtotal as an array": ("subtotal", [], ["invalid_type subtotal"]),
    "primaryAttendee absent": ("primaryAttendee", ..., ["missing_key primaryAttendee"]),
    "primaryAttendee null": ("primaryAttendee", None, ["missing_key primaryAttendee"]),
    "primaryAttendee as an array": ("primaryAttendee", [], ["invalid_type primaryAttendee"]),
    "primaryAttendee empty": (
        "primaryAttendee",
        {},
        [
            "missing_key primaryAttendee.attendeeId",
            "missing_key primaryAttendee.attendeeType",
        ],
    ),
    "additionalAttendees as an object": (
        "additionalAttendees",
        {},
        ["invalid_type additionalAttendees"],
    ),
    "additionalAttendees with null": (
        "additionalAttendees",
        [None],
        ["invalid_type additionalAttendees[0]"],
    ),
    "additionalAttendees with four faults": (
        "additionalAttendees",
        [{"attendeeId": "x", "attendeeType": "", "firstName": 1, "isPrimary": "yes"}],
        [
            "invalid_type additionalAttendees[0].firstName",
            "invalid_type additionalAttendees[0].isPrimary",
            "invalid_value additionalAttendees[0].attendeeId",
            "invalid_value additionalAttendees[0].attendeeType",
        ],
    ),
    "additionalAttendees of 500": (
        "additionalAttendees",
        [{"attendeeId": TOMAS, "attendeeType": "guest"}] * 500,
        ["too_large additionalAttendees"],
    ),
    "billingDetails as an array": ("billingDetails", [], ["invalid_type billingDetails"]),
    "billingDetails with a number for a name": (
        "billingDetails",
        {"firstName": 1},
        ["invalid_type billingDetails.firstName"],
    ),
}


@pytest.mark.parametrize(("path", "value", "issues"), SHAPES.values(), ids=SHAPES)
def test_create_refuses_a_registration_object_of_another_shape(
    event_db: Connection, registration: Document, path: str, value: object, issues: list[str]
) -> None:
    if value is ...:
        del registration[path]
    else:
        registration[path] = value
    assert refused(owner(event_db), registration) == sorted(
        (code, f"p_registration_data.{where}")
        for code, where in (issue.split(" ") for issue in issues)
    )


ATTENDEE_SHAPES: Mapping[str, tuple[object, str]] = {
    "attendeeId": (DIGITS, "invalid_value"),
    "attendeeId in words": ("x", "invalid_value"),
    "attendeeType": ("", "invalid_value"),
    "attendeeType of one space": (" ", "invalid_value"),
    "attendeeType with a space before it": (" guest", "invalid_value"),
    "attendeeType with a space behind it": ("guest ", "invalid_value"),
    "attendeeType of two words": ("guest mason", "invalid_value"),
    "attendeeType of two lines": ("guest\n", "invalid_value"),
    "attendeeType without end": ("g" * 51, "invalid_value"),
    "attendeeType as a number": (5, "invalid_type"),
    "attendeeType as a flag": (True, "invalid_type"),
    "attendeeType as an array": (["guest"], "invalid_type"),
    "attendeeType as an object": ({}, "invalid_type"),
    "isPrimary": ("true", "invalid_type"),
    "title": (1, "invalid_type"),
    "firstName": ([], "invalid_type"),
    "lastName": ({}, "invalid_type"),
    "primaryEmail": (False, "invalid_type"),
    "primaryPhone": (0, "invalid_type"),
    "partner": (DIGITS, "invalid_value"),
    "partner in words": ("Walter", "invalid_value"),
    "partnerOf": (DIGITS, "invalid_value"),
    "partnerOf in words": ("", "invalid_value"),
    "guestOfId": (DIGITS, "invalid_value"),
    "guestOfId in words": ("x", "invalid_value"),
}
"""What is wrong with one key of an attendee, and its issue."""


@pytest.mark.parametrize("order", ["only", "first", "last"])
@pytest.mark.parametrize("name", ATTENDEE_SHAPES)
def test_create_and_quote_refuse_an_attendee_of_another_shape(
    event_db: Connection, registration: Document, name: str, order: str
) -> None:
    value, code = ATTENDEE_SHAPES[name]
    key = name.split(maxsplit=1)[0]
    right: Document = {"attendeeId": TOMAS, "attendeeType": "guest"}
    wrong: Document = {"attendeeId": WALTER, "attendeeType": "guest"} | {key: value}
    attendees = {"only": [wrong], "first": [wrong, right], "last": [right, wrong]}[order]
    position = attendees.index(wrong)
    registration |= {"primaryAttendee": attendees[0], "additionalAttendees": attendees[1:]}
    where = f"additionalAttendees[{position - 1}]" if position else "primaryAttendee"
    assert refused(owner(event_db), registration) == [(code, f"p_registration_data.{where}.{key}")]
    quote = owner(event_db).refusal(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections={},
        p_attendees=attendees,
    )
    assert (quote.sqlstate, quote.found) == ("TK001", [(code, f"p_attendees[{position}].{key}")])


NO_OBJECTS: Mapping[str, tuple[object, str]] = {
    "null of SQL": (None, "missing_key"),
    "null of JSON": (JSON_NULL, "missing_key"),
    "an array": ([], "invalid_type"),
    "a string": ("x", "invalid_type"),
    "a number": (7, "invalid_type"),
    "true": (True, "invalid_type"),
}


@pytest.mark.parametrize(("value", "issue"), NO_OBJECTS.values(), ids=NO_OBJECTS)
@pytest.mark.parametrize("is_service", [True, False])
def test_create_refuses_what_is_no_registration_object(
    event_db: Connection, value: object, issue: str, *, is_service: bool
) -> None:
    caller = service(event_db) if is_service else owner(event_db)
    assert refused(caller, value) == [(issue, "p_registration_data")]


def test_create_refuses_a_registration_object_of_10_mb(
    event_db: Connection, registration: Document
) -> None:
    registration["notes"] = "x" * 10_000_000
    assert refused(owner(event_db), registration) == [("too_large", "p_registration_data")]
    registration["notes"] = "x" * 900_000
    answer = create(owner(event_db), registration)
    assert answer["tickets_created"] == 13


@pytest.mark.parametrize("type_", ["lodge", "lodges", "delegation", "delegations"])
def test_create_refuses_a_lodge_without_a_contact(
    event_db: Connection, registration: Document, type_: str
) -> None:
    del registration["primaryAttendee"], registration["billingDetails"]
    registration["registrationType"] = type_
    assert refused(owner(event_db), registration) == [
        ("missing_key", "p_registration_data.billingDetails")
    ]


@pytest.mark.parametrize("absent", [None, ...], ids=["null", "absent"])
def test_create_of_the_service_is_refused_without_a_user(
    event_db: Connection, registration: Document, absent: object
) -> None:
    if absent is None:
        registration["authUserId"] = None
    else:
        del registration["authUserId"]
    assert refused(service(event_db), registration) == [
        ("missing_key", "p_registration_data.authUserId")
    ]


def test_create_raises_issues_of_all_arguments_together(
    event_db: Connection, registration: Document
) -> None:
    registration["primaryAttendee"]["attendeeType"] = 1
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[{}, 5],
        p_attendee_updates=[{"attendee_id": TOMAS, "selected_tickets": []}],
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [
        ("invalid_type", "p_attendee_updates[0].selected_tickets"),
        ("invalid_type", "p_registration_data.primaryAttendee.attendeeType"),
        ("invalid_type", "p_tickets[1]"),
        ("missing_key", "p_tickets[0].attendee_id"),
        ("missing_key", "p_tickets[0].event_id"),
        ("missing_key", "p_tickets[0].ticket_type_id"),
    ]


# Rules


def test_create_of_a_selection_names_the_call_for_it(event_db: Connection) -> None:
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data={"functionId": FUNCTION},
        p_tickets={WALTER: {"individualTickets": [{"ticketId": BRUNCH, "quantity": 1}]}},
    )
    (message,) = (issue["message"] for issue in refusal.issues if issue["path"] == "p_tickets")
    assert "(a selection is for persist_ticket_selections), not object." in message


def test_function_not_published_names_the_first_argument_that_selects(
    event_db: Connection, registration: Document
) -> None:
    # Walter, who comes first, is named only by tickets.
    event_db.execute("UPDATE ticketing.functions SET status = 'closed'")
    refusal = service(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(WALTER, CEREMONY), ticket(TOMAS, CEREMONY)],
        p_attendee_updates=updates_of({TOMAS: selection(tickets={CEREMONY: 1})}),
    )
    assert refusal.found == [("function_not_published", "p_attendee_updates")]


def test_attendee_not_found_is_raised_for_attendees_not_in_the_registration(
    event_db: Connection, registration: Document
) -> None:
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=registration,
        p_tickets=[ticket(TOMAS, CEREMONY), ticket(NEWCOMER, CEREMONY)],
        p_attendee_updates=updates_of({ABSENT: selection()}),
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("attendee_not_found", "p_attendee_updates[0].attendee_id"),
        ("attendee_not_found", "p_tickets[1].attendee_id"),
    ]


def test_sold_out_is_raised_for_a_new_registration(shop: Shop) -> None:
    refusal = shop.refused(
        "create_individual_registration_with_tickets",
        {
            "p_registration_data": shop.wizard,
            "p_tickets": [ticket(attendee, BRUNCH) for attendee in (WALTER, INES, TOMAS)],
        },
    )
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["requested"], issue["available"]) == (3, 2)


# Several classes

CLASSES: Mapping[str, tuple[str | None, Document, Mapping[str, object], str]] = {
    "no user before a bad shape": (None, {"functionId": ABSENT}, BAD_SHAPE, "42501"),
    "no function before a bad shape": (
        OWNER,
        {"functionId": ABSENT, "registrationId": STRANGERS},
        BAD_SHAPE,
        "TK008",
    ),
    "the registration of a stranger before a bad shape": (
        OWNER,
        {"registrationId": STRANGERS, "subtotal": "a lot"},
        BAD_SHAPE,
        "TK002",
    ),
    "the registration of a stranger before a rule": (
        OWNER,
        {"registrationId": STRANGERS},
        BAD_RULE,
        "TK002",
    ),
    "a bad subtotal before a completed registration": (
        OWNER,
        {"registrationId": COMPLETED, "subtotal": "a lot"},
        {},
        "TK001",
    ),
    "bad tickets before a completed registration": (
        OWNER,
        {"registrationId": COMPLETED},
        BAD_SHAPE,
        "TK001",
    ),
    "a completed registration before a rule": (
        OWNER,
        {"registrationId": COMPLETED},
        {**BAD_RULE, **BAD_REVISION},
        "TK003",
    ),
    "another function beside a rule": (
        OWNER,
        {"registrationId": REGISTRATION, "functionId": other_id(FUNCTION)},
        BAD_RULE,
        "TK004",
    ),
    "a revision before a rule": (
        OWNER,
        {"registrationId": REGISTRATION},
        {**BAD_RULE, **BAD_REVISION},
        "TK006",
    ),
    "a subtotal before capacity": (
        OWNER,
        {"registrationId": REGISTRATION, "subtotal": 1},
        BAD_CAPACITY,
        "TK004",
    ),
    "capacity": (OWNER, {"registrationId": REGISTRATION}, BAD_CAPACITY, "TK005"),
}


@pytest.mark.parametrize(("user", "data", "arguments", "sqlstate"), CLASSES.values(), ids=CLASSES)
def test_create_raises_the_first_of_several_classes(
    shop: Shop,
    user: str | None,
    data: Document,
    arguments: Mapping[str, object],
    sqlstate: str,
) -> None:
    refusal = shop.refused(
        "create_individual_registration_with_tickets",
        {"p_registration_data": shop.wizard | data, **arguments},
        Caller(shop.connection, "authenticated", user),
    )
    assert refusal.sqlstate == sqlstate
