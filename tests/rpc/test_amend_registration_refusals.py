"""amend_registration: what is refused, with every issue, and leaves all as it was."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from tests.support.amendments import Booth, Sale, paid_in, persist, sell
from tests.support.bookings import allow_changes, let_lapse
from tests.support.caller import (
    JSON_NULL,
    Caller,
    Connection,
    Document,
    anonymous,
    owner,
    service,
    stranger,
)
from tests.support.example import ABSENT
from tests.support.stored import dump
from tests.support.workshop import (
    EARLIER,
    FUNCTION,
    IDS,
    LATER,
    OTHER_REGISTRATION,
    REGISTRATION,
    WORKSHOP,
    Names,
    amend,
    create,
    one,
    only,
    pack,
    rule,
    selected,
)

NONE = selected()
FIFTY, SEVENTY, THIRD = (selected(one(each)) for each in ("fifty", "seventy", "third"))
PASS = selected(pack("sunday pass"))
FOR_MASONS = only(rule("attendee_type", "equals", "mason"))
OF_TOMAS = "p_selections.tomas"
FIRST = f"{OF_TOMAS}.individualTickets[0]"
SECOND = f"{OF_TOMAS}.individualTickets[1]"
PACKAGE = f"{OF_TOMAS}.packages[0]"
IT = "p_registration_id"

Issues = list[tuple[str, str]]


@dataclass(frozen=True)
class Refusal:
    """An amendment that is refused.

    Attributes:
        name: Why.
        sale: Its circumstances.
        wanted: What attendees are to hold.
        issues: Code and path of each issue, in the order of paths.
        sqlstate: The class.
        by: Who asks.
        details: What the first issue says, besides.
        quoted: The issues of the quote, if they are others.
    """

    name: str
    sale: Sale
    wanted: Mapping[str, Document]
    issues: Issues
    sqlstate: str = "TK004"
    by: str = "owner"
    details: Mapping[str, object] = field(default_factory=dict)
    quoted: Issues | None = None


CASES = [
    # the time of the owner
    Refusal(
        "an owner after the deadline",
        Sale({"tomas": FIFTY}, deadlines=(EARLIER, LATER)),
        {"tomas": SEVENTY},
        [("changes_ended", IT)],
        "TK003",
        details={"expected": EARLIER},
    ),
    Refusal(
        "an owner where owners change nothing",
        Sale({"tomas": FIFTY}, deadlines=(None, LATER)),
        {"tomas": SEVENTY},
        [("changes_ended", IT)],
        "TK003",
        details={"expected": None},
    ),
    Refusal(
        "an owner to whom nothing is given back any more",
        Sale({"tomas": SEVENTY}, deadlines=(LATER, EARLIER)),
        {"tomas": FIFTY},
        [("refunds_ended", "p_selections")],
        details={"expected": EARLIER},
    ),
    Refusal(
        "an owner where nothing is given back",
        Sale({"tomas": SEVENTY}, deadlines=(LATER, None)),
        {"tomas": FIFTY},
        [("refunds_ended", "p_selections")],
        details={"expected": None},
    ),
    Refusal(
        "an owner after both deadlines",
        Sale({"tomas": SEVENTY}, deadlines=(EARLIER, EARLIER)),
        {"tomas": FIFTY},
        [("changes_ended", IT)],
        "TK003",
        quoted=[("changes_ended", IT), ("refunds_ended", "p_selections")],
    ),
    Refusal(
        "an owner after refunds have ended, and a rule that is broken",
        Sale({"tomas": SEVENTY}, given={"fifty": FOR_MASONS}, deadlines=(LATER, EARLIER)),
        {"tomas": FIFTY},
        [("refunds_ended", "p_selections"), ("not_eligible", FIRST)],
    ),
    Refusal(
        "nothing would be left",
        Sale({"tomas": FIFTY, "ines": FIFTY}),
        {"tomas": NONE, "ines": NONE},
        [("registration_empty", "p_selections")],
    ),
    Refusal(
        "nothing would be left, by staff",
        Sale({"tomas": PASS}, deadlines=(None, None)),
        {"tomas": NONE},
        [("registration_empty", "p_selections")],
        by="staff",
    ),
    # rules
    Refusal(
        "an attendee may not have it",
        Sale({"tomas": THIRD}, given={"fifty": FOR_MASONS}),
        {"tomas": FIFTY},
        [("not_eligible", FIRST)],
        by="service",
    ),
    Refusal(
        "more than an attendee may have",
        Sale({"tomas": FIFTY}, given={"fifty": {"max_per_attendee": 2}}),
        {"tomas": selected(one("fifty", 3))},
        [("above_maximum", FIRST)],
        by="staff",
        details={"expected": 2, "actual": 3},
    ),
    Refusal(
        "less than an attendee has to have",
        Sale({"tomas": selected(one("fifty", 2))}, given={"fifty": {"min_per_attendee": 2}}),
        {"tomas": FIFTY},
        [("below_minimum", FIRST)],
        details={"expected": 2, "actual": 1},
    ),
    Refusal(
        "more than a registration may have",
        Sale({"ines": FIFTY}, given={"fifty": {"max_per_registration": 1}}),
        {"tomas": FIFTY},
        [("above_registration_maximum", FIRST)],
        details={"expected": 1, "actual": 2},
    ),
    Refusal(
        "a package and a single ticket",
        Sale({"tomas": PASS}),
        {"tomas": selected(pack("sunday pass"), one("third"))},
        [("mixed_selection", OF_TOMAS)],
    ),
    Refusal(
        "a package for other registrations",
        Sale({"tomas": FIFTY}, given={"surcharge": {"registration_types": ["lodges"]}}),
        {"tomas": selected(pack("surcharge"))},
        [("registration_type_not_allowed", PACKAGE)],
    ),
    # rules that were broken before, and are broken more
    Refusal(
        "another of what an attendee may not have any more",
        Sale({"tomas": FIFTY}, since={"fifty": FOR_MASONS}),
        {"tomas": selected(one("fifty", 2))},
        [("not_eligible", FIRST)],
        by="staff",
    ),
    Refusal(
        "another for people of whom more would have to be known now",
        Sale({"tomas": FIFTY}, since={"fifty": only(rule("rank", "equals", "GL"))}),
        {"tomas": selected(one("fifty", 2))},
        [("fact_missing", FIRST)],
    ),
    Refusal(
        "one kind that is broken already hides no other",
        Sale(
            {"tomas": selected(one("fifty", 2))},
            given={"seventy": {"max_per_attendee": 1}},
            since={"fifty": {"max_per_attendee": 1}},
        ),
        {"tomas": selected(one("fifty", 2), one("seventy", 2))},
        [("above_maximum", SECOND)],
    ),
    Refusal(
        "one attendee who breaks a rule already hides no other",
        Sale({"ines": selected(one("fifty", 2))}, since={"fifty": {"max_per_attendee": 1}}),
        {"ines": selected(one("fifty", 2)), "tomas": selected(one("fifty", 2))},
        [("above_maximum", FIRST)],
    ),
    Refusal(
        "what another attendee has, and may not have any more",
        Sale({"ines": FIFTY}, since={"fifty": FOR_MASONS}),
        {"ines": NONE, "tomas": FIFTY},
        [("not_eligible", FIRST)],
    ),
    Refusal(
        "a package of what an attendee may not have any more",
        Sale({"tomas": FIFTY}, since={"fifty": FOR_MASONS}),
        {"tomas": PASS},
        [("not_eligible", PACKAGE)],
    ),
    Refusal(
        "further above what an attendee may have",
        Sale({"tomas": selected(one("fifty", 2))}, since={"fifty": {"max_per_attendee": 1}}),
        {"tomas": selected(one("fifty", 3))},
        [("above_maximum", FIRST)],
        by="staff",
    ),
    Refusal(
        "further below what an attendee has to have",
        Sale({"tomas": selected(one("fifty", 2))}, since={"fifty": {"min_per_attendee": 3}}),
        {"tomas": FIFTY},
        [("below_minimum", FIRST)],
        by="staff",
    ),
    Refusal(
        "further above what a registration may have",
        Sale(
            {"ines": FIFTY, "walter": FIFTY},
            since={"fifty": {"max_per_registration": 1}},
        ),
        {"tomas": FIFTY},
        [("above_registration_maximum", FIRST)],
        by="staff",
    ),
    Refusal(
        "more beside a package, which may not be mixed any more",
        Sale(
            {"tomas": selected(pack("sunday pass"), one("third"))},
            function={"selection_mode": "mixed"},
            since_function={"selection_mode": "exclusive"},
        ),
        {"tomas": selected(pack("sunday pass"), one("third", 2))},
        [("mixed_selection", OF_TOMAS)],
        by="staff",
    ),
    Refusal(
        "another copy of a package that is for other registrations now",
        Sale({"tomas": PASS}, since={"sunday pass": {"registration_types": ["lodges"]}}),
        {"tomas": selected(pack("sunday pass", 2))},
        [("registration_type_not_allowed", PACKAGE)],
        by="staff",
    ),
    # what is not on sale
    Refusal(
        "an owner adds what is not on sale any more",
        Sale({"tomas": THIRD}, since={"fifty": {"sale_ends_at": EARLIER}}),
        {"tomas": selected(one("third"), one("fifty"))},
        [("sale_ended", SECOND)],
    ),
    Refusal(
        "an owner exchanges something for what is not on sale yet",
        Sale({"tomas": SEVENTY}, since={"fifty": {"sale_starts_at": LATER}}),
        {"tomas": FIFTY},
        [("not_yet_on_sale", FIRST)],
    ),
    Refusal(
        "an owner adds something after registration has closed",
        Sale({"tomas": FIFTY}, since_function={"registration_closes_at": EARLIER}),
        {"tomas": selected(one("fifty", 2))},
        [("registration_closed", "p_selections")],
    ),
    Refusal(
        "an owner adds something before registration opens",
        Sale({"tomas": FIFTY}, since_function={"registration_opens_at": LATER}),
        {"tomas": selected(one("fifty", 2))},
        [("registration_not_open", "p_selections")],
    ),
    Refusal(
        "staff add what is inactive, and not on sale any more",
        Sale({"tomas": THIRD}, since={"fifty": {"is_active": False, "sale_ends_at": EARLIER}}),
        {"tomas": FIFTY},
        [("inactive", FIRST)],
        by="staff",
    ),
    Refusal(
        "an owner adds an inactive package",
        Sale({"tomas": FIFTY}, since={"sunday pass": {"is_active": False}}),
        {"tomas": PASS},
        [("inactive", PACKAGE)],
    ),
    Refusal(
        "staff add something when all is over",
        Sale({"tomas": SEVENTY}, since_function={"status": "closed"}),
        {"tomas": FIFTY},
        [("function_not_published", "p_selections")],
        by="staff",
    ),
    # capacity
    Refusal(
        "sold out",
        Sale({"tomas": FIFTY}, given={"fifty": {"capacity": 2}}),
        {"tomas": selected(one("fifty", 3))},
        [("sold_out", FIRST)],
        "TK005",
        details={"requested": 2, "available": 1},
    ),
    Refusal(
        "sold out to staff",
        Sale({"tomas": THIRD}, given={"seventy": {"capacity": 1}}, others=SEVENTY),
        {"tomas": SEVENTY},
        [("sold_out", FIRST)],
        "TK005",
        by="staff",
    ),
    Refusal(
        "the event is full",
        Sale({"tomas": SEVENTY}, given={"saturday": {"capacity": 1}}, others=THIRD),
        {"tomas": THIRD},
        [("sold_out", FIRST)],
        "TK005",
    ),
    Refusal(
        "a shared pool is full",
        Sale(
            {"tomas": THIRD},
            pools=[
                {
                    "capacity_pool_id": "shared pool",
                    "name": "Shared",
                    "capacity": 1,
                    "ticket_type_ids": ["third", "fifty"],
                    "package_ids": [],
                }
            ],
        ),
        {"tomas": selected(one("third"), one("fifty"))},
        [("sold_out", SECOND)],
        "TK005",
    ),
    Refusal(
        "a package is sold out",
        Sale({"tomas": PASS}, given={"sunday pass": {"capacity": 1}}),
        {"tomas": selected(pack("sunday pass", 2))},
        [("sold_out", PACKAGE)],
        "TK005",
    ),
    Refusal(
        "an attendee takes before another gives",
        Sale({"tomas": FIFTY, "ines": SEVENTY}, given={"seventy": {"capacity": 1}}),
        {"tomas": SEVENTY},
        [("sold_out", FIRST)],
        "TK005",
    ),
    Refusal(
        "sold out, and not for this attendee",
        Sale(
            {"tomas": THIRD},
            given={"fifty": {"capacity": 1, **FOR_MASONS}},
        ),
        {"tomas": selected(one("fifty", 2))},
        [("not_eligible", FIRST), ("sold_out", FIRST)],
    ),
    # what is not there
    Refusal(
        "no such attendee",
        Sale({"tomas": FIFTY}),
        {"absent": FIFTY},
        [("attendee_not_found", "p_selections.absent")],
    ),
    Refusal(
        "no such ticket type, and no such package",
        Sale({"tomas": FIFTY}),
        {
            "tomas": selected(one("banquet")),
            "ines": selected(pack("no such thing")),
        },
        [
            ("package_not_found", "p_selections.ines.packages[0].packageId"),
            ("ticket_type_not_found", f"{FIRST}.ticketId"),
        ],
    ),
    Refusal(
        "an attendee by both ids",
        Sale({"tomas": FIFTY}),
        {"tomas": SEVENTY, "tomas@db": THIRD},
        [("attendee_named_twice", OF_TOMAS)],
    ),
    Refusal(
        "a package that is said to hold something else",
        Sale({"tomas": FIFTY}),
        {"tomas": selected(pack("sunday pass", contents=["fifty", "third"]))},
        [("package_contents_mismatch", f"{PACKAGE}.tickets")],
    ),
    Refusal(
        "several things at once",
        Sale(
            {"tomas": FIFTY, "ines": THIRD},
            given={"seventy": {"max_per_attendee": 1}, "trio": FOR_MASONS},
            since={"gift": {"sale_ends_at": EARLIER}},
        ),
        {
            "tomas": selected(one("seventy", 2), one("gift")),
            "ines": selected(pack("trio")),
        },
        [
            ("not_eligible", "p_selections.ines.packages[0]"),
            ("above_maximum", FIRST),
            ("sale_ended", SECOND),
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_amend_registration_refuses(
    event_db: Connection, wizard_state: Document, case: Refusal
) -> None:
    booth = sell(event_db, wizard_state, case.sale)
    before = dump(event_db)
    quote = booth.quote(case.by, case.wanted)
    assert not quote["valid"]
    assert booth.said(quote["issues"]) == (case.quoted or case.issues)

    revision = booth.known()["revision"]
    outcome = booth.amend(case.by, case.wanted, p_expected_revision=revision)
    assert outcome.sqlstate == case.sqlstate
    assert booth.said(outcome.issues) == case.issues
    assert {key: outcome.issues[0].get(key) for key in case.details} == case.details
    if case.quoted is None:
        assert outcome.issues == quote["issues"]
    assert dump(event_db) == before
    # whatever is paid with it
    if case.sqlstate != "TK003":
        outcome = booth.amend("service", case.wanted, p_payment=paid_in("12.34"))
        assert outcome.sqlstate
        assert dump(event_db) == before


# States


def unpaid(booth: Booth, state: str) -> Booth:
    """Bring another registration of the owner into a state, and return it."""
    all_four = dict.fromkeys(("walter", "ines", "tomas", "harold"), THIRD)
    persist(booth, OTHER_REGISTRATION, all_four)
    on_it = {"p_registration_id": OTHER_REGISTRATION}
    if state == "pending":
        owner(booth.db).call("start_payment", **on_it)
    elif state == "cancelled":
        owner(booth.db).call("cancel_registration", **on_it)
    elif state != "draft":
        let_lapse(booth.db, OTHER_REGISTRATION)
    if state == "expired":
        service(booth.db).call("release_expired_holds")
    return replace(booth, registration=OTHER_REGISTRATION)


@pytest.mark.parametrize("state", ["draft", "pending", "overdue", "expired", "cancelled"])
def test_amend_registration_that_is_not_paid(
    event_db: Connection, wizard_state: Document, state: str
) -> None:
    booth = unpaid(sell(event_db, wizard_state, Sale({"tomas": FIFTY}, others=THIRD)), state)
    status = {"overdue": "draft"}.get(state, state)
    before = dump(event_db)
    for by, money in (
        ("owner", None),
        ("staff", None),
        ("service", None),
        ("service", paid_in("36.67")),
    ):
        outcome = booth.amend(by, {"tomas": SEVENTY}, p_payment=money)
        assert booth.refusal(outcome) == ("TK003", [("not_editable", IT)])
        (issue,) = outcome.issues
        assert (issue["expected"], issue["actual"]) == (["completed"], status)
    assert dump(event_db) == before


def test_amend_registration_that_is_cancelled_after_payment(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    service(event_db).call("cancel_registration", p_registration_id=REGISTRATION)
    for by in ("owner", "service"):
        assert booth.refuses(by, {"tomas": SEVENTY}) == ("TK003", [("not_editable", IT)])


# Callers


def test_amend_registration_by_others(event_db: Connection, wizard_state: Document) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    before = dump(event_db)
    arguments = {"p_registration_id": REGISTRATION, "p_selections": [], "p_payment": {}}
    for caller, code, issue in (
        (stranger(event_db), "TK002", ("registration_not_found", IT)),
        (anonymous(event_db), "42501", ("not_authenticated", IT)),
        (Caller(event_db), "42501", ("not_authenticated", IT)),
    ):
        refusal = caller.refusal("amend_registration", **arguments)
        assert (refusal.sqlstate, refusal.found) == (code, [issue])
    nowhere = service(event_db).refusal("amend_registration", **arguments | {IT: ABSENT})
    assert (nowhere.sqlstate, nowhere.found) == ("TK002", [("registration_not_found", IT)])
    # a payment is the service's alone, whatever is in it
    for by in ("owner", "staff"):
        for money in (paid_in("20.00"), {}, 1, False):
            outcome = booth.amend(by, {"tomas": SEVENTY}, p_payment=money)
            assert booth.refusal(outcome) == ("42501", [("not_allowed", "p_payment")])
    assert dump(event_db) == before
    # and null is none
    for null in (None, JSON_NULL):
        refused = booth.refuses("owner", {"tomas": SEVENTY}, p_payment=null)
        assert refused == ("TK007", [("payment_required", "p_payment")])


# Shapes

UNREADABLE: Mapping[str, tuple[object, Issues]] = {
    "none": (None, [("missing_key", "p_selections")]),
    "null": (JSON_NULL, [("missing_key", "p_selections")]),
    "a list": ([], [("invalid_type", "p_selections")]),
    "a text": ("x", [("invalid_type", "p_selections")]),
    "an attendee that is no id": ({"x": {}}, [("invalid_value", "p_selections.x")]),
    "an unknown key": (
        {ABSENT: {"tickets": []}},
        [("unknown_key", f"p_selections.{ABSENT}.tickets")],
    ),
    "a quantity below 0": (
        {ABSENT: {"individualTickets": [{"ticketId": ABSENT, "quantity": -1}]}},
        [("invalid_value", f"p_selections.{ABSENT}.individualTickets[0].quantity")],
    ),
}


@pytest.mark.parametrize(("selections", "issues"), UNREADABLE.values(), ids=UNREADABLE)
def test_amend_registration_refuses_selections_that_are_no_selections(
    event_db: Connection, wizard_state: Document, selections: object, issues: Issues
) -> None:
    sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    before = dump(event_db)
    arguments = {"p_registration_id": REGISTRATION, "p_selections": selections}
    refusal = owner(event_db).refusal("amend_registration", **arguments)
    assert (refusal.sqlstate, refusal.found) == ("TK001", issues)
    # with all that is wrong in the payment
    money = {"reference": "", "amount": -1, "colour": "red"}
    refusal = service(event_db).refusal("amend_registration", **arguments, p_payment=money)
    assert refusal.sqlstate == "TK001"
    assert refusal.found == sorted(
        [
            *issues,
            ("invalid_value", "p_payment.reference"),
            ("invalid_value", "p_payment.amount"),
            ("missing_key", "p_payment.currency"),
            ("unknown_key", "p_payment.colour"),
        ]
    )
    assert dump(event_db) == before


def test_amend_registration_refuses_too_many_tickets(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    wanted = {"tomas": selected(one("fifty", 1000)), "ines": selected(one("seventy", 1000))}
    many = wanted | {"walter": selected(one("third"))}
    assert booth.refuses("service", many) == ("TK001", [("too_large", "p_selections")])


def test_amend_registration_exchanges_no_more_than_10000_tickets(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    many = {"walter": selected(one("gift", 999)), "ines": selected(one("gift", 1000))}
    few = {"walter": NONE, "ines": selected(one("gift"))}
    for _ in range(5):
        booth.amended("service", many)
        booth.amended("service", few)
    # 1 + 1,999 + 4 x 1,998 = 9,992
    assert booth.refuses("service", many) == ("TK001", [("too_large", "p_selections")])
    outcome = booth.amend("service", {"ines": selected(one("gift", 10))})
    assert (outcome.sqlstate, outcome.issues[0]["actual"]) == ("TK001", 10001)
    booth.amended("service", {"ines": selected(one("gift", 9))})
    # what goes needs no room
    booth.amended("service", {"ines": NONE})


# Revisions


def test_amend_registration_refuses_another_revision(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    read = booth.known()["revision"]
    booth.amended("owner", {"ines": selected(one("gift"))}, p_expected_revision=read)
    conflict = ("TK006", [("revision_conflict", "p_expected_revision")])
    for revision in (read, read + 2, 0):
        outcome = booth.amend("owner", {"tomas": SEVENTY}, p_expected_revision=revision)
        assert booth.refusal(outcome) == conflict
        (issue,) = outcome.issues
        assert (issue["expected"], issue["actual"]) == (revision, read + 1)
    # before rules and money, after the deadline
    no_one = {"tomas": NONE, "ines": NONE}
    assert booth.refuses("owner", no_one, p_expected_revision=read) == conflict
    money = paid_in("1.00")
    refusal = booth.refuses(
        "service", {"tomas": SEVENTY}, p_expected_revision=read, p_payment=money
    )
    assert refusal == conflict
    allow_changes(event_db, EARLIER)
    refusal = booth.refuses("owner", {"tomas": SEVENTY}, p_expected_revision=read)
    assert refusal == ("TK003", [("changes_ended", IT)])


# What an owner may take for nothing


def test_amend_registration_limits_free_tickets_of_an_owner(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db,
        wizard_state,
        Sale({"tomas": FIFTY}, function={"max_held_per_owner": 3}, since_function={}),
    )
    limit = ("TK004", [("owner_limit", "p_selections")])
    gifts = selected(one("fifty"), one("gift", 3))
    booth.amended("owner", {"tomas": gifts})
    more = {"tomas": selected(one("fifty"), one("gift", 4))}
    assert booth.refuses("owner", more) == limit
    assert booth.said(booth.quote("owner", more)["issues"]) == limit[1]
    assert booth.refuses("owner", {"ines": selected(one("nothing"))}) == limit
    # paid for by others, in a package, or instead of another
    packed_gifts = selected(pack("presents"))
    booth.amended("service", {"ines": packed_gifts}, p_payment=paid_in("10.00"))
    assert booth.refuses("owner", {"ines": selected(pack("presents"), one("gift"))})[0] == "TK004"
    booth.amended("owner", {"tomas": selected(one("fifty"), one("gift", 2), one("nothing"))})
    # what costs something is not counted, neither above the limit
    allow_fewer = "UPDATE ticketing.functions SET max_held_per_owner = 1 WHERE function_id = %s"
    event_db.execute(allow_fewer, [FUNCTION])
    wanted = {"harold": selected(one("fifty", 5))}
    assert booth.quote("owner", wanted)["valid"]
    assert booth.refuses("owner", wanted) == ("TK007", [("payment_required", "p_payment")])
    booth.amended("service", wanted, p_payment=paid_in("250.00", "amendment-2"))
    booth.amended("owner", {"harold": selected(one("fifty", 4))})
    assert booth.refuses("owner", {"walter": selected(one("gift"))}) == limit
    # staff answer for what they do
    booth.amended("staff", {"walter": selected(one("gift", 4))})


def test_amend_registration_counts_what_the_owner_holds_elsewhere(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": FIFTY},
            # what is paid is not open, however many are
            function={"max_held_per_owner": 3, "max_open_registrations_per_owner": 1},
            others=selected(one("fifty", 2)),
        ),
    )
    booth.amended("owner", {"tomas": selected(one("fifty"), one("gift"))})
    more = {"tomas": selected(one("fifty"), one("gift", 2))}
    assert booth.refuses("owner", more) == ("TK004", [("owner_limit", "p_selections")])
    let_lapse(event_db, OTHER_REGISTRATION)
    booth.amended("owner", more)


def test_amend_registration_lets_free_tickets_above_the_limit_be_exchanged(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(one("gift", 3)), "ines": selected(one("fifty", 3))},
            since_function={"max_held_per_owner": 2},
        ),
    )
    limit = ("TK004", [("owner_limit", "p_selections")])
    exchange = {"tomas": selected(one("gift"), one("nothing", 2))}
    assert booth.quote("owner", exchange)["valid"]
    booth.amended("owner", exchange)
    assert booth.refuses("owner", {"tomas": selected(one("gift"), one("nothing", 3))}) == limit
    # what costs something is not given up for what is free
    assert booth.refuses("owner", {"ines": selected(one("fifty", 2), one("gift"))}) == limit


def test_owner_limit_counts_a_free_package_after_one_that_was_bought(
    event_db: Connection, wizard_state: Document
) -> None:
    """The package cost something, was given back, and has become free since."""
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(pack("free", 3)), "ines": FIFTY},
            given={"free": {"price": "10.00"}},
            since={"free": {"price": "0.00"}},
            since_function={"max_held_per_owner": 4},
        ),
    )
    booth.amended("owner", {"tomas": NONE})
    booth.amended("owner", {"tomas": selected(pack("free", 3))})
    create(event_db, wizard_state["registration"], FUNCTION, OTHER_REGISTRATION)
    outcome = owner(event_db).attempt(
        "persist_ticket_selections",
        p_registration_id=OTHER_REGISTRATION,
        p_selections=booth.names.ids({"tomas": selected(one("fifty", 2))}),
    )
    assert booth.refusal(outcome) == ("TK004", [("owner_limit", "p_selections")])
    assert outcome.issues[0]["actual"] == 5


def test_owner_limit_counts_free_copies_of_a_package_beside_one_that_was_bought(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(pack("free"))},
            given={"free": {"price": "10.00"}},
            since={"free": {"price": "0.00"}},
            since_function={"max_held_per_owner": 1},
        ),
    )
    limit = ("TK004", [("owner_limit", "p_selections")])
    assert booth.refuses("owner", {"tomas": selected(pack("free", 3))}) == limit
    booth.amended("owner", {"tomas": selected(pack("free", 2))})


def test_owner_limit_counts_no_free_ticket_in_a_package_that_is_paid(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(pack("uneven", 3))},
            since_function={"max_held_per_owner": 1},
        ),
    )
    booth.amended("owner", {"ines": selected(one("gift"))})
    limit = ("TK004", [("owner_limit", "p_selections")])
    assert booth.refuses("owner", {"ines": selected(one("gift", 2))}) == limit


def test_owner_limit_counts_a_package_that_has_become_free(
    event_db: Connection, wizard_state: Document
) -> None:
    """What the same package cost before it was exchanged makes the new copy no less free."""
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(pack("trio"))},
            function={"max_held_per_owner": 3},
            since={"trio": {"price": "0.00"}},
            others=selected(one("fifty")),
        ),
    )
    chosen: Document = {
        IT: OTHER_REGISTRATION,
        "p_selections": booth.names.ids({"tomas": selected(one("fifty", 2))}),
    }
    with event_db.transaction(force_rollback=True):
        owner(event_db).call("persist_ticket_selections", **chosen)
    for wanted in (selected(one("gift")), selected(pack("trio"))):
        booth.amended("staff", {"tomas": wanted})
    refusal = owner(event_db).refusal("persist_ticket_selections", **chosen)
    assert (refusal.sqlstate, refusal.found) == ("TK004", [("owner_limit", "p_selections")])


# More breaches than are looked for


@pytest.fixture
def crowd(event_db: Connection, wizard_state: Document) -> Booth:
    """Sell two tickets to each of 251 attendees and one to the last, all for GLs only since."""
    people = [
        {"attendeeId": numbered(number), "attendeeType": "guest", "firstName": "A", "lastName": "B"}
        for number in range(252)
    ]
    catalogue = deepcopy(WORKSHOP)
    service(event_db).call("import_catalogue", p_catalogue=catalogue)
    create(
        event_db,
        wizard_state["registration"],
        FUNCTION,
        primaryAttendee=people[0],
        additionalAttendees=people[1:],
    )
    booth = Booth(event_db, Names(IDS))
    persist(booth, REGISTRATION, many(numbered(251), selected(one("third", 2))))
    service(event_db).call(
        "complete_registration_payment",
        p_registration_id=REGISTRATION,
        p_payment=paid_in("66.66", "first"),
    )
    for name in ("nothing", "gift", "third", "other third"):
        amend(catalogue, booth.names.ids({name: only(rule("rank", "equals", "GL"))}))
    service(event_db).call("import_catalogue", p_catalogue=catalogue)
    allow_changes(event_db, LATER, LATER)
    return booth


def numbered(number: int) -> str:
    """Return the id of an attendee."""
    return str(UUID(int=(7 << 100) + number))


def many(last: str, chosen: Document) -> Document:
    """Select what all others have, and something for the last."""
    two = selected(one("nothing"), one("gift"))
    return {**{numbered(number): two for number in range(251)}, last: chosen}


def test_amend_registration_finds_a_breach_behind_many_old_ones(crowd: Booth) -> None:
    wanted = many(numbered(251), selected(one("other third", 2)))
    outcome = crowd.amend("owner", wanted)
    assert outcome.sqlstate == "TK004"
    assert not crowd.quote("owner", wanted)["valid"]
    alone = crowd.amend("owner", {numbered(251): wanted[numbered(251)]})
    assert [issue["code"] for issue in alone.issues] == ["fact_missing"]


def test_amend_registration_corrects_an_attendee_behind_many_old_breaches(crowd: Booth) -> None:
    wanted = {numbered(251): selected(one("third"))}
    assert crowd.quote("owner", wanted)["valid"]
    crowd.amended("owner", wanted)


def test_amend_registration_corrects_one_attendee_beside_thousands_of_tickets(
    event_db: Connection, wizard_state: Document
) -> None:
    """What others have is more than one call may decide about."""
    booth = sell(
        event_db,
        wizard_state,
        Sale({"tomas": selected(one("fifty", 3))}, since={"fifty": FOR_MASONS}),
    )
    many = selected(one("gift", 1000))
    for attendee in ("walter", "ines", "harold"):
        booth.amended("service", {attendee: many})
    wanted = {"tomas": selected(one("fifty", 2))}
    assert booth.quote("owner", wanted)["valid"]
    booth.amended("owner", wanted)
