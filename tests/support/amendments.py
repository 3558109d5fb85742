"""Amendments of a paid registration of the workshop, and all that must hold for each.

Attendees, ticket types and packages have names, as in `workshop`. What is kept is told by a model
of its own: of tickets of the same kind as many as before, but the newest that are too many.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.support.bookings import allow_changes, integrity, let_lapse, payment
from tests.support.caller import Caller, Connection, Document, Outcome, owner, service
from tests.support.cases import readable
from tests.support.example import STAFF
from tests.support.stored import counters, dump, recount, rows
from tests.support.workshop import (
    FUNCTION,
    IDS,
    LATER,
    OTHER_REGISTRATION,
    REGISTRATION,
    WORKSHOP,
    Names,
    Ticket,
    amend,
    as_tickets,
    create,
)

NOTHING = Decimal("0.00")
LIMITED = {name: {"capacity": 100} for name in ("third", "fifty", "seventy", "saturday", "trio")}
"""Where tickets are counted, unless a case says otherwise."""


@dataclass(frozen=True)
class Sale:
    """What is on sale, who has paid for what, and what has changed since.

    Attributes:
        held: What the attendees of the registration have paid for.
        given: Attributes of events, ticket types and packages that differ.
        function: Those of the function.
        pools: Shared pools.
        registration: Keys of the registration object that differ.
        since: Attributes that were changed after the sale.
        since_function: The same of the function.
        others: What Tomas holds unpaid in another registration.
        are_overdue: Whether this hold is over.
        deadlines: changes_until and refunds_until.
    """

    held: Mapping[str, Document]
    given: Mapping[str, Document] = field(default_factory=dict)
    function: Mapping[str, object] = field(default_factory=dict)
    pools: Sequence[Document] = ()
    registration: Mapping[str, object] = field(default_factory=dict)
    since: Mapping[str, Document] = field(default_factory=dict)
    since_function: Mapping[str, object] = field(default_factory=dict)
    others: Document | None = None
    are_overdue: bool = False
    deadlines: tuple[str | None, str | None] = (LATER, LATER)


@dataclass(frozen=True)
class Case:
    """An amendment that is possible, and what comes of it.

    Attributes:
        name: What it is about.
        sale: Its circumstances.
        wanted: What attendees are to hold.
        leaves: The tickets in force after it, with their prices.
        costs: What is to be paid for it.
        refund_due: What is due back after it.
        by: Who asks; what costs something is paid by the service.
        waived: Codes that would have forbidden it.
    """

    name: str
    sale: Sale
    wanted: Mapping[str, Document]
    leaves: Sequence[Ticket]
    costs: str = "0.00"
    refund_due: str = "0.00"
    by: str = "owner"
    waived: Sequence[str] = ()


@dataclass(frozen=True)
class Booth:
    """A paid registration, and those who may change it."""

    db: Connection
    names: Names
    registration: str = REGISTRATION

    def caller(self, name: str) -> Caller:
        """Return the owner, a member of staff, or the service."""
        callers = {
            "owner": owner(self.db),
            "staff": Caller(self.db, "authenticated", STAFF),
            "service": service(self.db),
        }
        return callers[name]

    def amend(self, by: str, wanted: Mapping[str, Document], **more: object) -> Outcome:
        """Amend the registration, as one of them, and return what came of it."""
        return self.caller(by).attempt(
            "amend_registration",
            p_registration_id=self.registration,
            p_selections=self.names.ids(dict(wanted)),
            **more,
        )

    def amended(self, by: str, wanted: Mapping[str, Document], **more: object) -> Document:
        """Amend the registration, which must work, and return the answer."""
        outcome = self.amend(by, wanted, **more)
        assert outcome.sqlstate is None, outcome
        return outcome.answer

    def cancel(self, by: str, ticket_ids: object, **more: object) -> Outcome:
        """Cancel tickets, as one of them, and return what came of it."""
        return self.caller(by).attempt(
            "cancel_tickets", p_registration_id=self.registration, p_ticket_ids=ticket_ids, **more
        )

    def quote(self, by: str, wanted: Mapping[str, Document]) -> Document:
        """Quote for the registration, as one of them."""
        return self.caller(by).call(
            "quote_ticket_selections",
            p_function_id=FUNCTION,
            p_selections=self.names.ids(dict(wanted)),
            p_registration_id=self.registration,
        )

    def known(self) -> Document:
        """Return what get_registration answers."""
        return service(self.db).call("get_registration", p_registration_id=self.registration)

    def money(self) -> dict[str, str]:
        """Return what get_registration says of the money."""
        known = self.known()
        keys = ("subtotal", "total", "paid", "refunded", "amount_due", "refund_due")
        return {key: str(known[key]) for key in keys}

    def refusal(self, outcome: Outcome) -> tuple[str | None, list[tuple[str, str]]]:
        """Return the class of a refusal, and the codes and paths of its issues by name."""
        return outcome.sqlstate, self.said(outcome.issues)

    def said(self, issues: Sequence[Document]) -> list[tuple[str, str]]:
        """Return the codes and paths of issues by name, in the order of paths."""
        return [(each["code"], each["path"]) for each in readable(self.names, issues)]

    def tickets(self) -> list[Document]:
        """Return all tickets of the registration, the oldest first, as they are stored."""
        return rows(
            self.db,
            """
            SELECT ticket.*, attendee.client_attendee_id FROM ticketing.tickets AS ticket
            INNER JOIN ticketing.attendees AS attendee USING (function_id, attendee_id)
            WHERE ticket.registration_id = %s
            ORDER BY ticket.created_at, ticket.ticket_id
            """,
            self.registration,
        )

    def in_force(self) -> list[Document]:
        """Return those that are not cancelled."""
        return [each for each in self.tickets() if each["status"] == "Active"]

    def ids(self, attendee: str, what: str | None = None) -> list[str]:
        """Return the ids of an attendee's tickets in force, of one type, the oldest first."""
        return [
            str(each["ticket_id"])
            for each in self.in_force()
            if self.names.names(str(each["client_attendee_id"])) == attendee
            and what in {None, self.names.names(str(each["ticket_type_id"]))}
        ]

    def feed(self, revision: int) -> list[Document]:
        """Return the changes of tickets that made a revision, in order."""
        return rows(
            self.db,
            """
            SELECT * FROM ticketing.ticket_changes
            WHERE registration_id = %s AND revision = %s ORDER BY change_id
            """,
            self.registration,
            revision,
        )

    def record(self) -> list[Document]:
        """Return all other changes of the registration, in order."""
        return rows(
            self.db,
            """
            SELECT change, revision, old_values, new_values, reason, actor_id, actor_role
            FROM ticketing.registration_changes WHERE registration_id = %s ORDER BY change_id
            """,
            self.registration,
        )

    def refuses(
        self, by: str, wanted: Mapping[str, Document], **more: object
    ) -> tuple[str | None, list[tuple[str, str]]]:
        """Ask for an amendment that must be refused, and leave everything as it was."""
        before = dump(self.db)
        outcome = self.amend(by, wanted, **more)
        assert outcome.sqlstate, outcome.answer
        assert dump(self.db) == before
        return self.refusal(outcome)


def paid_in(amount: object, reference: str = "amendment-1", **more: object) -> Document:
    """Return a p_payment in the currency of the workshop."""
    return payment(amount, reference) | {"currency": "EUR"} | more


def sell(db: Connection, wizard_state: Document, sale: Sale, currency: str = "EUR") -> Booth:
    """Put the workshop on sale, and sell what the sale says."""
    db.execute("SET LOCAL TimeZone = 'UTC'")
    names = Names(IDS)
    catalogue = deepcopy(WORKSHOP)
    amend(catalogue, names.ids(LIMITED))
    amend(catalogue, names.ids(dict(sale.given)))
    catalogue["function"] |= sale.function
    catalogue["pools"] = names.ids(list(sale.pools))
    service(db).call("import_catalogue", p_catalogue=catalogue)
    db.execute(
        """
        INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
        VALUES (%s, %s, 'staff')
        """,
        [catalogue["organisation"]["organisation_id"], STAFF],
    )
    state = wizard_state["registration"] | sale.registration
    for attendee in create(db, state, FUNCTION)["attendees"]:
        names.also(names.names(attendee["client_attendee_id"]), attendee["attendee_id"])
    booth = Booth(db, names)
    due = persist(booth, REGISTRATION, sale.held)["total"]
    if due:
        service(db).call(
            "complete_registration_payment",
            p_registration_id=REGISTRATION,
            p_payment=paid_in(str(due), "first", currency=currency),
        )
    else:
        complete_free(booth)
    if sale.others:
        create(db, state, FUNCTION, OTHER_REGISTRATION)
        persist(booth, OTHER_REGISTRATION, {"tomas": sale.others})
        if sale.are_overdue:
            let_lapse(db, OTHER_REGISTRATION)
    amend(catalogue, names.ids(dict(sale.since)))
    catalogue["function"] |= sale.since_function
    service(db).call("import_catalogue", p_catalogue=catalogue)
    allow_changes(db, *sale.deadlines)
    return booth


def persist(booth: Booth, registration: str, chosen: Mapping[str, Document]) -> Document:
    """Persist what attendees choose, and return the answer."""
    return service(booth.db).call(
        "persist_ticket_selections",
        p_registration_id=registration,
        p_selections=booth.names.ids(dict(chosen)),
    )


def complete_free(booth: Booth) -> None:
    """Complete the registration, some of whose attendees have no ticket, without a payment."""
    known = booth.known()
    holding = {each["attendee_id"] for each in known["tickets"]}
    data = known["registration"]
    staying = [
        each["client_attendee_id"] for each in known["attendees"] if each["attendee_id"] in holding
    ]
    data["additionalAttendees"] = [
        each for each in data["additionalAttendees"] if each["attendeeId"] in staying
    ]
    owner(booth.db).call("create_individual_registration_jsonb", p_registration_data=data)
    owner(booth.db).call("start_payment", p_registration_id=REGISTRATION)


# What must hold for every amendment


def check(booth: Booth, case: Case) -> None:
    """Quote an amendment, refuse it without its money, make it, and make it again.

    Raises:
        AssertionError: When something is not as the case, the quote or the model says.
    """
    before = dump(booth.db)
    costs, refund_due = Decimal(case.costs), Decimal(case.refund_due)
    quote = booth.quote(case.by, case.wanted)
    assert (quote["valid"], quote["issues"]) == (True, [])
    assert (quote["amount_due"], quote["refund_due"]) == (costs, refund_due)
    by, money = (case.by, None)
    if costs:
        refused = booth.amend(case.by, case.wanted)
        assert booth.refusal(refused) == ("TK007", [("payment_required", "p_payment")])
        assert refused.issues[0]["expected"] == costs
        by, money = ("service", paid_in(case.costs))
    else:
        refused = booth.amend("service", case.wanted, p_payment=paid_in("1.00"))
        assert booth.refusal(refused) == ("TK007", [("nothing_due", "p_payment")])
    assert dump(booth.db) == before

    known, held, recorded = booth.known(), booth.in_force(), booth.record()
    answer = booth.amended(by, case.wanted, p_payment=money, p_expected_revision=known["revision"])
    check_tickets(booth, case, held, answer)
    check_answer(booth, case, known, answer)
    assert quote["subtotal"] == answer["subtotal"]
    (change,) = booth.record()[len(recorded) :]
    assert change["change"] == "amended"
    assert change["revision"] == answer["revision"]
    assert change["old_values"] == {"subtotal": float(known["subtotal"])}
    waived = {"waived": list(case.waived)} if case.waived else {}
    expected = {"subtotal": float(answer["subtotal"])} | waived
    assert change["new_values"] == expected, change["new_values"]
    assert change["reason"] is None
    assert change["actor_role"] == booth.caller(by).role

    # the reply was lost
    after = dump(booth.db)
    repeated = booth.amended(
        by, case.wanted, p_payment=money, p_expected_revision=known["revision"]
    )
    assert dump(booth.db) == after
    nothing_new = {"tickets_created": 0, "tickets_cancelled": 0}
    assert without_time(repeated) == without_time(answer) | nothing_new
    # and what is stored can be sent back
    selections = booth.known()["ticket_selections"]
    assert booth.names.names(selections).keys() >= case.wanted.keys()
    booth.amended("service", selections)
    assert dump(booth.db) == after


def without_time(answer: Document) -> Document:
    """Return an answer without the clock."""
    return {key: value for key, value in answer.items() if key != "server_time"}


def check_tickets(booth: Booth, case: Case, held: Sequence[Document], answer: Document) -> None:
    """Check that as many tickets as possible are kept, and what becomes of the others."""
    tickets = {each["ticket_id"]: each for each in booth.tickets()}
    in_force = {key: each for key, each in tickets.items() if each["status"] == "Active"}
    assert Counter(as_tickets(booth.names, in_words(in_force.values()))) == Counter(case.leaves)
    assert {each["payment_status"] for each in in_force.values()} == {"Paid"}

    kinds: dict[tuple[Any, ...], list[Document]] = defaultdict(list)
    for each in held:
        kinds[each["attendee_id"], each["package_id"], each["ticket_type_id"]].append(each)
    wanted: Counter[tuple[Any, ...]] = Counter(
        (each["attendee_id"], each["package_id"], each["ticket_type_id"])
        for each in in_force.values()
    )
    for kind, found in kinds.items():
        kept = [each for each in found if each["ticket_id"] in in_force]
        assert len(kept) == min(len(found), wanted[kind])
        if all(each["package_id"] is None for each in found):
            assert kept == found[: len(kept)]
    check_kept(booth, held, answer)


def check_kept(booth: Booth, held: Sequence[Document], answer: Document) -> None:
    """Check that a ticket that is kept is untouched, and what was written of the others."""
    tickets = {each["ticket_id"]: each for each in booth.tickets()}
    in_force = {key: each for key, each in tickets.items() if each["status"] == "Active"}
    gone = [each for each in held if each["ticket_id"] not in in_force]
    for each in held:
        now = tickets[each["ticket_id"]]
        # (copies of a package may be numbered anew)
        changed = {"package_number"}
        if each in gone:
            assert (now["status"], now["payment_status"]) == ("Cancelled", "Paid")
            changed |= {"status", "updated_at"}
        assert {key: now[key] for key in now.keys() - changed} == {
            key: each[key] for key in each.keys() - changed
        }
    added = in_force.keys() - {each["ticket_id"] for each in held}
    assert (answer["tickets_created"], answer["tickets_cancelled"]) == (len(added), len(gone))

    feed = booth.feed(answer["revision"])
    assert [each["change"] for each in feed] == (
        ["cancelled"] * len(gone) + ["added"] * len(added) + ["paid"] * len(added)
    )
    for change, ids in (
        ("cancelled", {each["ticket_id"] for each in gone}),
        ("added", added),
        ("paid", added),
    ):
        assert {each["ticket_id"] for each in feed if each["change"] == change} == ids
    assert all(each["price_paid"] == tickets[each["ticket_id"]]["price_paid"] for each in feed)

    assert counters(booth.db) == recount(booth.db)
    assert integrity(booth.db) == []


def in_words(tickets: Any) -> list[Document]:  # noqa: ANN401 - an iterable of rows
    """Return rows of tickets with the ids as texts."""
    return [
        each | {key: each[key] and str(each[key]) for key in each if key.endswith("_id")}
        for each in tickets
    ]


def check_answer(booth: Booth, case: Case, known: Document, answer: Document) -> None:
    """Check the money that an amendment answers, and that it is what there is."""
    subtotal = sum((ticket[3] for ticket in case.leaves), NOTHING)
    paid = known["paid"] + Decimal(case.costs)
    assert without_time(answer) == {
        "success": True,
        "registration_id": REGISTRATION,
        "status": "completed",
        "payment_status": "Paid",
        "confirmation_number": known["confirmation_number"],
        "revision": known["revision"] + 1,
        "payment_id": answer["payment_id"],
        "tickets_created": answer["tickets_created"],
        "tickets_cancelled": answer["tickets_cancelled"],
        "subtotal": subtotal,
        "adjustment": NOTHING,
        "total": subtotal,
        "paid": paid,
        "refunded": known["refunded"],
        "amount_due": NOTHING,
        "refund_due": Decimal(case.refund_due),
        "currency": "EUR",
    }
    assert paid - answer["refunded"] - answer["total"] == answer["refund_due"]
    assert (answer["payment_id"] is not None) == (case.costs != "0.00")
    now = booth.known()
    shared = answer.keys() & now.keys() - {"server_time"}
    assert {key: now[key] for key in shared} == {key: answer[key] for key in shared}
