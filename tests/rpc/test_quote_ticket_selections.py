"""quote_ticket_selections: whether a selection is possible now.

That its prices and issues are those of persisting is tested with the rules.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from tests.support.amendments import Sale, sell
from tests.support.bookings import allow_changes, book, import_catalogue, left, let_lapse
from tests.support.caller import Connection, anonymous, owner, service
from tests.support.example import (
    CEREMONY,
    CEREMONY_AND_BANQUET,
    FUNCTION,
    TOMAS,
    WALTER,
    Document,
    part,
    selection,
)
from tests.support.stored import dump, everything, pool_counters
from tests.support.workshop import FUNCTION as WORKSHOP_FUNCTION
from tests.support.workshop import (
    OTHER_REGISTRATION,
    REGISTRATION,
    one,
    only,
    rule,
    selected,
)

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


# What is paid


def test_quote_says_what_is_due_only_of_what_is_paid(
    event_db: Connection, wizard_state: Document
) -> None:
    fifty = selected(one("fifty"))
    booth = sell(event_db, wizard_state, Sale({"tomas": fifty}, others=fifty))
    wanted = {"tomas": selected(one("seventy"))}
    quote = booth.quote("owner", wanted)
    assert (str(quote["amount_due"]), str(quote["refund_due"])) == ("20.00", "0.00")
    unpaid = replace(booth, registration=OTHER_REGISTRATION)
    for state in ("draft", "cancelled"):
        quote = unpaid.quote("owner", wanted)
        assert (quote["amount_due"], quote["refund_due"]) == (None, None), state
        assert str(quote["subtotal"]) == "70.00"
        owner(event_db).call("cancel_registration", p_registration_id=OTHER_REGISTRATION)
    # nor of one that was paid and is cancelled, which nothing amends
    service(event_db).call("cancel_registration", p_registration_id=REGISTRATION)
    quote = booth.quote("owner", wanted)
    assert (quote["amount_due"], quote["refund_due"]) == (None, None)


def test_quote_of_what_is_paid_shows_all_tickets_of_those_named(
    event_db: Connection, wizard_state: Document
) -> None:
    fifty = selected(one("fifty"))
    booth = sell(
        event_db,
        wizard_state,
        Sale({"tomas": fifty, "ines": fifty}, since={"fifty": {"price": "60.00"}}),
    )
    before = everything(event_db)["tickets"]
    quote = booth.quote("owner", {"tomas": selected(one("fifty", 2))})
    assert [(each["price_paid"], each["status"]) for each in quote["tickets"]] == [
        (Decimal("50.00"), "Active"),
        (Decimal("60.00"), "Active"),
    ]
    assert (str(quote["subtotal"]), str(quote["amount_due"])) == ("160.00", "60.00")
    # nothing that is wanted is nothing due
    for nothing in ({}, {"tomas": fifty}, {"harold": selected()}):
        quote = booth.quote("owner", nothing)
        assert (quote["valid"], quote["issues"]) == (True, [])
        assert (str(quote["amount_due"]), str(quote["refund_due"])) == ("0.00", "0.00")
    # and what would be due back is said even if it cannot be
    allow_changes(event_db, None, None)
    quote = booth.quote("owner", {"tomas": selected()})
    assert [issue["code"] for issue in quote["issues"]] == ["changes_ended", "refunds_ended"]
    assert (str(quote["amount_due"]), str(quote["refund_due"])) == ("0.00", "50.00")
    allow_changes(event_db)
    assert everything(event_db)["tickets"] == before
    assert booth.amended("owner", {"tomas": selected()})["refund_due"] == quote["refund_due"]


def test_quote_of_what_is_paid_knows_stored_attendees_only(
    event_db: Connection, wizard_state: Document
) -> None:
    """What an amendment does not know, such as a person who is to come, is not allowed by it."""
    masons = only(rule("attendee_type", "equals", "mason"))
    booth = sell(
        event_db, wizard_state, Sale({"tomas": selected(one("third"))}, given={"fifty": masons})
    )

    def quote(attendee: Document, selections: Document) -> Document:
        return owner(event_db).call(
            "quote_ticket_selections",
            p_function_id=WORKSHOP_FUNCTION,
            p_selections=selections,
            p_attendees=[attendee],
            p_registration_id=REGISTRATION,
        )

    wanted = booth.names.ids({"tomas": selected(one("fifty"))})
    tomas = {"attendeeId": TOMAS, "attendeeType": "mason"}
    answer = quote(tomas, wanted)
    assert [issue["code"] for issue in answer["issues"]] == ["not_eligible"]
    assert str(answer["amount_due"]) == "16.67"
    owner(event_db).call("update_attendees", p_registration_id=REGISTRATION, p_attendees=[tomas])
    assert quote(tomas, wanted)["issues"] == []

    newcomer = {"attendeeId": OTHER_REGISTRATION, "attendeeType": "guest"}
    wanted = {OTHER_REGISTRATION: booth.names.ids(selected(one("third")))}
    answer = quote(newcomer, wanted)
    assert [issue["code"] for issue in answer["issues"]] == ["attendee_not_found"]
    owner(event_db).call("update_attendees", p_registration_id=REGISTRATION, p_attendees=[newcomer])
    answer = quote(newcomer, wanted)
    assert (answer["valid"], str(answer["amount_due"])) == (True, "33.33")


def test_quote_of_a_registration_that_is_cancelled(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty"))}))
    service(event_db).call("cancel_registration", p_registration_id=REGISTRATION)
    answer = booth.quote("owner", {"tomas": selected(one("fifty"))})
    (issue,) = answer["issues"]
    assert (issue["code"], issue["path"]) == ("not_editable", "p_registration_id")
    assert (issue["actual"], answer["valid"]) == ("cancelled", False)


def test_quote_tells_the_total_with_an_adjustment(
    event_db: Connection, wizard_state: Document
) -> None:
    fifty = selected(one("fifty"))
    booth = sell(event_db, wizard_state, Sale({"tomas": fifty}, others=fifty))
    for adjustment, total in (("-20.00", "50.00"), ("-80.00", "0.00"), ("5.00", "75.00")):
        service(event_db).call(
            "adjust_registration",
            p_registration_id=OTHER_REGISTRATION,
            p_adjustment=adjustment,
            p_reason="agreed",
        )
        unpaid = replace(booth, registration=OTHER_REGISTRATION)
        answer = unpaid.quote("owner", {"tomas": selected(one("seventy"))})
        assert (str(answer["subtotal"]), str(answer["total"])) == ("70.00", total)
