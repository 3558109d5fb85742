"""What holds for every catalogue and every selection, tried on many random ones.

A small model says in Python what a selection amounts to: exact fractions, and no SQL. The suite
tries the same examples every time; SEARCH=25 tries about 1,000 new ones.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.support.bookings import allow_changes, integrity, payment
from tests.support.caller import (
    Caller,
    Connection,
    Outcome,
    service,
)
from tests.support.example import (
    Document,
    updates_of,
)
from tests.support.search import SEARCH
from tests.support.stored import (
    counters,
    dump,
    recount,
)
from tests.support.workshop import (
    FUNCTION,
    LATER,
    OTHER_REGISTRATION,
    REGISTRATION,
    WORKSHOP,
    create,
)

pytestmark = pytest.mark.long


ATTENDEES = {
    "01974a10-0000-7000-8000-000000000001": "red",
    "01974a10-0000-7000-8000-000000000002": "green",
    "01974a10-0000-7000-8000-000000000003": None,
}
NOTHING: Document = {"packages": [], "individualTickets": []}
SCRATCH = "00000000-0000-0001-0000-000000000003"

# One database for all examples of a property: each is rolled back.
TRIED = settings(
    max_examples=40 * SEARCH,
    derandomize=SEARCH == 1,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def allocate(price: str, units: Sequence[str]) -> list[Decimal]:
    """Split a price over units of these list prices: largest remainder, ties to the first."""
    weights = [Fraction(unit) for unit in units]
    if not any(weights):
        weights = [Fraction(1)] * len(units)
    exact = [Fraction(price) * 100 * weight / sum(weights) for weight in weights]
    cents = [floor(share) for share in exact]
    by_loss = sorted(range(len(units)), key=lambda n: (cents[n] - exact[n], n))
    for n in by_loss[: int(Fraction(price) * 100) - sum(cents)]:
        cents[n] += 1
    return [Decimal(each) / 100 for each in cents]


class Model:
    """What a catalogue makes of selections."""

    def __init__(self, catalogue: Document) -> None:
        """Look everything up by id."""
        self.document = catalogue
        self.types = {each["ticket_type_id"]: each for each in catalogue["ticket_types"]}
        self.packages = {each["package_id"]: each for each in catalogue["packages"]}
        self._starts = {each["event_id"]: each["starts_at"] for each in catalogue["events"]}

    def contents(self, package: str) -> dict[str, int]:
        """Return the ticket types in a package and how many of each, as they are listed."""
        items = {
            item["ticket_type_id"]: item["quantity"] for item in self.packages[package]["items"]
        }
        order = sorted(items, key=lambda key: (self._starts[self.types[key]["event_id"]], key))
        return {ticket_type: items[ticket_type] for ticket_type in order}

    def shares(self, package: str) -> list[tuple[str, Decimal]]:
        """Return the ticket types in a package, one for each unit, with what each costs."""
        units = sorted(
            ticket_type
            for ticket_type, quantity in self.contents(package).items()
            for _ in range(quantity)
        )
        listed = [self.types[unit]["price"] for unit in units]
        return list(zip(units, allocate(self.packages[package]["price"], listed), strict=True))

    def canonical(self, choice: Mapping[str, Any]) -> Document:
        """Return what is stored of a choice: everything once, where it was listed first."""
        packages: dict[str, Document] = {}
        for line in choice["packages"]:
            quantities = self.contents(line["packageId"])
            stated = [ticket_type_of(each) for each in line.get("tickets") or ()]
            first = {
                "packageId": line["packageId"],
                "quantity": 0,
                "tickets": [
                    {"ticketId": each, "quantity": quantities[each]}
                    for each in stated or quantities
                ],
            }
            packages.setdefault(line["packageId"], first)["quantity"] += line["quantity"]
        single: dict[str, Document] = {}
        for line in choice["individualTickets"]:
            first = {"ticketId": line["ticketId"], "quantity": 0}
            single.setdefault(line["ticketId"], first)["quantity"] += line["quantity"]
        return {
            "packages": [line for line in packages.values() if line["quantity"]],
            "individualTickets": [line for line in single.values() if line["quantity"]],
        }

    def tickets(self, selections: Mapping[str, Any]) -> Counter[tuple[Any, ...]]:
        """Return all tickets: attendee, ticket type, package, price and list price."""
        found: Counter[tuple[Any, ...]] = Counter()
        for attendee, choice in selections.items():
            for line in choice["packages"]:
                for ticket_type, price in self.shares(line["packageId"]):
                    listed = Decimal(self.types[ticket_type]["price"])
                    found[attendee, ticket_type, line["packageId"], price, listed] += line[
                        "quantity"
                    ]
            for line in choice["individualTickets"]:
                listed = Decimal(self.types[line["ticketId"]]["price"])
                found[attendee, line["ticketId"], None, listed, listed] += line["quantity"]
        return +found


def ticket_type_of(content: Document) -> str:
    """Read a ticket inside a package, whose id is recorded in either form."""
    ticket_type = content["ticketId"]
    return str(ticket_type["event_ticket_id"] if isinstance(ticket_type, dict) else ticket_type)


def an_id(kind: int, number: int) -> str:
    return f"0000000{kind}-0000-4000-8000-{number:012}"


def money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


OWNER = an_id(9, 9)

cents = st.sampled_from([0, 1, 1000, 3333, 3334, 5000, 7000]) | st.integers(0, 100_000)
prices = cents.map(money)
any_prices = st.integers(0, 10**12 - 1).map(money)
capacities = st.none() | st.integers(0, 12)


def sellables(*, limited: bool) -> st.SearchStrategy[Document]:
    """Draw what ticket types and packages have in common."""
    if not limited:
        return st.fixed_dictionaries({"price": prices | any_prices})

    def in_order(limits: Document) -> Document:
        least = limits["min_per_attendee"]
        return {key: value if value is None else max(value, least) for key, value in limits.items()}

    rules = st.fixed_dictionaries(
        {
            "type": st.just("colour"),
            "operator": st.sampled_from(["in", "not_in"]),
            "value": st.lists(st.sampled_from(["red", "green"]), max_size=2),
        }
    )
    limits = st.fixed_dictionaries(
        {
            "min_per_attendee": st.sampled_from([0, 0, 0, 0, 2]),
            "max_per_attendee": st.none() | st.integers(1, 6),
            "max_per_registration": st.none() | st.integers(2, 12),
        }
    ).map(in_order)
    rest = st.fixed_dictionaries(
        {
            "price": prices,
            "capacity": capacities,
            "is_active": st.sampled_from([True] * 9 + [False]),
            "sale_ends_at": st.sampled_from([None] * 9 + ["2000-01-01T00:00:00Z"]),
            "eligibility": st.fixed_dictionaries(
                {
                    "operator": st.sampled_from(["AND", "OR"]),
                    "rules": st.just([]) | st.lists(rules, max_size=2),
                }
            ),
        }
    )
    return st.builds(lambda one, other: one | other, limits, rest)


@st.composite
def catalogues(draw: st.DrawFn, *, limited: bool = True) -> Model:
    """Draw a catalogue of a few ticket types and packages, without limits if so wanted."""
    catalogue = deepcopy(WORKSHOP)
    if limited:
        catalogue["function"]["selection_mode"] = draw(st.sampled_from(["mixed", "exclusive"]))
        for each in catalogue["events"]:
            each["capacity"] = draw(capacities)
    events = st.sampled_from([each["event_id"] for each in catalogue["events"]])
    kinds = draw(st.lists(sellables(limited=limited), min_size=1, max_size=4))
    catalogue["ticket_types"] = [
        kind | {"ticket_type_id": an_id(2, n), "event_id": draw(events), "name": f"type {n}"}
        for n, kind in enumerate(kinds, 1)
    ]
    type_ids = [each["ticket_type_id"] for each in catalogue["ticket_types"]]
    kinds = draw(st.lists(sellables(limited=limited), min_size=1, max_size=3))
    catalogue["packages"] = [
        kind
        | {
            "package_id": an_id(3, n),
            "name": f"package {n}",
            "items": [
                {"ticket_type_id": ticket_type, "quantity": draw(st.integers(1, 3))}
                for ticket_type in draw(
                    st.lists(st.sampled_from(type_ids), min_size=1, unique=True)
                )
            ],
        }
        for n, kind in enumerate(kinds, 1)
    ]
    if limited and draw(st.booleans()):
        package_ids = [each["package_id"] for each in catalogue["packages"]]
        catalogue["pools"] = [
            {
                "capacity_pool_id": an_id(4, 1),
                "name": "Shared",
                "capacity": draw(st.integers(0, 20)),
                "ticket_type_ids": draw(st.lists(st.sampled_from(type_ids), unique=True)),
                "package_ids": draw(st.lists(st.sampled_from(package_ids), unique=True)),
            }
        ]
    return Model(catalogue)


@st.composite
def choices(draw: st.DrawFn, model: Model) -> Document:
    """Draw what one attendee chooses, in any form that the wizard has recorded."""
    kinds = draw(st.sampled_from(["packages", "individualTickets", "both"]))
    packages: list[Document] = []
    single: list[Document] = []
    if kinds != "individualTickets":
        for package in draw(st.lists(st.sampled_from(sorted(model.packages)), max_size=2)):
            line: Document = {"packageId": package, "quantity": draw(st.integers(0, 2))}
            if draw(st.booleans()):
                quantities = st.integers(0, 3)
                line["tickets"] = [
                    {
                        "ticketId": draw(
                            st.sampled_from([each, {"event_ticket_id": each, "quantity": 1}])
                        ),
                        "quantity": draw(quantities),
                    }
                    for each in draw(st.permutations(list(model.contents(package))))
                ]
            packages.append(line)
    if kinds != "packages":
        line_of_one = st.fixed_dictionaries(
            {"ticketId": st.sampled_from(sorted(model.types)), "quantity": st.integers(0, 3)}
        )
        single = draw(st.lists(line_of_one, max_size=3))
    return {"packages": packages, "individualTickets": single}


def selections_of(model: Model, *, least: int = 1) -> st.SearchStrategy[Document]:
    """Draw what some of the attendees choose."""
    return st.dictionaries(st.sampled_from(sorted(ATTENDEES)), choices(model), min_size=least)


def prepare(db: Connection, model: Model, *registrations: str) -> None:
    """Put a catalogue on sale and make registrations of three attendees."""
    service(db).call("import_catalogue", p_catalogue=model.document)
    attendees = [
        {"attendeeId": attendee, "attendeeType": "guest", "colour": colour}
        for attendee, colour in ATTENDEES.items()
    ]
    state = {
        "primaryAttendee": attendees[0],
        "additionalAttendees": attendees[1:],
        "authUserId": OWNER,
        "billingDetails": {},
    }
    for registration in registrations:
        create(db, state, FUNCTION, registration)


def persist(db: Connection, registration: str, selections: Document) -> Outcome:
    return service(db).attempt(
        "persist_ticket_selections",
        p_registration_id=registration,
        p_selections=selections,
    )


def rows(tickets: Sequence[Document]) -> Counter[tuple[Any, ...]]:
    """Count full ticket objects by what the model knows of them."""
    return Counter(
        (
            each["client_attendee_id"],
            each["ticket_type_id"],
            each["package_id"],
            each["price_paid"],
            each["original_price"],
        )
        for each in tickets
    )


def stored(db: Connection, registration: str = REGISTRATION) -> Document:
    return service(db).call("get_registration", p_registration_id=registration)


def quoted(db: Connection, selections: Document, caller: Caller | None = None) -> Document:
    return (caller or service(db)).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=selections,
        p_registration_id=REGISTRATION,
    )


@TRIED
@given(catalogues(limited=False))
def test_package_price_is_split_to_the_cent(db: Connection, model: Model) -> None:
    attendee = next(iter(ATTENDEES))
    with db.transaction(force_rollback=True):
        prepare(db, model, REGISTRATION)
        for package in model.packages:
            selection = {attendee: {"packages": [{"packageId": package, "quantity": 1}]}}
            quote = quoted(db, selection)
            paid = [ticket["price_paid"] for ticket in quote["tickets"]]
            assert sum(paid) == Decimal(model.packages[package]["price"]) == quote["subtotal"]
            assert min(paid) >= 0
            assert Counter(
                (ticket["ticket_type_id"], ticket["price_paid"]) for ticket in quote["tickets"]
            ) == Counter(model.shares(package))


@TRIED
@given(st.data())
def test_quote_and_persist_agree_with_model(db: Connection, data: st.DataObject) -> None:
    model = data.draw(catalogues())
    with db.transaction(force_rollback=True):
        prepare(db, model, REGISTRATION, OTHER_REGISTRATION)
        persist(db, OTHER_REGISTRATION, data.draw(selections_of(model, least=0)))
        persist(db, REGISTRATION, data.draw(selections_of(model, least=0)))
        selections = data.draw(selections_of(model))

        quote = quoted(db, selections)
        with db.transaction(force_rollback=True):
            outcome = persist(db, REGISTRATION, selections)
            assert list(outcome.issues) == quote["issues"]
            assert quote["valid"] == (outcome.sqlstate is None)
            event(f"persisted: {outcome.sqlstate}")
            if quote["valid"]:
                assert rows(quote["tickets"]) == model.tickets(selections)
                known = stored(db)
                named = [
                    each for each in known["tickets"] if each["client_attendee_id"] in selections
                ]
                assert rows(named) == model.tickets(selections)
                assert known["total"] == outcome.answer["total"] == quote["subtotal"]
                assert (
                    outcome.answer["attendees_without_tickets"]
                    == (quote["attendees_without_tickets"])
                )
        outcome = service(db).attempt(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=quote["tickets"],
            p_attendee_updates=updates_of(selections),
        )
        assert sorted(each["code"] for each in outcome.issues) == sorted(
            each["code"] for each in quote["issues"]
        )
        if quote["valid"]:
            assert outcome.answer["total"] == quote["subtotal"]


@TRIED
@given(st.data())
def test_persist_leaves_last_selection_of_each_attendee(
    db: Connection, data: st.DataObject
) -> None:
    model = data.draw(catalogues())
    with db.transaction(force_rollback=True):
        prepare(db, model, REGISTRATION, OTHER_REGISTRATION, SCRATCH)
        persist(db, OTHER_REGISTRATION, data.draw(selections_of(model, least=0)))
        holds: Document = {}
        for selections in data.draw(st.lists(selections_of(model), min_size=1, max_size=4)):
            # what was held before matters neither for the decision nor for the tickets
            with db.transaction(force_rollback=True):
                persist(db, REGISTRATION, dict.fromkeys(ATTENDEES, NOTHING))
                alone = persist(db, SCRATCH, holds | selections)
                tickets = rows(stored(db, SCRATCH)["tickets"])
            outcome = persist(db, REGISTRATION, selections)
            assert outcome.sqlstate == alone.sqlstate
            event(f"persisted: {outcome.sqlstate}")
            if outcome.sqlstate is None:
                holds |= selections
                assert rows(stored(db)["tickets"]) == tickets
            assert counters(db) == recount(db)
        assert rows(stored(db)["tickets"]) == model.tickets(holds)


@TRIED
@given(st.data())
def test_get_registration_returns_what_was_persisted(db: Connection, data: st.DataObject) -> None:
    model = data.draw(catalogues())
    with db.transaction(force_rollback=True):
        prepare(db, model, REGISTRATION)
        holds = dict.fromkeys(ATTENDEES, NOTHING)
        for selections in data.draw(st.lists(selections_of(model), min_size=1, max_size=3)):
            outcome = persist(db, REGISTRATION, selections)
            event(f"persisted: {outcome.sqlstate}")
            if outcome.sqlstate is None:
                holds |= {who: model.canonical(what) for who, what in selections.items()}
            known = stored(db)
            assert known["ticket_selections"] == holds
            assert rows(known["tickets"]) == model.tickets(holds)
            assert known["total"] == sum(each["price_paid"] for each in known["tickets"])

            assert counters(db) == recount(db)

        known = stored(db)
        for way in (
            {"rpc": "persist_ticket_selections", "p_selections": known["ticket_selections"]},
            {
                "rpc": "persist_attendee_tickets",
                "p_tickets": known["tickets"],
                "p_attendee_updates": updates_of(known["ticket_selections"]),
            },
        ):
            answer = service(db).call(p_registration_id=REGISTRATION, **way)
            assert answer["tickets_unchanged"] == len(known["tickets"])
            assert unchanged(stored(db)) == unchanged(known)
        service(db).call(
            "create_individual_registration_with_tickets",
            p_registration_data=known["registration"] | {"authUserId": OWNER},
        )
        assert unchanged(stored(db)) == unchanged(known)
        # the tickets alone say what is selected, if not in which order
        service(db).call(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=known["tickets"],
        )
        assert in_no_order(stored(db)["tickets"]) == in_no_order(known["tickets"])


def unchanged(known: Document) -> Document:
    """Return a registration without the clock."""
    return {key: known[key] for key in known.keys() - {"hold_expires_at", "server_time"}}


def in_no_order(tickets: Sequence[Document]) -> list[Document]:
    return sorted(tickets, key=lambda ticket: str(ticket["ticket_id"]))


def without_new_ids(document: Document, known: Sequence[Document]) -> Document:
    """Return an answer without what is new in every call: times, and the ids of new tickets."""
    ids = {each["ticket_id"] for each in known}
    tickets = [
        each | {"ticket_id": each["ticket_id"] if each["ticket_id"] in ids else None}
        for each in document["tickets"]
    ]
    return unchanged(document) | {"tickets": tickets}


@TRIED
@given(st.data())
def test_persist_does_not_depend_on_order_of_tickets(db: Connection, data: st.DataObject) -> None:
    model = data.draw(catalogues(limited=False))
    with db.transaction(force_rollback=True):
        prepare(db, model, REGISTRATION)
        persist(db, REGISTRATION, data.draw(selections_of(model, least=0)))
        known = stored(db)["tickets"]
        selections = data.draw(selections_of(model))
        quote = quoted(db, selections)
        tickets = quote["tickets"]
        if data.draw(st.booleans()):
            kept = ("client_attendee_id", "event_id", "ticket_type_id", "package_id", "price_paid")
            names = {"client_attendee_id": "attendee_id"}
            tickets = [{names.get(key, key): each[key] for key in kept} for each in tickets]
        found: list[tuple[Outcome, Document]] = []
        for arranged in (tickets, data.draw(st.permutations(tickets))):
            with db.transaction(force_rollback=True):
                outcome = service(db).attempt(
                    "persist_attendee_tickets",
                    p_registration_id=REGISTRATION,
                    p_tickets=arranged,
                    p_attendee_updates=updates_of(selections),
                )
                found.append((outcome, stored(db)))
        (first, stored_first), (other, stored_other) = found
        event(f"persisted: {first.sqlstate}")
        assert (first.sqlstate, first.found) == (other.sqlstate, other.found)
        assert without_new_ids(stored_first, known) == without_new_ids(stored_other, known)
        if first.answer:
            assert without_new_ids(first.answer, known) == without_new_ids(other.answer, known)


# After payment


def in_force(db: Connection) -> Document:
    """Return the registration with those of its tickets that are not cancelled."""
    known = stored(db)
    known["tickets"] = [each for each in known["tickets"] if each["status"] == "Active"]
    return known


class Paid:
    """A registration that is paid, and whatever happens to it."""

    def __init__(self, db: Connection, data: st.DataObject, model: Model) -> None:
        """Change the registration, drawing from data what is done, and by whom."""
        self.db = db
        self.data = data
        self.model = model
        self.known = in_force(db)
        self.number = 0

    def caller(self) -> Caller:
        """Draw who calls."""
        owner = Caller(self.db, "authenticated", OWNER)
        return self.data.draw(st.sampled_from([owner, service(self.db)]))

    def money(self, amount: object) -> Document:
        """Return a payment of an amount by a new reference, with some surcharge."""
        self.number += 1
        surcharge = self.data.draw(st.sampled_from([Decimal("0.00"), Decimal("1.25")]))
        return payment(
            str(Decimal(str(amount)) + surcharge),
            f"payment {self.number}",
            currency="EUR",
            surcharge_amount=str(surcharge),
        )

    def amend(self) -> None:
        """Amend by a selection, and by a payment if it takes one."""
        caller, selections = self.caller(), self.data.draw(selections_of(self.model, least=0))
        quote = quoted(self.db, selections, caller)
        arguments: Document = {"p_registration_id": REGISTRATION, "p_selections": selections}
        before = dump(self.db)
        outcome = caller.attempt("amend_registration", **arguments)
        event(f"amended: {outcome.sqlstate}")
        if not quote["valid"]:
            codes = {issue["code"] for issue in quote["issues"]}
            # a deadline is told alone
            assert outcome.issues == quote["issues"] or (
                outcome.sqlstate == "TK003" and outcome.issues[0]["code"] in codes
            )
            assert dump(self.db) == before
            return
        if quote["amount_due"]:
            ((code, _),) = outcome.found
            assert (code, outcome.issues[0]["expected"]) == (
                "payment_required",
                quote["amount_due"],
            )
            assert dump(self.db) == before
            caller = service(self.db)
            arguments["p_payment"] = self.money(quote["amount_due"])
            outcome = caller.attempt("amend_registration", **arguments)
        assert outcome.sqlstate is None, outcome
        assert outcome.answer["subtotal"] == quote["subtotal"]
        assert (outcome.answer["refund_due"], outcome.answer["amount_due"]) == (
            quote["refund_due"],
            0,
        )
        known = {each["ticket_id"] for each in self.known["tickets"]}
        new = [each for each in in_force(self.db)["tickets"] if each["ticket_id"] not in known]
        assert outcome.answer["tickets_created"] == len(new)

        # the same again
        after = dump(self.db)
        again = caller.call("amend_registration", **arguments)
        assert (again["tickets_created"], again["tickets_cancelled"]) == (0, 0)
        assert again["payment_id"] == outcome.answer["payment_id"]
        assert dump(self.db) == after
        known = in_force(self.db)["ticket_selections"]
        for attendee, choice in selections.items():
            assert known[attendee] == self.model.canonical(choice)
        for attendee in known.keys() - selections.keys():
            assert known[attendee] == self.known["ticket_selections"][attendee]

    def cancel(self) -> None:
        """Cancel some tickets: exactly those go, or none."""
        ids = [each["ticket_id"] for each in self.known["tickets"]]
        named = self.data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        if self.data.draw(st.booleans()):
            # with all that is in the same packages
            whole = {
                each["package_id"]
                for each in self.known["tickets"]
                if each["ticket_id"] in named and each["package_id"]
            }
            named += [
                each["ticket_id"] for each in self.known["tickets"] if each["package_id"] in whole
            ]
        caller, before = self.caller(), dump(self.db)
        arguments = {"p_registration_id": REGISTRATION, "p_ticket_ids": named}
        outcome = caller.attempt("cancel_tickets", **arguments)
        event(f"cancelled tickets: {outcome.sqlstate}")
        left = set(ids)
        if outcome.sqlstate is None:
            left -= set(named)
            after = dump(self.db)
            caller.call("cancel_tickets", **arguments)
            assert dump(self.db) == after
        else:
            assert dump(self.db) == before
        assert {each["ticket_id"] for each in in_force(self.db)["tickets"]} == left

    def refund(self) -> None:
        """Give back a part of what is due back."""
        due = int(self.known["refund_due"] * 100)
        if due:
            amount = self.data.draw(st.integers(1, due) | st.just(due))
            self.number += 1
            service(self.db).call(
                "record_refund",
                p_registration_id=REGISTRATION,
                p_refund=payment(money(amount), f"refund {self.number}", currency="EUR"),
            )

    def adjust(self) -> None:
        """Adjust the total, which never makes anything due."""
        outcome = service(self.db).attempt(
            "adjust_registration",
            p_registration_id=REGISTRATION,
            p_adjustment=str(Decimal(self.data.draw(st.integers(-20_000, 20_000))) / 100),
            p_reason="for a reason",
        )
        event(f"adjusted: {outcome.sqlstate}")

    def raise_prices(self) -> None:
        """Let everything cost something else from now on."""
        for each in (*self.model.types.values(), *self.model.packages.values()):
            each["price"] = self.data.draw(prices)
        service(self.db).call("import_catalogue", p_catalogue=self.model.document)
        allow_changes(self.db, LATER, self.data.draw(st.sampled_from([LATER, LATER, None])))

    def check(self) -> None:
        """Check what always holds, and that nothing that stays has changed."""
        known = in_force(self.db)
        assert known["paid"] - known["refunded"] - known["total"] == (
            known["refund_due"] - known["amount_due"]
        )
        assert known["amount_due"] == 0
        assert known["subtotal"] == sum(each["price_paid"] for each in known["tickets"])
        assert {(each["status"], each["payment_status"]) for each in known["tickets"]} == {
            ("Active", "Paid")
        }
        kinds = Counter(
            (each["client_attendee_id"], each["ticket_type_id"], each["package_id"])
            for each in known["tickets"]
        )
        selected = self.model.tickets(known["ticket_selections"])
        wanted: Counter[tuple[Any, ...]] = Counter()
        for row, quantity in selected.items():
            wanted[row[:3]] += quantity
        assert kinds == wanted
        before = {each["ticket_id"]: each for each in self.known["tickets"]}
        for each in known["tickets"]:
            assert before.get(each["ticket_id"], each) == each
            if each["ticket_id"] not in before:
                listed = Decimal(self.model.types[each["ticket_type_id"]]["price"])
                assert each["original_price"] == listed
        assert counters(self.db) == recount(self.db)
        assert integrity(self.db) == []
        self.known = known


@TRIED
@given(st.data())
def test_paid_registration_stays_sound_whatever_is_done(
    db: Connection, data: st.DataObject
) -> None:
    model = data.draw(catalogues())
    with db.transaction(force_rollback=True):
        prepare(db, model, REGISTRATION, OTHER_REGISTRATION)
        persist(db, OTHER_REGISTRATION, data.draw(selections_of(model, least=0)))
        for selections in data.draw(st.lists(selections_of(model), min_size=4, max_size=4)):
            bought = persist(db, REGISTRATION, selections)
            if bought.sqlstate is None and bought.answer["tickets"]:
                break
        else:
            return
        service(db).call(
            "complete_registration_payment",
            p_registration_id=REGISTRATION,
            p_payment=payment(str(bought.answer["total"]), "first", currency="EUR"),
        )
        allow_changes(db, LATER, data.draw(st.sampled_from([LATER, LATER, None])))
        paid = Paid(db, data, model)
        steps = [paid.amend] * 3 + [paid.cancel, paid.refund, paid.adjust, paid.raise_prices]
        for step in data.draw(st.lists(st.sampled_from(steps), min_size=3, max_size=6)):
            step()
            paid.check()
