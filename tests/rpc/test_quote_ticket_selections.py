"""quote_ticket_selections: whether a selection is possible now.

That its prices and issues are those of persisting is tested with the rules.
"""

from collections.abc import Mapping

from tests.support.bookings import book, import_catalogue, left, let_lapse
from tests.support.caller import Connection, anonymous
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
    assert left(event_db, CEREMONY) == 1
    refused = quote(event_db, TWO)
    assert [issue["code"] for issue in refused["issues"]] == ["sold_out"]
    assert (refused["issues"][0]["requested"], refused["issues"][0]["available"]) == (2, 1)

    let_lapse(event_db, registration_id)
    before = dump(event_db)
    assert left(event_db, CEREMONY) == 3
    assert quote(event_db, THREE)["valid"]
    # one too many still is
    refused = quote(event_db, FOUR)
    assert (refused["issues"][0]["requested"], refused["issues"][0]["available"]) == (4, 3)
    # reading has released nothing
    assert dump(event_db) == before
    assert pool_counters(event_db)[CEREMONY] == (3, 2, 0)


def test_quote_agrees_with_the_availability_at_the_last_tickets(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, CEREMONY)["capacity"] = 2
    import_catalogue(event_db, catalogue)
    assert left(event_db, CEREMONY_AND_BANQUET) == 2
    for quantity, is_valid in ((2, True), (3, False)):
        answer = quote(event_db, {WALTER: selection({CEREMONY_AND_BANQUET: quantity})})
        assert answer["valid"] is is_valid
