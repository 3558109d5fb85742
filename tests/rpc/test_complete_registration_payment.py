"""complete_registration_payment: a payment is recorded once, and held tickets become sold ones."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from tests.support.bookings import (
    ONE,
    book,
    import_catalogue,
    integrity,
    let_lapse,
    pay,
    payment,
    start,
    stored,
    ticket_states,
)
from tests.support.caller import (
    JSON_NULL,
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
    CEREMONY,
    LUNCHEON,
    STRANGER,
    TOTAL,
    WALTER,
    Document,
    part,
    selection,
    wizard_registration,
)
from tests.support.stored import dump, pool_counters, rows

PRICE = Decimal("20.00")


def complete(caller: Caller, registration_id: str, p_payment: object) -> Document:
    """Report a payment."""
    return caller.call(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=p_payment
    )


# What is paid


def test_complete_payment_turns_held_tickets_into_sold_ones(
    event_db: Connection, booking: str
) -> None:
    start(event_db, booking)
    before = stored(event_db, booking)
    reserved = {pool: use[1] for pool, use in pool_counters(event_db).items()}
    answer = complete(
        service(event_db),
        booking,
        payment(
            "742.35",
            "pi_1",
            surcharge_amount="7.35",
            provider="stripe",
            paid_at="2026-01-02T03:04:05.678901+10:00",
        ),
    )
    (row,) = rows(event_db, "SELECT * FROM ticketing.payments")
    assert answer == {
        "success": True,
        "registration_id": booking,
        "payment_id": str(row["payment_id"]),
        "status": "completed",
        "payment_status": "Paid",
        "confirmation_number": answer["confirmation_number"],
        "revision": before["revision"] + 1,
        "total": TOTAL,
        "currency": "AUD",
        "paid_at": answer["paid_at"],
    }
    moved_at = datetime(2026, 1, 1, 17, 4, 5, 678901, tzinfo=UTC)
    assert datetime.fromisoformat(answer["paid_at"]) == row["paid_at"] == moved_at
    assert (row["provider"], row["reference"], row["kind"]) == ("stripe", "pi_1", "payment")
    assert (row["amount"], row["surcharge_amount"], row["currency"]) == (
        Decimal("742.35"),
        Decimal("7.35"),
        "AUD",
    )
    after = stored(event_db, booking)
    assert (after["status"], after["payment_status"]) == ("completed", "Paid")
    assert after["confirmation_number"] == answer["confirmation_number"]
    assert (after["hold_expires_at"], after["revision"]) == (None, answer["revision"])
    assert ticket_states(event_db, booking) == {("Active", "Paid")}
    assert {pool: use[1:] for pool, use in pool_counters(event_db).items()} == {
        pool: (0, units) for pool, units in reserved.items()
    }
    assert integrity(event_db) == []


@pytest.mark.parametrize("status", ["draft", "pending", "overdue", "expired"])
def test_complete_payment_completes_every_unpaid_registration(
    event_db: Connection, booking: str, status: str
) -> None:
    if status != "draft":
        start(event_db, booking)
    if status in {"overdue", "expired"}:
        let_lapse(event_db, booking)
    if status == "expired":
        service(event_db).call("release_expired_holds")
        assert stored(event_db, booking)["status"] == "expired"
        assert pool_counters(event_db)[CEREMONY] == (600, 0, 0)
    answer = complete(service(event_db), booking, payment(TOTAL))
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert pool_counters(event_db)[CEREMONY] == (600, 0, 4)
    assert ticket_states(event_db, booking) == {("Active", "Paid")}
    assert integrity(event_db) == []


def test_complete_payment_leaves_the_fee_out_of_the_total(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    answer = complete(service(event_db), registration_id, payment(20.9, fee_amount=0.9))
    assert answer["total"] == PRICE


def test_confirmation_number_is_short_random_and_issued_once(event_db: Connection) -> None:
    answers = [pay(event_db, book(event_db, ONE)) for _ in range(20)]
    numbers = [answer["confirmation_number"] for answer in answers]
    assert len(set(numbers)) == 20
    # for reading aloud: neither I, L, O nor U
    characters = "[0-9A-HJKMNP-TV-Z]"
    for number in numbers:
        assert re.fullmatch(rf"{characters}{{4}}-{characters}{{4}}-{characters}{{4}}", number)
    # no part of it counts
    for column in zip(*numbers, strict=True):
        assert len(set(column)) > 1 or column[0] == "-"
    # it stays, also when it is cancelled
    registration_id = answers[0]["registration_id"]
    service(event_db).call("cancel_registration", p_registration_id=registration_id)
    assert stored(event_db, registration_id)["confirmation_number"] == numbers[0]


def test_not_editable_is_raised_for_every_change_once_paid(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    pay(event_db, registration_id)
    callers = (owner(event_db), staff(event_db), service(event_db))
    before = dump(event_db)
    more = {WALTER: selection(tickets={CEREMONY: 2})}
    for caller in callers:
        for refusal in (
            caller.refusal(
                "persist_ticket_selections", p_registration_id=registration_id, p_selections=more
            ),
            caller.refusal(
                "persist_attendee_tickets", p_registration_id=registration_id, p_tickets=[]
            ),
            caller.refusal("start_payment", p_registration_id=registration_id),
        ):
            assert refusal.sqlstate == "TK003"
            assert refusal.found == [("not_editable", "p_registration_id")]
            assert refusal.issues[0]["actual"] == "completed"
    data = wizard_registration(registration_id, set())
    refusal = owner(event_db).refusal(
        "create_individual_registration_jsonb", p_registration_data=data
    )
    assert refusal.sqlstate == "TK003"
    assert dump(event_db) == before


# After the hold


def test_complete_payment_after_expiry_keeps_the_price(
    event_db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(event_db, booking)
    service(event_db).call("release_expired_holds")
    for element in catalogue["ticket_types"] + catalogue["packages"]:
        element["price"] = "500.00"
        element["sale_ends_at"] = "2020-01-01T00:00:00Z"
    import_catalogue(event_db, catalogue)
    answer = complete(service(event_db), booking, payment(TOTAL))
    assert (answer["status"], answer["total"]) == ("completed", TOTAL)
    assert integrity(event_db) == []


def test_complete_payment_after_expiry_is_sold_out_without_capacity(
    event_db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(event_db, booking)
    part(catalogue, CEREMONY)["capacity"] = 4
    part(catalogue, LUNCHEON)["capacity"] = 1
    import_catalogue(event_db, catalogue)
    rival = book(event_db, ONE, STRANGER)
    assert stored(event_db, booking)["status"] == "expired"
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "complete_registration_payment", p_registration_id=booking, p_payment=payment(TOTAL)
    )
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["code"], issue["path"]) == ("sold_out", "p_registration_id")
    assert (issue["ticket_type_id"], issue["requested"], issue["available"]) == (CEREMONY, 4, 3)
    assert len(issue["attendee_ids"]) == 4
    assert dump(event_db) == before

    # and is accepted once there is capacity again
    Caller(event_db, "authenticated", STRANGER).call("cancel_registration", p_registration_id=rival)
    assert complete(service(event_db), booking, payment(TOTAL))["status"] == "completed"
    assert pool_counters(event_db)[CEREMONY] == (4, 0, 4)


def test_complete_payment_takes_capacity_from_overdue_holds(
    event_db: Connection, catalogue: Document, booking: str
) -> None:
    let_lapse(event_db, booking)
    part(catalogue, CEREMONY)["capacity"] = 4
    import_catalogue(event_db, catalogue)
    rival = book(event_db, ONE, STRANGER)
    let_lapse(event_db, rival)
    assert complete(service(event_db), booking, payment(TOTAL))["status"] == "completed"
    assert stored(event_db, rival)["status"] == "expired"
    assert pool_counters(event_db)[CEREMONY] == (4, 0, 4)


# Money

MISMATCHES: Mapping[str, tuple[Document, list[tuple[str, str, object, object]]]] = {
    "a cent too little": (
        payment("19.99"),
        [("amount_mismatch", "amount", PRICE, Decimal("19.99"))],
    ),
    "a cent too much": (
        payment(20.01),
        [("amount_mismatch", "amount", PRICE, Decimal("20.01"))],
    ),
    "nothing": (payment(0), [("amount_mismatch", "amount", PRICE, Decimal(0))]),
    "too little after the surcharge": (
        payment("20.00", surcharge_amount="0.50"),
        [("amount_mismatch", "amount", PRICE, Decimal("19.50"))],
    ),
    "a surcharge above the amount": (
        payment("10.00", surcharge_amount="30.00"),
        [("amount_mismatch", "amount", PRICE, Decimal("-20.00"))],
    ),
    "all of it a surcharge": (
        payment("20.00", surcharge_amount="20.00"),
        [("amount_mismatch", "amount", PRICE, Decimal("0.00"))],
    ),
    "a surcharge of what is due": (
        payment("9999999999.99", surcharge_amount="9999999979.98"),
        [("amount_mismatch", "amount", PRICE, Decimal("20.01"))],
    ),
    "another currency": (
        payment("20.00", currency="NZD"),
        [("currency_mismatch", "currency", "AUD", "NZD")],
    ),
    "another amount and currency": (
        payment("30.00", currency="USD"),
        [
            ("amount_mismatch", "amount", PRICE, Decimal("30.00")),
            ("currency_mismatch", "currency", "AUD", "USD"),
        ],
    ),
}


@pytest.mark.parametrize(("reported", "issues"), MISMATCHES.values(), ids=MISMATCHES)
def test_complete_payment_refuses_another_amount_or_currency(
    event_db: Connection, reported: Document, issues: list[tuple[str, str, object, object]]
) -> None:
    registration_id = book(event_db, ONE)
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=reported
    )
    assert refusal.sqlstate == "TK007"
    assert [
        (issue["code"], issue["path"], issue["expected"], issue["actual"])
        for issue in refusal.issues
    ] == [(code, f"p_payment.{key}", expected, actual) for code, key, expected, actual in issues]
    assert dump(event_db) == before


def test_complete_payment_again_gets_the_same_answer(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    reported = payment("20.00", provider="stripe")
    first = complete(service(event_db), registration_id, reported)
    before = dump(event_db)
    assert complete(service(event_db), registration_id, reported) == first
    # numbers and strings are the same money, and it was paid when it was first said to be
    again = payment(20, provider="stripe", surcharge_amount=None, paid_at="2026-01-01T00:00:00Z")
    assert complete(service(event_db), registration_id, again) == first
    # and so is what leaves as much without the surcharge, which buys nothing
    again = payment("20.60", provider="stripe", surcharge_amount="0.60")
    assert complete(service(event_db), registration_id, again) == first
    assert dump(event_db) == before


@pytest.mark.parametrize(
    "reported",
    [payment("20.00", "payment-2"), payment("20.00", provider="another")],
    ids=["reference", "provider"],
)
def test_already_paid_is_raised_for_another_reference_or_provider(
    event_db: Connection, reported: Document
) -> None:
    registration_id = book(event_db, ONE)
    complete(service(event_db), registration_id, payment("20.00"))
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=reported
    )
    assert refusal.sqlstate == "TK007"
    assert refusal.found == [("already_paid", "p_payment.reference")]
    assert dump(event_db) == before


def test_complete_payment_again_refuses_other_money(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    complete(service(event_db), registration_id, payment("20.50", surcharge_amount="0.50"))
    before = dump(event_db)
    for other in (
        payment("21.00", surcharge_amount="0.50"),
        payment("20.50"),
        payment("20.50", surcharge_amount="0.50", currency="NZD"),
    ):
        refusal = service(event_db).refusal(
            "complete_registration_payment", p_registration_id=registration_id, p_payment=other
        )
        assert refusal.sqlstate == "TK007"
        assert {code for code, _ in refusal.found} <= {"amount_mismatch", "currency_mismatch"}
    assert dump(event_db) == before


def test_reference_used_is_raised_for_another_registration(event_db: Connection) -> None:
    paid, unpaid = book(event_db, ONE), book(event_db, ONE, STRANGER)
    complete(service(event_db), paid, payment("20.00"))
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "complete_registration_payment", p_registration_id=unpaid, p_payment=payment("20.00")
    )
    assert refusal.sqlstate == "TK007"
    assert refusal.found == [("reference_used", "p_payment.reference")]
    assert refusal.issues[0]["actual"] == "payment-1"
    assert dump(event_db) == before
    # another provider may use the same
    complete(service(event_db), unpaid, payment("20.00", provider="another"))


@pytest.mark.parametrize(("first", "then"), [("stripe", "Stripe"), ("PayPal", "paypal")])
def test_complete_payment_compares_providers_without_case(
    event_db: Connection, first: str, then: str
) -> None:
    paid, unpaid = book(event_db, ONE), book(event_db, ONE, STRANGER)
    answer = complete(service(event_db), paid, payment("20.00", provider=first))
    before = dump(event_db)
    again = complete(service(event_db), paid, payment("20.00", provider=then))
    assert again == answer
    refusal = service(event_db).refusal(
        "complete_registration_payment",
        p_registration_id=unpaid,
        p_payment=payment("20.00", provider=then),
    )
    assert refusal.found == [("reference_used", "p_payment.reference")]
    assert dump(event_db) == before


@pytest.mark.parametrize(
    "surcharge",
    [
        {"surcharge_amount": "0.50"},
        {"fee_amount": "0.50"},
        {"surcharge_amount": None, "fee_amount": 0.5},
        {"surcharge_amount": 0.5, "fee_amount": None},
        {"surcharge_amount": "0.5", "fee_amount": "0.500"},
    ],
)
def test_complete_payment_accepts_a_surcharge_by_either_name(
    event_db: Connection, surcharge: Document
) -> None:
    registration_id = book(event_db, ONE)
    answer = complete(service(event_db), registration_id, payment("20.50", **surcharge))
    assert answer["total"] == PRICE
    assert rows(event_db, "SELECT amount, surcharge_amount FROM ticketing.payments") == [
        {"amount": Decimal("20.50"), "surcharge_amount": Decimal("0.50")}
    ]


def test_complete_payment_again_answers_what_was_paid_once_cancelled(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    reported = payment("20.50", surcharge_amount="0.50")
    first = complete(service(event_db), registration_id, reported)
    service(event_db).call("cancel_registration", p_registration_id=registration_id)
    again = complete(service(event_db), registration_id, reported)
    assert again == first | {"status": "cancelled", "revision": first["revision"] + 1}


# Who and what is refused


def test_complete_payment_is_refused_once_cancelled(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    owner(event_db).call("cancel_registration", p_registration_id=registration_id)
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "complete_registration_payment",
        p_registration_id=registration_id,
        p_payment=payment("20.00"),
    )
    assert refusal.sqlstate == "TK003"
    assert refusal.found == [("not_editable", "p_registration_id")]
    assert refusal.issues[0]["actual"] == "cancelled"
    assert dump(event_db) == before


def test_complete_payment_is_for_the_service_alone(event_db: Connection) -> None:
    registration_id = book(event_db, ONE)
    for caller in (owner(event_db), staff(event_db), stranger(event_db), anonymous(event_db)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            complete(caller, registration_id, payment("20.00"))
    assert stored(event_db, registration_id)["status"] == "draft"
    refusal = service(event_db).refusal(
        "complete_registration_payment", p_registration_id=ABSENT, p_payment={}
    )
    assert refusal.sqlstate == "TK002"


SHAPES: Mapping[str, tuple[object, list[tuple[str, str]]]] = {
    "null of SQL": (None, [("missing_key", "p_payment")]),
    "null of JSON": (JSON_NULL, [("missing_key", "p_payment")]),
    "an array": ([], [("invalid_type", "p_payment")]),
    "a string": ("20.00", [("invalid_type", "p_payment")]),
    "an empty object": (
        {},
        [
            ("missing_key", "p_payment.amount"),
            ("missing_key", "p_payment.currency"),
            ("missing_key", "p_payment.reference"),
        ],
    ),
    "without an amount": (payment(None), [("missing_key", "p_payment.amount")]),
    "with an unknown key": (payment("20.00", tip=1), [("unknown_key", "p_payment.tip")]),
    "with an amount below zero": (payment(-20), [("invalid_value", "p_payment.amount")]),
    "with an amount below zero in a string": (
        payment("-20.00"),
        [("invalid_value", "p_payment.amount")],
    ),
    "with a tenth of a cent in a string": (
        payment("20.001"),
        [("invalid_value", "p_payment.amount")],
    ),
    "with a tenth of a cent": (payment(20.001), [("invalid_value", "p_payment.amount")]),
    "with NaN": (payment("NaN"), [("invalid_value", "p_payment.amount")]),
    "with an exponent": (payment("2e1"), [("invalid_value", "p_payment.amount")]),
    "with 1e300": (payment(1e300), [("invalid_value", "p_payment.amount")]),
    "with an array for an amount": (payment([20]), [("invalid_type", "p_payment.amount")]),
    "with a surcharge below zero": (
        payment("20.00", surcharge_amount="-1"),
        [("invalid_value", "p_payment.surcharge_amount")],
    ),
    "with true for a surcharge": (
        payment("20.00", surcharge_amount=True),
        [("invalid_type", "p_payment.surcharge_amount")],
    ),
    "with a surcharge below zero by its older name": (
        payment("20.00", fee_amount=-1),
        [("invalid_value", "p_payment.fee_amount")],
    ),
    "with a surcharge of another amount by its older name": (
        payment("20.50", surcharge_amount="0.50", fee_amount="0.49"),
        [("invalid_value", "p_payment.fee_amount")],
    ),
    "with no surcharge by its older name": (
        payment("20.50", surcharge_amount="0.50", fee_amount=0),
        [("invalid_value", "p_payment.fee_amount")],
    ),
    "with no surcharge but one by its older name": (
        payment("20.50", surcharge_amount=0, fee_amount="0.50"),
        [("invalid_value", "p_payment.fee_amount")],
    ),
    "with an older name that is no amount": (
        payment("20.50", surcharge_amount="0.50", fee_amount="half"),
        [("invalid_value", "p_payment.fee_amount")],
    ),
    "with a currency in lower case": (
        payment("20.00", currency="aud"),
        [("invalid_value", "p_payment.currency")],
    ),
    "with a number for a currency": (
        payment("20.00", currency=36),
        [("invalid_type", "p_payment.currency")],
    ),
    "with an empty reference": (payment("20.00", ""), [("invalid_value", "p_payment.reference")]),
    "with a reference of 201 characters": (
        payment("20.00", "x" * 201),
        [("invalid_value", "p_payment.reference")],
    ),
    "with an empty provider": (
        payment("20.00", provider=""),
        [("invalid_value", "p_payment.provider")],
    ),
    "with a provider of 51 characters": (
        payment("20.00", provider="x" * 51),
        [("invalid_value", "p_payment.provider")],
    ),
    "paid yesterday": (
        payment("20.00", paid_at="yesterday"),
        [("invalid_value", "p_payment.paid_at")],
    ),
    "paid at infinity": (
        payment("20.00", paid_at="infinity"),
        [("invalid_value", "p_payment.paid_at")],
    ),
    "with a number for a time": (
        payment("20.00", paid_at=1),
        [("invalid_type", "p_payment.paid_at")],
    ),
    "paid on 30 February": (
        payment("20.00", paid_at="2025-02-30T00:00:00Z"),
        [("invalid_value", "p_payment.paid_at")],
    ),
    "with a date for a time and without an amount": (
        payment(None, paid_at="20250101"),
        [("invalid_value", "p_payment.paid_at"), ("missing_key", "p_payment.amount")],
    ),
    # two values in one, which together look right
    "with two amounts in one": (payment("20.00 0"), [("invalid_value", "p_payment.amount")]),
    "with a currency and an amount in one": (
        payment(None, currency="AUD 20.00"),
        [
            ("invalid_value", "p_payment.currency"),
            ("missing_key", "p_payment.amount"),
        ],
    ),
    "with a surcharge and a time in one": (
        payment("20.00", surcharge_amount="0 2025-01-01T00:00:00Z"),
        [("invalid_value", "p_payment.surcharge_amount")],
    ),
}


@pytest.mark.parametrize(("reported", "found"), SHAPES.values(), ids=SHAPES)
def test_complete_payment_refuses_a_payment_of_another_shape(
    event_db: Connection, reported: object, found: list[tuple[str, str]]
) -> None:
    registration_id = book(event_db, ONE)
    before = dump(event_db)
    refusal = service(event_db).refusal(
        "complete_registration_payment", p_registration_id=registration_id, p_payment=reported
    )
    assert (refusal.sqlstate, refusal.found) == ("TK001", found)
    assert dump(event_db) == before


def test_complete_payment_reads_every_documented_form_of_a_payment(
    event_db: psycopg.Connection,
) -> None:
    for amount, paid_at in (
        ("20.5", "null"),
        ('"20.50"', '"2026-01-02T03:04:05Z"'),
        (f"20.5{'0' * 20}", '"2026-01-02 03:04+10"'),
    ):
        document = f"""
            {{"reference": "r", "currency": "AUD", "amount": {amount}, "fee_amount": null,
            "surcharge_amount": null, "provider": null, "paid_at": {paid_at}}}
        """
        assert event_db.execute(
            "SELECT ticketing_internal.payload_issues('p_payment', %s)", [document]
        ).fetchone() == ([],)
        assert event_db.execute(
            "SELECT provider, amount, surcharge_amount FROM ticketing_internal.read_payment(%s)",
            [document],
        ).fetchone() == ("default", Decimal("20.50"), 0)
