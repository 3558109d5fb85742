"""cancel_tickets: exactly the tickets named, and their money."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from tests.support.amendments import Booth, Sale, check_kept, paid_in, persist, sell, without_time
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
    LATER,
    OTHER_REGISTRATION,
    REGISTRATION,
    one,
    only,
    pack,
    rule,
    selected,
)

FIFTY, SEVENTY, THIRD = (selected(one(each)) for each in ("fifty", "seventy", "third"))
PASS = selected(pack("sunday pass"))
FOR_MASONS = only(rule("attendee_type", "equals", "mason"))
IT, IDS = "p_registration_id", "p_ticket_ids"

Pick = Callable[[Booth], list[str]]
"""Names tickets of a booth."""


def of(attendee: str, what: str | None = None, *numbers: int) -> Pick:
    """Name tickets of an attendee, by their numbers from the oldest; all if none is said."""

    def pick(booth: Booth) -> list[str]:
        ids = booth.ids(attendee, what)
        return [ids[number] for number in numbers] if numbers else ids

    return pick


def copies(attendee: str, *numbers: int) -> Pick:
    """Name the tickets of copies of a package of an attendee, by their numbers."""

    def pick(booth: Booth) -> list[str]:
        mine = set(booth.ids(attendee))
        return [
            str(each["ticket_id"])
            for each in booth.in_force()
            if each["package_number"] in numbers and str(each["ticket_id"]) in mine
        ]

    return pick


def several(*picks: Pick) -> Pick:
    """Name the tickets of each."""
    return lambda booth: [ident for pick in picks for ident in pick(booth)]


@dataclass(frozen=True)
class Case:
    """Tickets that can be cancelled.

    Attributes:
        name: What it is about.
        sale: Its circumstances.
        named: The tickets.
        leaves: What the attendees concerned have selected then.
        refund_due: What is due back.
        by: Who cancels.
        waived: Codes that would have forbidden it.
    """

    name: str
    sale: Sale
    named: Pick
    leaves: Mapping[str, Document]
    refund_due: str
    by: str = "owner"
    waived: tuple[str, ...] = ()


CASES = [
    Case(
        "the oldest of three",
        Sale({"tomas": selected(one("fifty", 3))}),
        of("tomas", "fifty", 0),
        {"tomas": selected(one("fifty", 2))},
        "50.00",
    ),
    Case(
        "the one in the middle",
        Sale({"tomas": selected(one("fifty", 3))}),
        of("tomas", "fifty", 1),
        {"tomas": selected(one("fifty", 2))},
        "50.00",
    ),
    Case(
        "the oldest and the newest",
        Sale({"tomas": selected(one("fifty", 3))}),
        of("tomas", "fifty", 0, 2),
        {"tomas": FIFTY},
        "100.00",
    ),
    Case(
        "one of the kind that was selected last",
        Sale({"tomas": selected(one("seventy"), one("fifty", 2))}),
        of("tomas", "fifty", 0),
        {"tomas": selected(one("seventy"), one("fifty"))},
        "50.00",
    ),
    Case(
        "a copy of the package that was selected last",
        Sale({"tomas": selected(pack("sunday pass"), pack("trio", 2))}),
        copies("tomas", 2),
        {"tomas": selected(pack("sunday pass"), pack("trio"))},
        "20.00",
    ),
    Case(
        "one of two kinds",
        Sale({"tomas": selected(one("fifty", 2), one("seventy"))}),
        of("tomas", "seventy"),
        {"tomas": selected(one("fifty", 2))},
        "70.00",
    ),
    Case(
        "a ticket named twice",
        Sale({"tomas": selected(one("fifty", 2))}),
        several(of("tomas", "fifty", 1), of("tomas", "fifty", 1)),
        {"tomas": FIFTY},
        "50.00",
    ),
    Case(
        "a ticket by its id in capitals",
        Sale({"tomas": selected(one("fifty", 2))}),
        lambda booth: [booth.ids("tomas")[0].upper()],
        {"tomas": FIFTY},
        "50.00",
    ),
    Case(
        "all of one attendee",
        Sale({"tomas": selected(one("fifty", 2), one("third")), "ines": PASS}),
        of("tomas"),
        {"tomas": selected()},
        "133.33",
    ),
    Case(
        "tickets of three attendees",
        Sale(
            {
                "walter": selected(one("fifty", 2)),
                "tomas": selected(one("seventy"), one("third")),
                "ines": PASS,
                "harold": FIFTY,
            }
        ),
        several(of("ines"), of("tomas", "seventy"), of("walter", "fifty", 0)),
        {"walter": FIFTY, "tomas": THIRD, "ines": selected()},
        "240.00",
    ),
    Case(
        "a package",
        Sale({"tomas": PASS, "ines": FIFTY}),
        of("tomas"),
        {"tomas": selected()},
        "120.00",
    ),
    Case(
        "the first of two copies of a package",
        Sale({"tomas": selected(pack("sunday pass", 2))}),
        copies("tomas", 1),
        {"tomas": PASS},
        "120.00",
    ),
    Case(
        "the second of three copies of a package that holds the same several times",
        Sale({"tomas": selected(pack("trio", 3))}),
        copies("tomas", 2),
        {"tomas": selected(pack("trio", 2))},
        "20.00",
    ),
    Case(
        "the first and the last of three copies",
        Sale({"tomas": selected(pack("two of each", 3))}),
        copies("tomas", 1, 3),
        {"tomas": selected(pack("two of each"))},
        "199.98",
    ),
    Case(
        "one of two packages",
        Sale({"tomas": selected(pack("sunday pass"), pack("trio", 2))}),
        copies("tomas", 2),
        {"tomas": selected(pack("sunday pass"), pack("trio"))},
        "20.00",
    ),
    Case(
        "a package beside single tickets of the same type",
        Sale(
            {"tomas": selected(pack("sunday pass"), one("fifty"))},
            function={"selection_mode": "mixed"},
        ),
        copies("tomas", 1),
        {"tomas": FIFTY},
        "120.00",
    ),
    Case(
        "the single ticket beside a package that holds the same type",
        Sale(
            {"tomas": selected(pack("sunday pass"), one("fifty"))},
            function={"selection_mode": "mixed"},
        ),
        lambda booth: [
            str(each["ticket_id"]) for each in booth.in_force() if each["package_id"] is None
        ],
        {"tomas": PASS},
        "50.00",
    ),
    Case(
        "a ticket that was free",
        Sale({"tomas": selected(one("fifty"), one("gift"))}),
        of("tomas", "gift"),
        {"tomas": FIFTY},
        "0.00",
        by="owner",
    ),
    Case(
        "at the price that was paid",
        Sale({"tomas": selected(one("fifty", 2))}, since={"fifty": {"price": "80.00"}}),
        of("tomas", "fifty", 0),
        {"tomas": FIFTY},
        "50.00",
    ),
    Case(
        "what is not sold any more, when all is over",
        Sale(
            {"tomas": selected(one("fifty", 2))},
            since={"fifty": {"is_active": False, "sale_ends_at": EARLIER}},
            since_function={"status": "closed"},
        ),
        of("tomas", "fifty", 0),
        {"tomas": FIFTY},
        "50.00",
    ),
    Case(
        "beside what the attendee may not have any more",
        Sale({"tomas": selected(one("fifty"), one("seventy"))}, since={"fifty": FOR_MASONS}),
        of("tomas", "seventy"),
        {"tomas": FIFTY},
        "70.00",
        waived=("not_eligible",),
    ),
    Case(
        "one of more than an attendee may have",
        Sale({"tomas": selected(one("fifty", 3))}, since={"fifty": {"max_per_attendee": 1}}),
        of("tomas", "fifty", 0),
        {"tomas": selected(one("fifty", 2))},
        "50.00",
        waived=("above_maximum",),
    ),
    Case(
        "by staff after the deadlines",
        Sale({"tomas": selected(one("fifty", 2))}, deadlines=(EARLIER, EARLIER)),
        of("tomas", "fifty", 0),
        {"tomas": FIFTY},
        "50.00",
        by="staff",
    ),
    Case(
        "by the service where owners change nothing",
        Sale({"tomas": selected(one("fifty", 2))}, deadlines=(None, None)),
        of("tomas", "fifty", 0),
        {"tomas": FIFTY},
        "50.00",
        by="service",
    ),
    Case(
        "a free one after refunds have ended",
        Sale({"tomas": selected(one("fifty"), one("gift"))}, deadlines=(LATER, EARLIER)),
        of("tomas", "gift"),
        {"tomas": FIFTY},
        "0.00",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cancel_tickets_cancels_exactly_those(
    event_db: Connection, wizard_state: Document, case: Case
) -> None:
    booth = sell(event_db, wizard_state, case.sale)
    named = case.named(booth)
    gone = {ident.lower() for ident in named}
    known, held = booth.known(), booth.in_force()
    outcome = booth.cancel(
        case.by, named, p_reason="They are ill.", p_expected_revision=known["revision"]
    )
    assert outcome.sqlstate is None, outcome
    answer = outcome.answer
    stay = {str(each["ticket_id"]) for each in held} - gone
    assert {str(each["ticket_id"]) for each in booth.in_force()} == stay
    check_kept(booth, held, answer)
    assert (answer["tickets_created"], answer["tickets_cancelled"]) == (0, len(gone))
    lost = sum((each["price_paid"] for each in held if str(each["ticket_id"]) in gone), Decimal())
    assert answer["refund_due"] == Decimal(case.refund_due) == lost
    assert answer["total"] == known["total"] - lost
    assert (answer["revision"], answer["status"]) == (known["revision"] + 1, "completed")
    assert answer["payment_id"] is None

    # the selections are those that remain
    after = dump(event_db)
    selections = booth.names.names(booth.known()["ticket_selections"])
    booth.amended(case.by, case.leaves)
    booth.amended("service", selections)
    assert dump(event_db) == after
    (change,) = booth.record()
    assert (change["change"], change["revision"]) == ("amended", answer["revision"])
    assert change["reason"] == "They are ill."
    waived = {"waived": list(case.waived)} if case.waived else {}
    assert change["new_values"] == {"subtotal": float(answer["subtotal"])} | waived

    # the reply was lost
    repeated = booth.cancel(case.by, named, p_expected_revision=known["revision"])
    assert dump(event_db) == after
    assert without_time(repeated.answer) == without_time(answer) | {"tickets_cancelled": 0}


# Copies of a package


def test_cancel_tickets_of_the_first_copy_keeps_the_second(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(pack("trio", 2))}))
    first, second = copies("tomas", 1)(booth), copies("tomas", 2)(booth)
    assert len(first) == len(second) == 3
    assert booth.cancel("owner", first).sqlstate is None
    assert booth.ids("tomas") == second
    # which is now the first
    before = dump(event_db)
    booth.amended("owner", {"tomas": selected(pack("trio"))})
    assert dump(event_db) == before
    # a new copy is another, and goes first
    booth.amended("owner", {"tomas": selected(pack("trio", 2))})
    new = sorted(set(booth.ids("tomas")) - set(second))
    assert len(new) == 3
    assert not set(new) & set(first)
    booth.amended("owner", {"tomas": selected(pack("trio"))})
    assert booth.ids("tomas") == second


def test_cancel_tickets_one_copy_after_the_other(
    event_db: Connection, wizard_state: Document
) -> None:
    sale = Sale({"tomas": selected(pack("trio", 4)), "ines": FIFTY})
    booth = sell(event_db, wizard_state, sale)
    all_of_them = [copies("tomas", number)(booth) for number in (1, 2, 3, 4)]
    left = list(range(4))
    for number in (1, 3, 0, 2):
        assert booth.cancel("owner", all_of_them[number]).sqlstate is None
        left.remove(number)
        assert set(booth.ids("tomas")) == {ident for n in left for ident in all_of_them[n]}
    assert booth.money()["refund_due"] == "80.00"


def test_cancel_tickets_of_a_copy_after_others_were_cancelled_and_bought_again(
    event_db: Connection, wizard_state: Document
) -> None:
    two = selected(pack("trio", 2))
    booth = sell(event_db, wizard_state, Sale({"tomas": two, "ines": two}))
    of_ines = booth.ids("ines")
    gone = copies("tomas", 2)(booth)
    assert booth.cancel("owner", gone).sqlstate is None
    booth.amended("service", {"tomas": selected(pack("trio", 3))}, p_payment=paid_in("20.00"))
    first, second, third = (copies("tomas", number)(booth) for number in (1, 2, 3))
    assert booth.cancel("owner", second).answer["tickets_cancelled"] == 3
    assert booth.ids("tomas") == first + third
    # which is the second now, as one was that is gone
    assert booth.cancel("owner", third + gone).answer["tickets_cancelled"] == 3
    assert booth.ids("tomas") == first
    # a copy of another attendee has a number of its own
    assert booth.ids("ines") == of_ines


# Again, and beside others


def test_cancel_tickets_that_are_cancelled_already(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 3)), "ines": PASS}))
    first, second, _ = booth.ids("tomas")
    assert booth.cancel("owner", [first]).sqlstate is None
    # beside one that is not
    answer = booth.cancel("owner", [first, second]).answer
    assert (answer["tickets_cancelled"], str(answer["refund_due"])) == (1, "100.00")
    refund = {"p_registration_id": REGISTRATION, "p_refund": paid_in("100.00", "back")}
    assert service(event_db).call("record_refund", **refund)["refund_due"] == 0
    assert {each["payment_status"] for each in booth.tickets()} == {"Paid", "Refunded"}
    before = dump(event_db)
    for by in ("owner", "staff", "service"):
        answer = booth.cancel(by, [first, second], p_expected_revision=0).answer
        assert (answer["tickets_cancelled"], str(answer["refund_due"])) == (0, "0.00")
    assert dump(event_db) == before


def test_cancel_tickets_gives_their_capacity_to_others(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(
        event_db,
        wizard_state,
        Sale(
            {"tomas": selected(one("fifty", 2))},
            given={"fifty": {"capacity": 2}, "sunday": {"capacity": 3}},
            others=SEVENTY,
        ),
    )
    elsewhere = replace(booth, registration=OTHER_REGISTRATION)
    wanted: Document = {
        IT: OTHER_REGISTRATION,
        "p_selections": booth.names.ids({"ines": FIFTY}),
    }
    refusal = owner(event_db).refusal("persist_ticket_selections", **wanted)
    assert refusal.sqlstate == "TK005"
    assert booth.cancel("owner", booth.ids("tomas")[:1]).sqlstate is None
    owner(event_db).call("persist_ticket_selections", **wanted)
    assert len(elsewhere.in_force()) == 2
    # and nothing comes back
    refused = booth.refuses("owner", {"tomas": selected(one("fifty", 2))})
    assert refused[0] == "TK005"


def test_cancel_tickets_keeps_the_reason_for_staff(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 5))}))
    reasons = {
        None: None,
        "x" * 1001: "x" * 1000,
        "Line one\nline two": "Line one\nline two",
        "": "",
    }
    for given, stored in reasons.items():
        ident = booth.ids("tomas")[0]
        assert booth.cancel("owner", [ident], p_reason=given).sqlstate is None
        assert booth.record()[-1]["reason"] == stored
    assert "Line one" not in str(booth.known())


# Refusals


@dataclass(frozen=True)
class Refusal:
    """Tickets that cannot be cancelled.

    Attributes:
        name: Why.
        sale: Its circumstances.
        named: The tickets.
        issues: Code and path of each issue.
        sqlstate: The class.
        by: Who cancels.
    """

    name: str
    sale: Sale
    named: Pick
    issues: list[tuple[str, str]]
    sqlstate: str = "TK004"
    by: str = "owner"


REFUSALS = [
    Refusal(
        "by an owner after the deadline",
        Sale({"tomas": selected(one("fifty", 2))}, deadlines=(EARLIER, LATER)),
        of("tomas", "fifty", 0),
        [("changes_ended", IT)],
        "TK003",
    ),
    Refusal(
        "by an owner where owners change nothing",
        Sale({"tomas": selected(one("fifty", 2))}, deadlines=(None, None)),
        of("tomas", "fifty", 0),
        [("changes_ended", IT)],
        "TK003",
    ),
    Refusal(
        "by an owner after refunds have ended",
        Sale({"tomas": selected(one("fifty", 2))}, deadlines=(LATER, EARLIER)),
        of("tomas", "fifty", 0),
        [("refunds_ended", IDS)],
    ),
    Refusal(
        "the last ticket",
        Sale({"tomas": FIFTY}),
        of("tomas"),
        [("registration_empty", IDS)],
    ),
    Refusal(
        "all tickets, by staff",
        Sale({"tomas": FIFTY, "ines": PASS}),
        several(of("tomas"), of("ines")),
        [("registration_empty", IDS)],
        by="staff",
    ),
    Refusal(
        "a part of a package",
        Sale({"tomas": PASS}),
        of("tomas", "fifty"),
        [("package_incomplete", f"{IDS}[0]")],
    ),
    Refusal(
        "parts of two copies of a package",
        Sale({"tomas": selected(pack("sunday pass", 2))}),
        of("tomas", "fifty"),
        [("package_incomplete", f"{IDS}[0]"), ("package_incomplete", f"{IDS}[1]")],
    ),
    Refusal(
        "one copy and a part of another",
        Sale({"tomas": selected(pack("sunday pass", 2))}),
        several(copies("tomas", 2), lambda booth: copies("tomas", 1)(booth)[:1]),
        [("package_incomplete", f"{IDS}[2]")],
    ),
    Refusal(
        "less than an attendee has to have",
        Sale({"tomas": selected(one("fifty", 2))}, given={"fifty": {"min_per_attendee": 2}}),
        of("tomas", "fifty", 0),
        [("below_minimum", IDS)],
        by="service",
    ),
    Refusal(
        "further below what an attendee has to have",
        Sale({"tomas": selected(one("fifty", 2))}, since={"fifty": {"min_per_attendee": 3}}),
        of("tomas", "fifty", 0),
        [("below_minimum", IDS)],
        by="staff",
    ),
    Refusal(
        "no such ticket, beside one that is there",
        Sale({"tomas": selected(one("fifty", 2))}),
        several(of("tomas", "fifty", 0), lambda _: [ABSENT]),
        [("ticket_not_found", f"{IDS}[1]")],
    ),
    Refusal(
        "a ticket of another registration of the owner",
        Sale({"tomas": FIFTY}, others=THIRD),
        lambda booth: replace(booth, registration=OTHER_REGISTRATION).ids("tomas"),
        [("ticket_not_found", f"{IDS}[0]")],
    ),
    Refusal(
        "several things at once",
        Sale({"tomas": PASS, "ines": FIFTY}, deadlines=(LATER, EARLIER)),
        several(lambda _: [ABSENT], of("tomas", "seventy"), of("ines")),
        [
            ("refunds_ended", IDS),
            ("ticket_not_found", f"{IDS}[0]"),
            ("package_incomplete", f"{IDS}[1]"),
        ],
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_cancel_tickets_refuses(
    event_db: Connection, wizard_state: Document, case: Refusal
) -> None:
    booth = sell(event_db, wizard_state, case.sale)
    named = case.named(booth)
    before = dump(event_db)
    outcome = booth.cancel(case.by, named)
    assert booth.refusal(outcome) == (case.sqlstate, case.issues)
    assert dump(event_db) == before


def test_cancel_tickets_names_the_rest_of_a_package(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(pack("trio", 2))}))
    whole = copies("tomas", 1)(booth)
    (issue,) = booth.cancel("owner", whole[:1]).issues
    assert sorted(issue["expected"]) == sorted(whole)
    assert booth.names.names([issue["item_name"], issue["package_id"]]) == ["trio", "trio"]
    assert booth.cancel("owner", issue["expected"]).sqlstate is None


UNREADABLE: Mapping[str, tuple[object, list[tuple[str, str]]]] = {
    "none": (None, [("missing_key", IDS)]),
    "null": (JSON_NULL, [("missing_key", IDS)]),
    "no list": ({}, [("invalid_type", IDS)]),
    "nothing in it": ([], [("invalid_value", IDS)]),
    "what is no id": ([ABSENT, "x"], [("invalid_value", f"{IDS}[1]")]),
    "a number": ([1], [("invalid_type", f"{IDS}[0]")]),
    "too many": ([ABSENT] * 2001, [("too_large", IDS)]),
}


@pytest.mark.parametrize(("named", "issues"), UNREADABLE.values(), ids=UNREADABLE)
def test_cancel_tickets_refuses_what_are_no_ids(
    event_db: Connection, wizard_state: Document, named: object, issues: list[tuple[str, str]]
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}))
    before = dump(event_db)
    outcome = booth.cancel("owner", named)
    assert (outcome.sqlstate, outcome.found) == ("TK001", issues)
    assert dump(event_db) == before


@pytest.mark.parametrize("state", ["draft", "pending", "overdue", "expired", "cancelled"])
def test_cancel_tickets_of_what_is_not_paid(
    event_db: Connection, wizard_state: Document, state: str
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": FIFTY}, others=THIRD))
    persist(
        booth,
        OTHER_REGISTRATION,
        dict.fromkeys(("walter", "ines", "tomas", "harold"), selected(one("third", 2))),
    )
    booth = replace(booth, registration=OTHER_REGISTRATION)
    named = booth.ids("tomas")[:1]
    if state == "pending":
        owner(event_db).call("start_payment", p_registration_id=OTHER_REGISTRATION)
    elif state == "cancelled":
        owner(event_db).call("cancel_registration", p_registration_id=OTHER_REGISTRATION)
    elif state != "draft":
        let_lapse(event_db, OTHER_REGISTRATION)
    if state == "expired":
        service(event_db).call("release_expired_holds")
    before = dump(event_db)
    for by in ("owner", "staff", "service"):
        for ids in (named, [ABSENT]):
            outcome = booth.cancel(by, ids)
            assert booth.refusal(outcome) == ("TK003", [("not_editable", IT)])
    assert dump(event_db) == before


def test_cancel_tickets_by_others(event_db: Connection, wizard_state: Document) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 2))}))
    before = dump(event_db)
    arguments: Document = {IT: REGISTRATION, IDS: booth.ids("tomas")[:1]}
    for caller, code, issue in (
        (stranger(event_db), "TK002", ("registration_not_found", IT)),
        (anonymous(event_db), "42501", ("not_authenticated", IT)),
        (Caller(event_db), "42501", ("not_authenticated", IT)),
    ):
        named: tuple[object, ...] = (arguments[IDS], [], None)
        for ids in named:
            refusal = caller.refusal("cancel_tickets", **arguments | {IDS: ids})
            assert (refusal.sqlstate, refusal.found) == (code, [issue])
    assert dump(event_db) == before


def test_cancel_tickets_refuses_another_revision(
    event_db: Connection, wizard_state: Document
) -> None:
    booth = sell(event_db, wizard_state, Sale({"tomas": selected(one("fifty", 3))}))
    read = booth.known()["revision"]
    first, second, _ = booth.ids("tomas")
    assert booth.cancel("owner", [first], p_expected_revision=read).sqlstate is None
    before = dump(event_db)
    conflict = ("TK006", [("revision_conflict", "p_expected_revision")])
    for ids in ([second], [ABSENT]):
        outcome = booth.cancel("owner", ids, p_expected_revision=read)
        assert booth.refusal(outcome) == conflict
    allow_changes(event_db, EARLIER)
    outcome = booth.cancel("owner", [second], p_expected_revision=read)
    assert booth.refusal(outcome) == ("TK003", [("changes_ended", IT)])
    allow_changes(event_db)
    assert dump(event_db) == before
