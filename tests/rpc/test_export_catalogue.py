"""export_catalogue: a stored catalogue as a document that changes nothing."""

from decimal import Decimal

import pytest
from tests.support.bookings import book, import_catalogue
from tests.support.caller import Caller, Connection, service, staff, stranger
from tests.support.example import (
    ABSENT,
    BANQUET,
    BRUNCH,
    CEREMONY,
    EVENTS,
    FUNCTION,
    HALL,
    LADIES,
    WALTER,
    Document,
    drop,
    other_event,
    part,
    pool,
    selection,
)

FULL = {
    "description": "What it is.",
    "sale_starts_at": "2025-01-01T00:00:00Z",
    "sale_ends_at": "2031-07-01T23:59:59.5+10:00",
    "min_per_attendee": 1,
    "max_per_attendee": 2,
    "max_per_registration": 3,
    "capacity": 77,
    "eligibility": {
        "operator": "OR",
        "rules": [{"type": "rank", "operator": "in", "value": ["GL", 1, None]}],
    },
}
"""Every optional key of ticket types and packages."""


def export(db: Connection, function_id: str = FUNCTION) -> Document:
    """Return the stored catalogue."""
    answer = service(db).call("export_catalogue", p_function_id=function_id)
    assert answer["function_id"] == function_id
    catalogue: Document = answer["catalogue"]
    return catalogue


def test_export_of_the_example_event_is_its_document(
    event_db: Connection, catalogue: Document
) -> None:
    exported = export(event_db)
    answer = import_catalogue(event_db, exported)
    assert (answer["changes"], answer["deactivated"]) == ([], 0)
    for kind, key in ("events", "event_id"), ("ticket_types", "ticket_type_id"):
        assert {each[key] for each in exported[kind]} == {each[key] for each in catalogue[kind]}
    assert exported["organisation"] == catalogue["organisation"]


@pytest.mark.parametrize(
    "amend",
    [
        lambda c: part(c, BRUNCH).update(FULL, slug="brunch"),
        lambda c: part(c, LADIES).update(
            FULL, registration_types=["lodges"], sale_ends_at="2031-07-01T00:00:00-03:30"
        ),
        lambda c: c["function"].update(
            registration_opens_at="2025-01-01T00:00:00Z",
            registration_closes_at="2031-01-01T00:00:00Z",
            changes_until="2031-03-01T00:00:00.25+11:00",
            refunds_until="2031-02-01T00:00:00Z",
            selection_mode="mixed",
            hold_minutes=1,
            payment_minutes=2,
            max_hold_minutes=3,
            max_held_per_owner=4,
            max_open_registrations_per_owner=5,
            status="draft",
            timezone="America/St_Johns",
        ),
        lambda c: c.update(
            pools=[pool(HALL, 500, [CEREMONY, BANQUET], [LADIES]) | {"slug": "hall"}]
        ),
        lambda c: part(c, EVENTS[BRUNCH]).update(is_active=False),
        lambda c: drop(c, BRUNCH, LADIES),
        lambda c: part(c, BRUNCH).update(price="0.05"),
        lambda c: c["function"].update(currency="JPY"),
    ],
    ids=["ticket type", "package", "function", "pool", "inactive", "dropped", "cents", "yen"],
)
def test_export_imported_again_changes_nothing(
    event_db: Connection,
    catalogue: Document,
    amend: object,
) -> None:
    assert callable(amend)
    amend(catalogue)
    import_catalogue(event_db, catalogue)
    exported = export(event_db)
    assert import_catalogue(event_db, exported)["changes"] == []
    assert export(event_db) == exported


def test_export_names_by_slugs_what_was_written_with_slugs(
    db: Connection, catalogue: Document
) -> None:
    document: Document = {
        "organisation": {"slug": "guild", "name": "Guild"},
        "function": {"slug": "fair", "name": "Fair", "currency": "EUR"},
        "events": [{"slug": "day", "title": "Day", "capacity": 5}],
        "ticket_types": [
            {"slug": "adult", "event_id": "day", "name": "Adult", "price": 10},
            {"slug": "child", "event_id": "day", "name": "Child", "price": 0},
        ],
        "packages": [
            {
                "slug": "family",
                "name": "Family",
                "price": 15,
                "items": [
                    {"ticket_type_id": "adult", "quantity": 2},
                    {"ticket_type_id": "child", "quantity": 2},
                ],
            }
        ],
        "pools": [
            {
                "slug": "gate",
                "name": "Gate",
                "capacity": 9,
                "ticket_type_ids": ["child"],
                "package_ids": ["family"],
            }
        ],
    }
    function_id = import_catalogue(db, document)["function_id"]
    assert export(db, function_id) == document
    # what has another id than that of its slug keeps it
    document["ticket_types"][0]["ticket_type_id"] = ABSENT
    other = catalogue["organisation"] | {"name": "Guild", "slug": "other"}
    document |= {"organisation": other, "function": document["function"] | {"slug": "other"}}
    function_id = import_catalogue(db, document)["function_id"]
    assert export(db, function_id) == document


def test_export_has_prices_with_the_decimals_of_the_currency(
    event_db: Connection, catalogue: Document
) -> None:
    prices = {each["price"] for each in export(event_db)["ticket_types"]}
    assert {str(price) for price in prices} >= {"115.00", "20.00", "0.00"}
    assert {type(price) for price in prices} == {Decimal}
    other = other_event(catalogue)
    other["function"]["currency"] = "JPY"
    function_id = import_catalogue(event_db, other)["function_id"]
    assert {type(each["price"]) for each in export(event_db, function_id)["ticket_types"]} == {int}


def test_export_has_times_of_the_function_in_every_session(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["function"] |= {"changes_until": "2031-01-01T00:00:00Z", "refunds_until": None}
    import_catalogue(event_db, catalogue)
    exported = export(event_db)
    assert exported["function"]["starts_at"] == "2031-09-19T19:00:00+10:00"
    assert exported["function"]["changes_until"] == "2031-01-01T11:00:00+11:00"
    assert "refunds_until" not in exported["function"]
    event_db.execute("SET LOCAL timezone = 'America/New_York'")
    event_db.execute("SET LOCAL datestyle = 'SQL, DMY'")
    assert export(event_db) == exported


def test_export_changes_nothing_while_there_are_tickets(
    event_db: Connection, catalogue: Document
) -> None:
    book(event_db, {WALTER: selection(tickets={CEREMONY: 1})})
    catalogue["pools"] = [pool(HALL, 500, [CEREMONY, BANQUET], [])]
    import_catalogue(event_db, catalogue)
    drop(catalogue, CEREMONY, *(each["package_id"] for each in catalogue["packages"]))
    catalogue["pools"] = [pool(HALL, 500, [BANQUET], [])]
    import_catalogue(event_db, catalogue)
    exported = export(event_db)
    assert part(exported, CEREMONY)["is_active"] is False
    answer = import_catalogue(event_db, exported)
    assert (answer["changes"], answer["warnings"]) == ([], [])


def test_export_is_for_the_organisation(event_db: Connection) -> None:
    assert staff(event_db).call("export_catalogue", p_function_id=FUNCTION)["catalogue"]
    for caller, code in (
        (stranger(event_db), "not_allowed"),
        (Caller(event_db, "authenticated"), "not_authenticated"),
    ):
        for function_id in (FUNCTION, ABSENT):
            refusal = caller.refusal("export_catalogue", p_function_id=function_id)
            assert (refusal.sqlstate, refusal.found) == ("42501", [(code, "p_function_id")])


def test_export_of_no_function_is_not_found(event_db: Connection) -> None:
    refusal = service(event_db).refusal("export_catalogue", p_function_id=ABSENT)
    assert (refusal.sqlstate, refusal.found) == (
        "TK008",
        [("function_not_found", "p_function_id")],
    )
