"""quote_ticket_selections: what a selection would cost, and whether it is possible now."""

from collections.abc import Mapping

from tests.support.bookings import book, import_catalogue, let_lapse
from tests.support.caller import Caller, Connection, anonymous, service
from tests.support.example import (
    CEREMONY,
    CEREMONY_AND_BANQUET,
    FUNCTION,
    WALTER,
    Document,
    part,
    selection,
)
from tests.support.stored import dump, pool_counters

TWO, THREE, FOUR = ({WALTER: selection(tickets={CEREMONY: number})} for number in (2, 3, 4))


def capacity_left(db: Connection, registration_id: str | None = None) -> int:
    """Return how much capacity of the ceremony the public page shows as left."""
    answer = service(db).call(
        "get_ticket_availability", p_function_id=FUNCTION, p_registration_id=registration_id
    )
    (left,) = (
        element["available"]
        for element in answer["ticket_types"]
        if element["ticket_type_id"] == CEREMONY
    )
    assert isinstance(left, int)
    return left


def quote(db: Connection, selections: Mapping[str, Document]) -> Document:
    """Quote selections for a visitor without a registration."""
    return anonymous(db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=selections,
        p_attendees=[{"attendeeId": WALTER, "attendeeType": "guest"}],
    )


def test_quote_counts_overdue_capacity_as_free(event_db: Connection, catalogue: Document) -> None:
    part(catalogue, CEREMONY)["capacity"] = 3
    import_catalogue(event_db, catalogue)
    registration_id = book(event_db, TWO)
    assert capacity_left(event_db) == 1
    refused = quote(event_db, TWO)
    assert [issue["code"] for issue in refused["issues"]] == ["sold_out"]
    assert (refused["issues"][0]["requested"], refused["issues"][0]["available"]) == (2, 1)

    let_lapse(event_db, registration_id)
    before = dump(event_db)
    assert capacity_left(event_db) == 3
    assert quote(event_db, THREE)["valid"]
    # one too many still is
    refused = quote(event_db, FOUR)
    assert (refused["issues"][0]["requested"], refused["issues"][0]["available"]) == (4, 3)
    # reading has released nothing
    assert dump(event_db) == before
    assert pool_counters(event_db)[CEREMONY] == (3, 2, 0)


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


def test_quote_agrees_with_the_availability_at_the_last_tickets(
    event_db: Connection, catalogue: Document
) -> None:
    # the page and the quote agree, at the last tickets too
    part(catalogue, CEREMONY)["capacity"] = 2
    import_catalogue(event_db, catalogue)
    for quantity, is_valid in ((2, True), (3, False)):
        quote = anonymous(event_db).call(
            "quote_ticket_selections",
            p_function_id=FUNCTION,
            p_selections={WALTER: selection({CEREMONY_AND_BANQUET: quantity})},
            p_attendees=[{"attendeeId": WALTER, "attendeeType": "guest"}],
        )
        assert quote["valid"] is is_valid
        assert (quantity <= (on_offer(event_db)[CEREMONY_AND_BANQUET][1] or 0)) is is_valid
