"""amend_registration: payments, references that come again, and what is due back."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from tests.support.amendments import Booth, Sale, paid_in, sell, without_time
from tests.support.bookings import allow_changes
from tests.support.caller import Connection, Document, Outcome, service
from tests.support.stored import dump, rows
from tests.support.workshop import (
    EARLIER,
    FUNCTION,
    LATER,
    OTHER_REGISTRATION,
    REGISTRATION,
    one,
    pack,
    selected,
)

FIFTY, SEVENTY, THIRD = (selected(one(each)) for each in ("fifty", "seventy", "third"))
PASS = selected(pack("sunday pass"))
REFERENCE = [("reference_used", "p_payment.reference")]


@pytest.fixture
def booth(event_db: Connection, wizard_state: Document) -> Booth:
    """Sell a ticket at 50.00 each to Tomas and to Ines."""
    return sell(event_db, wizard_state, Sale({"tomas": FIFTY, "ines": FIFTY}, others=THIRD))


@pytest.fixture
def amended(booth: Booth) -> Document:
    """Let Tomas have one at 70.00 instead, for 20.00 and a surcharge of 1.50."""
    return booth.amended("service", {"tomas": SEVENTY}, p_payment=DUE)


DUE = paid_in("21.50", surcharge_amount="1.50", provider="card")


def payments(db: Connection) -> list[tuple[str, str, str, str, str]]:
    """Return what is recorded for the registration, the oldest first."""
    return [
        (each["provider"], each["reference"], each["kind"], str(each["amount"]), str(each["net"]))
        for each in rows(
            db,
            """
            SELECT *, amount - surcharge_amount AS net FROM ticketing.payments
            WHERE registration_id = %s ORDER BY created_at
            """,
            REGISTRATION,
        )
    ]


def refund(booth: Booth, amount: str, reference: str = "refund-1", **more: object) -> Outcome:
    """Record a refund as the service."""
    return service(booth.db).attempt(
        "record_refund",
        p_registration_id=REGISTRATION,
        p_refund=paid_in(amount, reference, **more),
    )


# What is paid


def test_amend_registration_records_its_payment(booth: Booth, amended: Document) -> None:
    assert payments(booth.db) == [
        ("default", "first", "payment", "100.00", "100.00"),
        ("card", "amendment-1", "payment", "21.50", "20.00"),
    ]
    (payment_id,) = (
        str(each["payment_id"])
        for each in rows(
            booth.db, "SELECT payment_id FROM ticketing.payments WHERE reference = 'amendment-1'"
        )
    )
    assert amended["payment_id"] == payment_id
    assert booth.money() == {
        "subtotal": "120.00",
        "total": "120.00",
        "paid": "120.00",
        "refunded": "0.00",
        "amount_due": "0.00",
        "refund_due": "0.00",
    }


MISMATCHES: Mapping[str, tuple[Document, list[tuple[str, str]]]] = {
    "too little": (paid_in("19.99"), [("amount_mismatch", "p_payment.amount")]),
    "too much": (paid_in("20.01"), [("amount_mismatch", "p_payment.amount")]),
    "the whole price": (paid_in("70.00"), [("amount_mismatch", "p_payment.amount")]),
    "nothing": (paid_in("0.00"), [("amount_mismatch", "p_payment.amount")]),
    "less a surcharge": (
        paid_in("20.00", surcharge_amount="1.50"),
        [("amount_mismatch", "p_payment.amount")],
    ),
    "another currency": (
        paid_in("20.00", currency="AUD"),
        [("currency_mismatch", "p_payment.currency")],
    ),
    "another amount of another currency": (
        paid_in("21.00", currency="AUD"),
        [
            ("amount_mismatch", "p_payment.amount"),
            ("currency_mismatch", "p_payment.currency"),
        ],
    ),
}


@pytest.mark.parametrize(("money", "issues"), MISMATCHES.values(), ids=MISMATCHES)
def test_amend_registration_refuses_a_payment_that_disagrees(
    booth: Booth, money: Document, issues: list[tuple[str, str]]
) -> None:
    assert booth.refuses("service", {"tomas": SEVENTY}, p_payment=money) == ("TK007", issues)


@pytest.mark.parametrize("amount", ["20", "20.0", 20, Decimal("20.00")])
def test_amend_registration_takes_an_amount_however_written(booth: Booth, amount: object) -> None:
    answer = booth.amended(
        "service", {"tomas": SEVENTY}, p_payment=paid_in(amount, provider=None, paid_at=None)
    )
    assert (str(answer["paid"]), str(answer["amount_due"])) == ("120.00", "0.00")


def test_amend_registration_refuses_a_payment_for_nothing(booth: Booth) -> None:
    nothing = ("TK007", [("nothing_due", "p_payment")])
    for wanted in ({"tomas": FIFTY}, {}, {"tomas": THIRD}, {"tomas": selected()}):
        outcome = booth.amend("service", wanted, p_payment=paid_in("20.00"))
        assert booth.refusal(outcome) == nothing
        (issue,) = outcome.issues
        assert (issue["expected"], issue["actual"]) == (Decimal(0), Decimal("20.00"))
        assert booth.refuses("service", wanted, p_payment=paid_in("0.00")) == nothing
    assert len(payments(booth.db)) == 1


def test_amend_registration_tells_sold_out_before_money(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}, given={"fifty": {"capacity": 1}}))
    wanted = {"tomas": selected(one("fifty", 2))}
    sold_out = ("TK005", [("sold_out", "p_selections.tomas.individualTickets[0]")])
    for money in (None, paid_in("50.00"), paid_in("1.00")):
        assert booth.refuses("service", wanted, p_payment=money) == sold_out


# References


SPELLINGS: Mapping[str, Document] = {
    "by the other id": {"tomas@db": SEVENTY},
    "with an empty line": {"tomas": selected(one("seventy"), one("fifty", 0))},
    "with another key": {
        "tomas": {"individualTickets": [one("seventy")], "packages": None},
    },
    "split in two": {"tomas": selected(one("seventy", 0), one("seventy"))},
}


@pytest.mark.parametrize("wanted", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.usefixtures("amended")
def test_amend_registration_knows_the_same_selection_however_written(
    booth: Booth, wanted: Document
) -> None:
    before = dump(booth.db)
    again = booth.amended("service", wanted, p_payment=DUE | {"amount": 21.5, "provider": "CARD"})
    assert (again["tickets_created"], str(again["total"])) == (0, "120.00")
    assert dump(booth.db) == before


def test_amend_registration_knows_a_package_however_written(booth: Booth) -> None:
    packages = selected(pack("sunday pass", 2), pack("presents"))
    money = paid_in("200.00")
    answer = booth.amended("service", {"tomas": packages}, p_payment=money)
    before = dump(booth.db)
    for wanted in (
        {"tomas": selected(pack("presents"), pack("sunday pass"), pack("sunday pass"))},
        {"tomas": selected(pack("presents"), pack("sunday pass", 2, ["seventy", "fifty"]))},
    ):
        again = booth.amended("service", wanted, p_payment=money)
        assert again["payment_id"] == answer["payment_id"]
    assert dump(booth.db) == before


OTHERWISE: Mapping[str, tuple[Document, Document]] = {
    "for another selection": ({"tomas": PASS}, {}),
    "for more": ({"tomas": selected(one("seventy", 2))}, {}),
    "for another attendee": ({"ines": SEVENTY}, {}),
    "for more attendees": ({"tomas": SEVENTY, "ines": FIFTY}, {}),
    "for fewer attendees": ({}, {}),
    "of another amount": ({"tomas": SEVENTY}, {"amount": "22.50", "surcharge_amount": "2.50"}),
    "of another surcharge": ({"tomas": SEVENTY}, {"surcharge_amount": "0.50"}),
    "of another currency": ({"tomas": SEVENTY}, {"currency": "AUD"}),
}


@pytest.mark.parametrize(("wanted", "changes"), OTHERWISE.values(), ids=OTHERWISE)
@pytest.mark.usefixtures("amended")
def test_amend_registration_refuses_a_reference_that_was_used_otherwise(
    booth: Booth, wanted: Document, changes: Document
) -> None:
    refusal = booth.refuses("service", wanted, p_payment=DUE | changes)
    assert refusal == ("TK007", REFERENCE)


def test_amend_registration_answers_its_payment_whatever_has_happened(
    booth: Booth, amended: Document
) -> None:
    """The webhook comes again: after another amendment, a refund, the deadline, the end."""

    def again() -> Document:
        before = dump(booth.db)
        answer = booth.amended("service", {"tomas": SEVENTY}, p_payment=DUE, p_expected_revision=1)
        assert dump(booth.db) == before
        assert answer["payment_id"] == amended["payment_id"]
        assert (answer["tickets_created"], answer["tickets_cancelled"]) == (0, 0)
        return answer

    assert without_time(again()) == without_time(amended) | {
        "tickets_created": 0,
        "tickets_cancelled": 0,
    }
    other = booth.amended("owner", {"tomas": FIFTY})
    assert (str(again()["refund_due"]), again()["revision"]) == ("20.00", other["revision"])
    assert refund(booth, "20.00").sqlstate is None
    assert str(again()["refund_due"]) == "0.00"
    allow_changes(booth.db, EARLIER, EARLIER)
    again()
    service(booth.db).call("cancel_registration", p_registration_id=REGISTRATION)
    answer = again()
    assert (answer["status"], str(answer["amount_due"])) == ("cancelled", "0.00")
    assert str(answer["refund_due"]) == "100.00"


@pytest.mark.usefixtures("amended")
def test_amend_registration_takes_a_second_reference_for_nothing_twice(booth: Booth) -> None:
    nothing = ("TK007", [("nothing_due", "p_payment")])
    for money in (
        paid_in("21.50", "amendment-2", surcharge_amount="1.50", provider="card"),
        # the same reference of another provider is another payment
        DUE | {"provider": "bank"},
    ):
        assert booth.refuses("service", {"tomas": SEVENTY}, p_payment=money) == nothing


@pytest.mark.usefixtures("amended")
def test_complete_registration_payment_answers_the_first_payment_after_an_amendment(
    booth: Booth,
) -> None:
    before = dump(booth.db)
    for reference, amount, more in (
        ("first", "100.00", {}),
        # it has been received, whichever call has recorded it
        ("amendment-1", "21.50", {"surcharge_amount": "1.50", "provider": "card"}),
    ):
        answer = service(booth.db).call(
            "complete_registration_payment",
            p_registration_id=REGISTRATION,
            p_payment=paid_in(amount, reference, **more),
        )
        net = Decimal(amount) - Decimal(more.get("surcharge_amount", "0"))
        assert (answer["status"], answer["total"]) == ("completed", net)
        assert dump(booth.db) == before
    refusal = service(booth.db).refusal(
        "complete_registration_payment",
        p_registration_id=REGISTRATION,
        p_payment=paid_in("20.00", "another"),
    )
    assert (refusal.sqlstate, refusal.found) == (
        "TK007",
        [("already_paid", "p_payment.reference")],
    )
    assert dump(booth.db) == before


def test_references_are_used_once_by_all_calls(booth: Booth, amended: Document) -> None:
    assert amended["payment_id"]
    booth.amended("owner", {"tomas": FIFTY})
    # a refund by the reference of a payment
    for reference, more in (("first", {}), ("amendment-1", {"provider": "card"})):
        outcome = refund(booth, "20.00", reference, **more)
        assert booth.refusal(outcome) == ("TK007", [("reference_used", "p_refund.reference")])
    assert refund(booth, "20.00").sqlstate is None
    # an amendment by the reference of the first payment, and of a refund
    for reference, amount in (("first", "100.00"), ("refund-1", "20.00")):
        refusal = booth.refuses("service", {"tomas": SEVENTY}, p_payment=paid_in(amount, reference))
        assert refusal == ("TK007", REFERENCE)
    # and by that of another registration
    service(booth.db).call(
        "complete_registration_payment",
        p_registration_id=OTHER_REGISTRATION,
        p_payment=paid_in("33.33", "other"),
    )
    refusal = booth.refuses("service", {"tomas": SEVENTY}, p_payment=paid_in("33.33", "other"))
    assert refusal == ("TK007", REFERENCE)


# What is due back


def test_refund_due_of_one_amendment_pays_for_the_next(booth: Booth) -> None:
    booth.amended("owner", {"tomas": THIRD})
    assert booth.money()["refund_due"] == "16.67"
    # a part of it
    quote = booth.quote("owner", {"ines": selected(one("fifty"), one("gift"))})
    assert (str(quote["amount_due"]), str(quote["refund_due"])) == ("0.00", "16.67")
    dearer = {"tomas": SEVENTY}
    quote = booth.quote("owner", dearer)
    assert (str(quote["amount_due"]), str(quote["refund_due"])) == ("20.00", "0.00")
    outcome = booth.amend("owner", dearer)
    assert (outcome.sqlstate, outcome.issues[0]["expected"]) == ("TK007", Decimal("20.00"))
    # all of it, by the owner alone
    booth.amended("owner", {"tomas": FIFTY})
    assert booth.money() == {
        "subtotal": "100.00",
        "total": "100.00",
        "paid": "100.00",
        "refunded": "0.00",
        "amount_due": "0.00",
        "refund_due": "0.00",
    }


def test_refund_due_that_is_too_little_is_paid_with_the_rest(booth: Booth) -> None:
    booth.amended("owner", {"tomas": THIRD})
    wanted = {"ines": PASS}
    money = paid_in("53.33")
    assert str(booth.quote("owner", wanted)["amount_due"]) == "53.33"
    answer = booth.amended("service", wanted, p_payment=money)
    assert (str(answer["paid"]), str(answer["total"])) == ("153.33", "153.33")
    assert str(answer["refund_due"]) == "0.00"


def test_refund_due_that_was_given_back_pays_for_nothing(booth: Booth) -> None:
    booth.amended("owner", {"tomas": THIRD})
    assert refund(booth, "16.67").sqlstate is None
    outcome = booth.amend("owner", {"tomas": FIFTY})
    assert (outcome.sqlstate, outcome.issues[0]["expected"]) == ("TK007", Decimal("16.67"))
    answer = booth.amended("service", {"tomas": FIFTY}, p_payment=paid_in("16.67"))
    assert [str(answer[key]) for key in ("paid", "refunded", "total", "refund_due")] == [
        "116.67",
        "16.67",
        "100.00",
        "0.00",
    ]


def test_record_refund_after_an_amendment_refunds_what_was_cancelled(booth: Booth) -> None:
    (gone,) = booth.ids("tomas")
    (kept,) = booth.ids("ines")
    booth.amended("owner", {"tomas": THIRD})
    for amount, tickets, issues in (
        ("16.68", None, [("refund_too_large", "p_refund.amount")]),
        ("16.67", [kept], [("ticket_not_cancelled", "p_refund.ticket_ids[0]")]),
    ):
        outcome = refund(booth, amount, ticket_ids=tickets)
        assert booth.refusal(outcome)[1] == issues
    answer = refund(booth, "16.67", ticket_ids=[gone]).answer
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert str(answer["refund_due"]) == "0.00"
    states = {
        str(each["ticket_id"]): (each["status"], each["payment_status"]) for each in booth.tickets()
    }
    assert states.pop(gone) == ("Cancelled", "Refunded")
    assert set(states.values()) == {("Active", "Paid")}
    # which changes no later amendment
    booth.amended("owner", {"tomas": selected(one("gift"))})
    assert booth.money()["refund_due"] == "33.33"


def test_refunds_ended_only_if_more_would_be_due_back(booth: Booth) -> None:
    booth.amended("owner", {"tomas": THIRD})
    for deadline in (EARLIER, None):
        allow_changes(booth.db, LATER, deadline)
        # what is due back already stays, or becomes less
        for wanted in ({"tomas": THIRD}, {"tomas": selected(one("other third"))}):
            assert booth.quote("owner", wanted)["valid"]
        less = {"tomas": selected(one("last third"))}
        assert booth.quote("owner", less)["valid"]
        more = {"tomas": selected(one("gift"))}
        assert booth.refuses("owner", more) == ("TK004", [("refunds_ended", "p_selections")])
    answer = booth.amended("owner", less)
    assert str(answer["refund_due"]) == "16.66"
    booth.amended("staff", more)


def test_cancel_registration_after_an_amendment_leaves_all_that_was_paid(
    booth: Booth, amended: Document
) -> None:
    (tomas,) = booth.ids("tomas")
    booth.amended("owner", {"ines": selected()})
    service(booth.db).call("cancel_registration", p_registration_id=REGISTRATION)
    assert booth.money() == {
        "subtotal": "0.00",
        "total": "0.00",
        "paid": "120.00",
        "refunded": "0.00",
        "amount_due": "0.00",
        "refund_due": "120.00",
    }
    feed = booth.feed(booth.known()["revision"])
    assert [(each["change"], str(each["ticket_id"])) for each in feed] == [("cancelled", tomas)]
    assert amended["revision"] < booth.known()["revision"]
    left = rows(
        booth.db,
        "SELECT sum(sold) AS sold FROM ticketing.capacity_pools WHERE function_id = %s",
        FUNCTION,
    )
    assert left == [{"sold": 0}]
