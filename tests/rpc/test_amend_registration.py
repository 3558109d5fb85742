"""amend_registration: what a paid registration holds becomes what is wanted, with its money."""

from decimal import Decimal

import pytest
from tests.support.amendments import Case, Sale, check, paid_in, sell
from tests.support.caller import Connection, Document, owner, service
from tests.support.example import NEWCOMER
from tests.support.stored import counters, dump, rows
from tests.support.workshop import (
    EARLIER,
    LATER,
    REGISTRATION,
    Ticket,
    one,
    only,
    pack,
    packed,
    rule,
    selected,
    single,
)

NONE = selected()
FIFTY, SEVENTY, THIRD = (selected(one(each)) for each in ("fifty", "seventy", "third"))
PASS = selected(pack("sunday pass"))
FOR_MASONS = only(rule("attendee_type", "equals", "mason"))
OVER: Document = {"sale_ends_at": EARLIER}


def fifty(attendee: str, quantity: int = 1) -> list[Ticket]:
    """Expect individual tickets at 50.00."""
    return single(attendee, "fifty", "50.00", quantity)


def seventy(attendee: str, quantity: int = 1) -> list[Ticket]:
    """Expect individual tickets at 70.00."""
    return single(attendee, "seventy", "70.00", quantity)


def third(attendee: str) -> list[Ticket]:
    """Expect an individual ticket at 33.33."""
    return single(attendee, "third", "33.33")


def sunday(attendee: str, package: str, first: str, second: str) -> list[Ticket]:
    """Expect the two tickets of a package of Sunday, at these prices."""
    return packed(attendee, package, ("fifty", first, "50.00"), ("seventy", second, "70.00"))


A_PASS, A_SURCHARGE = ("sunday pass", "50.00", "70.00"), ("surcharge", "83.33", "116.67")
A_PASS_AT_150 = ("sunday pass", "62.50", "87.50")

CASES = [
    # one attendee
    Case(
        "an exchange for the same price",
        Sale({"tomas": THIRD}),
        {"tomas": selected(one("other third"))},
        single("tomas", "other third", "33.33"),
    ),
    Case(
        "an exchange for something cheaper",
        Sale({"tomas": SEVENTY}),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
    ),
    Case(
        "an exchange for something dearer",
        Sale({"tomas": FIFTY}),
        {"tomas": SEVENTY},
        seventy("tomas"),
        costs="20.00",
    ),
    Case(
        "a dinner more for one of two",
        Sale({"walter": FIFTY, "tomas": FIFTY}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("walter") + fifty("tomas") + seventy("tomas"),
        costs="70.00",
    ),
    Case(
        "more of the same",
        Sale({"tomas": FIFTY}),
        {"tomas": selected(one("fifty", 3))},
        fifty("tomas", 3),
        costs="100.00",
    ),
    Case(
        "less of the same",
        Sale({"tomas": selected(one("fifty", 3))}),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="100.00",
    ),
    Case(
        "something for an attendee who had nothing",
        Sale({"tomas": FIFTY}),
        {"harold": FIFTY},
        fifty("tomas") + fifty("harold"),
        costs="50.00",
    ),
    # several attendees
    Case(
        "one of four attendees cannot come",
        Sale(dict.fromkeys(("walter", "ines", "tomas", "harold"), FIFTY)),
        {"tomas": NONE},
        fifty("walter") + fifty("ines") + fifty("harold"),
        refund_due="50.00",
    ),
    Case(
        "three of four attendees cannot come",
        Sale(dict.fromkeys(("walter", "ines", "tomas", "harold"), FIFTY)),
        {"tomas": NONE, "ines": NONE, "walter": NONE},
        fifty("harold"),
        refund_due="150.00",
    ),
    Case(
        "a ticket goes from one attendee to another",
        Sale({"tomas": FIFTY}),
        {"tomas": NONE, "ines": FIFTY},
        fifty("ines"),
    ),
    Case(
        "two attendees exchange what they have",
        Sale({"tomas": FIFTY, "ines": SEVENTY}),
        {"tomas": SEVENTY, "ines": FIFTY},
        seventy("tomas") + fifty("ines"),
    ),
    Case(
        "what one saves pays for a part of what another adds",
        Sale({"tomas": SEVENTY, "ines": FIFTY}),
        {"tomas": FIFTY, "ines": selected(one("fifty", 2))},
        fifty("tomas") + fifty("ines", 2),
        costs="30.00",
    ),
    # packages
    Case(
        "a package becomes another",
        Sale({"tomas": PASS}),
        {"tomas": selected(pack("surcharge"))},
        sunday("tomas", *A_SURCHARGE),
        costs="80.00",
    ),
    Case(
        "a package becomes a cheaper one",
        Sale({"tomas": selected(pack("surcharge"))}),
        {"tomas": PASS},
        sunday("tomas", *A_PASS),
        refund_due="80.00",
    ),
    Case(
        "a package becomes single tickets",
        Sale({"tomas": PASS}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("tomas") + seventy("tomas"),
    ),
    Case(
        "single tickets become a package",
        Sale({"tomas": selected(one("fifty"), one("seventy"))}),
        {"tomas": selected(pack("surcharge"))},
        sunday("tomas", *A_SURCHARGE),
        costs="80.00",
    ),
    Case(
        "all that an attendee has of packages goes",
        Sale({"tomas": selected(pack("sunday pass", 2)), "ines": FIFTY}),
        {"tomas": NONE},
        fifty("ines"),
        refund_due="240.00",
    ),
    Case(
        "a second copy of a package",
        Sale({"tomas": PASS}),
        {"tomas": selected(pack("sunday pass", 2))},
        sunday("tomas", *A_PASS) * 2,
        costs="120.00",
    ),
    Case(
        "one copy of a package less",
        Sale({"tomas": selected(pack("trio", 2))}),
        {"tomas": selected(pack("trio"))},
        packed(
            "tomas",
            "trio",
            ("third", "6.67", "33.33"),
            ("third", "6.67", "33.33"),
            ("third", "6.66", "33.33"),
        ),
        refund_due="20.00",
    ),
    # nothing to pay
    Case(
        "what was free becomes something that is not",
        Sale({"walter": selected(one("nothing"))}),
        {"walter": FIFTY},
        fifty("walter"),
        costs="50.00",
    ),
    Case(
        "what was paid becomes something that is free",
        Sale({"tomas": FIFTY}),
        {"tomas": selected(one("gift"))},
        single("tomas", "gift", "0.00"),
        refund_due="50.00",
    ),
    Case(
        "what is free becomes something else that is free",
        Sale({"walter": selected(one("nothing"))}),
        {"walter": selected(one("gift"))},
        single("walter", "gift", "0.00"),
    ),
    # prices that have changed since
    Case(
        "what is kept keeps its price, what comes costs more now",
        Sale({"tomas": FIFTY}, since={"fifty": {"price": "60.00"}}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas") + single("tomas", "fifty", "60.00"),
        costs="60.00",
    ),
    Case(
        "what is kept keeps its price, what comes costs less now",
        Sale({"tomas": FIFTY}, since={"fifty": {"price": "40.00"}}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas") + single("tomas", "fifty", "40.00"),
        costs="40.00",
    ),
    Case(
        "the others pay no more for what they have",
        Sale({"tomas": SEVENTY, "ines": PASS}, since={"fifty": {"price": "60.00"}}),
        {"tomas": FIFTY},
        single("tomas", "fifty", "60.00") + sunday("ines", *A_PASS),
        refund_due="10.00",
    ),
    Case(
        "a copy of a package is kept whole, at its price",
        Sale({"tomas": PASS}, since={"sunday pass": {"price": "150.00"}}),
        {"tomas": selected(pack("sunday pass", 2))},
        sunday("tomas", *A_PASS) + sunday("tomas", *A_PASS_AT_150),
        costs="150.00",
    ),
    # capacity
    Case(
        "an exchange inside of an event that is full",
        Sale({"tomas": THIRD}, given={"saturday": {"capacity": 1}}),
        {"tomas": selected(one("other third"))},
        single("tomas", "other third", "33.33"),
    ),
    Case(
        "two attendees exchange what is sold out",
        Sale(
            {"tomas": FIFTY, "ines": SEVENTY},
            given={"fifty": {"capacity": 1}, "seventy": {"capacity": 1}},
        ),
        {"tomas": SEVENTY, "ines": FIFTY},
        seventy("tomas") + fifty("ines"),
    ),
    Case(
        "a package that is sold out goes from one attendee to another",
        Sale({"tomas": PASS}, given={"sunday pass": {"capacity": 1}}),
        {"tomas": NONE, "ines": PASS},
        sunday("ines", *A_PASS),
    ),
    Case(
        "a sold out ticket leaves its package",
        Sale({"tomas": PASS}, given={"fifty": {"capacity": 1}, "sunday": {"capacity": 2}}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("tomas") + seventy("tomas"),
    ),
    Case(
        "the last ticket",
        Sale({"tomas": FIFTY}, given={"fifty": {"capacity": 2}}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas", 2),
        costs="50.00",
    ),
    Case(
        "a pool that is smaller now than what is sold of it",
        Sale({"tomas": selected(one("fifty", 3))}, since={"fifty": {"capacity": 3}}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas", 2),
        refund_due="50.00",
    ),
    Case(
        "what another registration holds no longer",
        Sale({"tomas": FIFTY}, given={"fifty": {"capacity": 2}}, others=FIFTY, are_overdue=True),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas", 2),
        costs="50.00",
    ),
    # who, and when
    Case(
        "staff, whatever the owner may",
        Sale({"tomas": SEVENTY}, deadlines=(None, None)),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
        by="staff",
    ),
    Case(
        "staff, after the deadlines of the owner",
        Sale({"tomas": SEVENTY}, deadlines=(EARLIER, EARLIER)),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
        by="staff",
    ),
    Case(
        "the service, whatever the owner may",
        Sale({"tomas": SEVENTY}, deadlines=(None, None)),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
        by="service",
    ),
    Case(
        "the service with a payment, after the deadlines of the owner",
        Sale({"tomas": FIFTY}, deadlines=(EARLIER, EARLIER)),
        {"tomas": SEVENTY},
        seventy("tomas"),
        costs="20.00",
        by="service",
    ),
    Case(
        "an owner after refunds have ended, for the same price",
        Sale({"tomas": THIRD}, deadlines=(LATER, EARLIER)),
        {"tomas": selected(one("other third"))},
        single("tomas", "other third", "33.33"),
    ),
    Case(
        "an owner to whom nothing is given back, for more",
        Sale({"tomas": FIFTY}, deadlines=(LATER, None)),
        {"tomas": SEVENTY},
        seventy("tomas"),
        costs="20.00",
    ),
    # sale windows
    Case(
        "an owner gives back what is not on sale any more",
        Sale({"tomas": FIFTY, "ines": FIFTY}, since={"fifty": OVER}),
        {"tomas": NONE},
        fifty("ines"),
        refund_due="50.00",
    ),
    Case(
        "an owner adds something, and keeps what is not on sale any more",
        Sale({"tomas": FIFTY}, since={"fifty": OVER}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("tomas") + seventy("tomas"),
        costs="70.00",
    ),
    Case(
        "staff add what is not on sale any more",
        Sale({"tomas": SEVENTY}, since={"fifty": OVER}),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
        by="staff",
        waived=["sale_ended"],
    ),
    Case(
        "staff add a package that is not on sale yet",
        Sale({"tomas": FIFTY}, since={"sunday pass": {"sale_starts_at": LATER}}),
        {"tomas": PASS},
        sunday("tomas", *A_PASS),
        costs="70.00",
        by="staff",
        waived=["not_yet_on_sale"],
    ),
    Case(
        "staff add something after registration has closed",
        Sale({"tomas": SEVENTY}, since_function={"registration_closes_at": EARLIER}),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
        by="staff",
        waived=["registration_closed"],
    ),
    Case(
        "the service adds something before registration opens, and what is not on sale any more",
        Sale(
            {"tomas": SEVENTY},
            since={"fifty": OVER},
            since_function={"registration_opens_at": LATER},
        ),
        {"tomas": FIFTY},
        fifty("tomas"),
        refund_due="20.00",
        by="service",
        waived=["registration_not_open", "sale_ended"],
    ),
    Case(
        "an owner gives something back after registration has closed",
        Sale({"tomas": FIFTY, "ines": FIFTY}, since_function={"registration_closes_at": EARLIER}),
        {"tomas": NONE},
        fifty("ines"),
        refund_due="50.00",
    ),
    Case(
        "an owner gives something back when all is over",
        Sale({"tomas": FIFTY, "ines": FIFTY}, since_function={"status": "closed"}),
        {"tomas": NONE},
        fifty("ines"),
        refund_due="50.00",
    ),
    Case(
        "an inactive ticket type is kept",
        Sale({"tomas": FIFTY}, since={"fifty": {"is_active": False}}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("tomas") + seventy("tomas"),
        costs="70.00",
    ),
    # rules that were broken before the change, as they were made after the sale
    Case(
        "what an attendee may not have any more is kept beside something else",
        Sale({"tomas": FIFTY}, since={"fifty": FOR_MASONS}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("tomas") + seventy("tomas"),
        costs="70.00",
        waived=["not_eligible"],
    ),
    Case(
        "what an attendee may not have any more is kept, and another gets more of it",
        Sale({"tomas": FIFTY, "walter": FIFTY}, since={"fifty": FOR_MASONS}),
        {"tomas": FIFTY, "walter": selected(one("fifty", 2))},
        fifty("tomas") + fifty("walter", 2),
        costs="50.00",
        waived=["not_eligible"],
    ),
    Case(
        "a package that an attendee may not have any more is kept beside a part of it",
        Sale(
            {"tomas": PASS},
            function={"selection_mode": "mixed"},
            since={"sunday pass": FOR_MASONS},
        ),
        {"tomas": selected(pack("sunday pass"), one("fifty"))},
        fifty("tomas") + sunday("tomas", *A_PASS),
        costs="50.00",
        waived=["not_eligible"],
    ),
    Case(
        "what is for people of whom more would have to be known now",
        Sale({"tomas": FIFTY}, since={"fifty": only(rule("rank", "equals", "GL"))}),
        {"tomas": selected(one("fifty"), one("seventy"))},
        fifty("tomas") + seventy("tomas"),
        costs="70.00",
        waived=["fact_missing"],
    ),
    Case(
        "less of what an attendee may not have any more",
        Sale({"tomas": selected(one("fifty", 3))}, since={"fifty": FOR_MASONS}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas", 2),
        refund_due="50.00",
        waived=["not_eligible"],
    ),
    Case(
        "a package in which is what an attendee may not have any more",
        Sale({"tomas": selected(pack("sunday pass", 2))}, since={"fifty": FOR_MASONS}),
        {"tomas": PASS},
        sunday("tomas", *A_PASS),
        refund_due="120.00",
        waived=["not_eligible"],
    ),
    Case(
        "nearer to the most that an attendee may have",
        Sale({"tomas": selected(one("fifty", 3))}, since={"fifty": {"max_per_attendee": 1}}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas", 2),
        refund_due="50.00",
        waived=["above_maximum"],
    ),
    Case(
        "something else beside more than an attendee may have",
        Sale({"tomas": selected(one("fifty", 2))}, since={"fifty": {"max_per_attendee": 1}}),
        {"tomas": selected(one("fifty", 2), one("seventy"))},
        fifty("tomas", 2) + seventy("tomas"),
        costs="70.00",
        waived=["above_maximum"],
    ),
    Case(
        "nearer to the least that an attendee has to have",
        Sale({"tomas": FIFTY}, since={"fifty": {"min_per_attendee": 3}}),
        {"tomas": selected(one("fifty", 2))},
        fifty("tomas", 2),
        costs="50.00",
        waived=["below_minimum"],
    ),
    Case(
        "nearer to the most that a registration may have",
        Sale(
            {"walter": FIFTY, "tomas": FIFTY, "ines": FIFTY},
            since={"fifty": {"max_per_registration": 1}},
        ),
        {"walter": NONE},
        fifty("tomas") + fifty("ines"),
        refund_due="50.00",
    ),
    Case(
        "more than a registration may have goes to another attendee",
        Sale({"walter": FIFTY, "tomas": FIFTY}, since={"fifty": {"max_per_registration": 1}}),
        {"walter": NONE, "ines": FIFTY},
        fifty("tomas") + fifty("ines"),
        waived=["above_registration_maximum"],
    ),
    Case(
        "less beside a package, which may not be mixed any more",
        Sale(
            {"tomas": selected(pack("sunday pass"), one("third"), one("gift"))},
            function={"selection_mode": "mixed"},
            since_function={"selection_mode": "exclusive"},
        ),
        {"tomas": selected(pack("sunday pass"), one("gift"))},
        sunday("tomas", *A_PASS) + single("tomas", "gift", "0.00"),
        refund_due="33.33",
        waived=["mixed_selection"],
    ),
    Case(
        "less of a package that is for other registrations now",
        Sale(
            {"tomas": selected(pack("sunday pass", 2))},
            since={"sunday pass": {"registration_types": ["lodges"]}},
        ),
        {"tomas": PASS},
        sunday("tomas", *A_PASS),
        refund_due="120.00",
        waived=["registration_type_not_allowed"],
    ),
    Case(
        "what breaks several rules goes, and something else comes",
        Sale(
            {"tomas": selected(one("fifty", 2))},
            since={"fifty": FOR_MASONS | {"max_per_attendee": 1}},
        ),
        {"tomas": SEVENTY},
        seventy("tomas"),
        refund_due="30.00",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_amend_registration_makes_it_so(
    event_db: Connection, wizard_state: Document, case: Case
) -> None:
    check(sell(event_db, wizard_state, case.sale), case)


# Beyond one change


def test_amend_registration_that_changes_nothing(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db, wizard_state, Sale({"tomas": FIFTY, "ines": PASS}, deadlines=(LATER, None))
    )
    before, known = dump(event_db), booth.known()
    for wanted in (
        {},
        {"tomas": FIFTY},
        {"ines@db": PASS, "tomas": FIFTY},
        {"harold": NONE},
        {"tomas": {"packages": None, "individualTickets": [one("fifty"), one("gift", 0)]}},
    ):
        # whatever revision is expected
        answer = booth.amended("owner", wanted, p_expected_revision=0)
        assert (answer["tickets_created"], answer["tickets_cancelled"]) == (0, 0)
        assert answer["revision"] == known["revision"]
        assert answer["payment_id"] is None
        assert dump(event_db) == before


def test_amend_registration_lets_the_newest_go(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 2))}))
    first = booth.ids("tomas")
    booth.amended("service", {"tomas": selected(one("fifty", 4))}, p_payment=paid_in("100.00"))
    later = booth.ids("tomas")
    assert later[:2] == first
    for left in (3, 2, 1):
        booth.amended("owner", {"tomas": selected(one("fifty", left))})
        assert booth.ids("tomas") == later[:left]
    # what has gone does not come back
    booth.amended("owner", {"tomas": selected(one("fifty", 2))})
    assert booth.ids("tomas")[:1] == later[:1]
    assert not set(booth.ids("tomas")[1:]) & set(later)


def test_amend_registration_there_and_back(event_db: Connection, wizard_state: Document) -> None:
    """A package becomes single tickets and a package again, three times; nothing is lost."""
    booth = sell(event_db, wizard_state, Sale({"tomas": PASS, "ines": FIFTY}))
    revision, others, full = booth.known()["revision"], booth.ids("ines"), counters(event_db)
    singles = selected(one("fifty"), one("seventy"))
    for wanted in (singles, PASS) * 3:
        answer = booth.amended("owner", {"tomas": wanted})
        assert (answer["tickets_created"], answer["tickets_cancelled"]) == (2, 2)
        assert (str(answer["total"]), str(answer["refund_due"])) == ("170.00", "0.00")
        revision += 1
        assert answer["revision"] == revision
    assert booth.ids("ines") == others
    assert counters(event_db) == full
    assert len(booth.tickets()) == 3 + 6 * 2
    assert [each["change"] for each in booth.record()] == ["amended"] * 6


def test_amend_registration_keeps_package_copies_whole(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(pack("trio", 3))}))
    booth.amended("owner", {"tomas": selected(pack("trio", 2))})
    copies = rows(
        event_db,
        """
        SELECT status, sum(price_paid)::text AS price FROM ticketing.tickets
        WHERE registration_id = %s GROUP BY status, package_number ORDER BY status
        """,
        REGISTRATION,
    )
    assert [(each["status"], each["price"]) for each in copies] == [
        ("Active", "20.00"),
        ("Active", "20.00"),
        ("Cancelled", "20.00"),
    ]


def test_amend_registration_for_a_lodge_by_its_contact(
    event_db: Connection, wizard_state: Document
) -> None:
    by_contact: Document = {"primaryAttendee": None, "additionalAttendees": []}
    lodge = by_contact | {"registrationType": "lodges"}
    sale = Sale({"contact": selected(pack("trio", 4))}, registration=lodge)
    case = Case(
        "",
        sale,
        {"contact": selected(pack("trio", 5))},
        packed(
            "contact",
            "trio",
            ("third", "6.67", "33.33"),
            ("third", "6.67", "33.33"),
            ("third", "6.66", "33.33"),
        )
        * 5,
        costs="20.00",
    )
    check(sell(event_db, wizard_state, sale), case)


@pytest.mark.parametrize("currency", ["JPY", "KRW"])
def test_amend_registration_in_a_currency_without_decimals(
    event_db: Connection, wizard_state: Document, currency: str
) -> None:
    whole = {name: {"price": "33"} for name in ("third", "other third", "last third")}
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(one("fifty"))},
            given=whole | {"two of each": {"price": "100"}, "cent": {"price": "1"}},
            function={"currency": currency},
        ),
        currency=currency,
    )
    quote = booth.quote("owner", {"tomas": selected(pack("cent"))})
    assert (str(quote["amount_due"]), str(quote["refund_due"])) == ("0", "49")
    answer = booth.amended("owner", {"tomas": selected(pack("cent"))})
    money = ("subtotal", "adjustment", "total", "paid", "refunded", "amount_due", "refund_due")
    assert [str(answer[key]) for key in money] == ["1", "0", "1", "50", "0", "0", "49"]
    refused = booth.amend("owner", {"tomas": SEVENTY})
    assert str(refused.issues[0]["expected"]) == "20"
    refusal = booth.refuses(
        "service", {"tomas": SEVENTY}, p_payment=paid_in("20.5", currency=currency)
    )
    assert refusal == ("TK007", [("amount_mismatch", "p_payment.amount")] * 2)
    answer = booth.amended(
        "service", {"tomas": SEVENTY}, p_payment=paid_in("20.00", currency=currency)
    )
    assert [str(answer[key]) for key in money] == ["70", "0", "70", "70", "0", "0", "0"]
    recorded = rows(
        event_db,
        """
        SELECT old_values ->> 'subtotal' AS before, new_values ->> 'subtotal' AS after
        FROM ticketing.registration_changes WHERE registration_id = %s ORDER BY change_id
        """,
        REGISTRATION,
    )
    assert [(each["before"], each["after"]) for each in recorded] == [("50", "1"), ("1", "70")]


# With what else changes after payment


def test_amend_registration_for_an_attendee_who_was_added_after_payment(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 2))}))
    owner(event_db).call(
        "update_attendees",
        p_registration_id=REGISTRATION,
        p_attendees=[{"attendeeId": NEWCOMER, "attendeeType": "guest", "firstName": "Nora"}],
    )
    kept, given = booth.ids("tomas")
    answer = booth.amended("owner", {"tomas": FIFTY, NEWCOMER: FIFTY})
    assert (answer["tickets_created"], answer["tickets_cancelled"]) == (1, 1)
    assert booth.ids("tomas") == [kept]
    (new,) = booth.ids(NEWCOMER)
    assert new != given
    assert str(answer["total"]) == "100.00"


def test_amend_registration_keeps_holders(event_db: Connection, wizard_state: Document) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 2))}))
    first, second = booth.ids("tomas")
    nora, olga = ({"firstName": name, "lastName": "Brandt"} for name in ("Nora", "Olga"))
    owner(event_db).call(
        "assign_tickets",
        p_registration_id=REGISTRATION,
        p_holders=[{"ticket_id": first, "holder": nora}, {"ticket_id": second, "holder": olga}],
    )
    booth.amended("owner", {"tomas": FIFTY})
    holders = {
        each["ticket_id"]: each["holder"]["firstName"]
        for each in booth.known()["tickets"]
        if each["status"] == "Active"
    }
    assert holders == {first: "Nora"}


@pytest.mark.parametrize(
    ("adjustment", "due", "refund_due"),
    [("-10.00", "10.00", "0.00"), ("-20.00", "0.00", "0.00"), ("-35.00", "0.00", "15.00")],
)
def test_amend_registration_with_an_adjustment(
    event_db: Connection, wizard_state: Document, adjustment: str, due: str, refund_due: str
) -> None:
    """A discount that was given later counts as soon as something costs more."""
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    service(event_db).call(
        "adjust_registration",
        p_registration_id=REGISTRATION,
        p_adjustment=adjustment,
        p_reason="The band did not come.",
    )
    quote = booth.quote("owner", {"tomas": SEVENTY})
    assert (str(quote["amount_due"]), str(quote["refund_due"])) == (due, refund_due)
    money = None if due == "0.00" else paid_in(due)
    answer = booth.amended("service", {"tomas": SEVENTY}, p_payment=money)
    assert str(answer["adjustment"]) == adjustment
    assert str(answer["total"]) == str(Decimal("70.00") + Decimal(adjustment))
    assert (str(answer["amount_due"]), str(answer["refund_due"])) == ("0.00", refund_due)
    # and of what becomes cheaper than the discount nothing is left to pay
    booth.amended("owner", {"tomas": selected(one("gift"))})
    assert booth.money()["total"] == "0.00"
    assert booth.money()["refund_due"] == str(Decimal("50.00") + Decimal(due))
