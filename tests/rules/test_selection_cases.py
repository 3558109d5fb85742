"""Every selection of cases.py gets exactly its tickets or its issues, whichever RPC is asked.

A quote without a registration, a quote for a registration, a persist of the wizard's selections and
a persist of the quoted tickets all go through one evaluator: each case asks all of them, and none
may disagree.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.rules.cases import (
    CASES,
    Case,
    issue,
)
from tests.support.caller import (
    Connection,
    Outcome,
    dumps,
    service,
)
from tests.support.example import (
    Document,
    updates_of,
)
from tests.support.stored import (
    counters,
    everything,
    recount,
)
from tests.support.workshop import (
    IDS,
    OTHER_REGISTRATION,
    REGISTRATION,
    WORKSHOP,
    Names,
    Ticket,
    amend,
    as_tickets,
    create,
    one,
    selected,
)

FUNCTION = WORKSHOP["function"]["function_id"]
SHOWN = ("code", "path", "expected", "actual", "requested", "available")


@dataclass(frozen=True)
class Scene:
    """A registration and its circumstances, ready for the selection of a case."""

    db: Connection
    case: Case
    names: Names
    function: str
    attendees: list[Document]

    @property
    def selections(self) -> Document:
        """The selection of the case, with ids."""
        selections: Document = self.names.ids(dict(self.case.selections))
        return selections

    @property
    def is_strangers(self) -> bool:
        """Whether a caller without the registration would be told the same."""
        return not self.case.before and "@db" not in dumps(self.case.selections)

    @property
    def is_said_by_tickets(self) -> bool:
        """Whether the tickets alone say what is selected: they cannot clear an attendee."""
        holding = {ticket[0] for ticket in self.case.tickets}
        return {name.removesuffix("@db") for name in self.case.selections} == holding

    @property
    def all_tickets(self) -> list[Ticket]:
        """What the registration holds once the selection is persisted."""
        return [*self.case.tickets, *self.case.kept]

    @property
    def holding_nothing(self) -> list[str]:
        """Who is left without a ticket, in the order of the wizard."""
        holding = {ticket[0] for ticket in self.all_tickets}
        names = [self.names.names(attendee["attendeeId"]) for attendee in self.attendees]
        return [name for name in names if name not in holding]


@pytest.fixture
def scene(db: Connection, catalogue: Document, wizard_state: Document, case: Case) -> Scene:
    """Put the catalogue on sale and make the registration, with what is held before."""
    names = Names(IDS)
    wanted = case.catalogue(catalogue)
    function = wanted["function"]["function_id"]
    state = with_facts(wizard_state["registration"], names, case)
    db.execute("SET LOCAL TimeZone = 'UTC'")
    service(db).call("import_catalogue", p_catalogue=catalogue)  # there is always another function
    service(db).call("import_catalogue", p_catalogue=wanted)
    answer = create(db, state, function)
    for attendee in answer["attendees"]:
        names.also(names.names(attendee["client_attendee_id"]), attendee["attendee_id"])
    if case.others:
        create(
            db,
            state,
            function,
            OTHER_REGISTRATION,
            registrationType="lodges",
            primaryAttendee=None,
            additionalAttendees=[],
        )
        hold(db, OTHER_REGISTRATION, names.ids(dict(case.others)))
    if case.before:
        hold(db, REGISTRATION, names.ids(dict(case.before)))
    attendees = [state["primaryAttendee"], *state["additionalAttendees"]]
    if attendees[0] is None:
        attendees[0] = {"attendeeId": REGISTRATION, "attendeeType": "contact"}
    return Scene(db, case, names, function, attendees)


def with_facts(registration: Document, names: Names, case: Case) -> Document:
    """Return the wizard's registration object as the case wants it."""
    changed: Document = {**deepcopy(registration), **case.registration}
    for attendee in [changed["primaryAttendee"], *changed["additionalAttendees"]]:
        if attendee is not None:
            attendee.update(case.facts.get(names.names(attendee["attendeeId"]), {}))
    return changed


def hold(db: Connection, registration: str, selections: Document) -> None:
    service(db).call(
        "persist_ticket_selections", p_registration_id=registration, p_selections=selections
    )


def readable(names: Names, issues: Iterable[Document]) -> list[Document]:
    """Return what a program needs of issues, with names, in the order of their paths."""
    shown = []
    for each in issues:
        assert each["message"]
        assert names.names(each.get("client_attendee_id")) == names.names(each.get("attendee_id"))
        found = {key: each[key] for key in SHOWN if key in each}
        found |= {
            key.removesuffix("_id"): each[key]
            for key in ("attendee_id", "ticket_type_id", "package_id")
            if key in each
        }
        found = names.names(found)
        if "attendee_ids" in each:
            found["attendees"] = sorted(names.names(each["attendee_ids"]))
        shown.append(found)
    return in_order(shown)


def in_order(issues: Iterable[Document]) -> list[Document]:
    return sorted(issues, key=lambda each: (each["path"], each["code"], dumps(each)))


def in_updates(issues: Iterable[Document], attendees: list[str]) -> list[Document]:
    """Say where issues of `p_selections` stand when the same is sent as `p_attendee_updates`."""

    def moved(found: Document) -> Document:
        path = found["path"]
        for number, attendee in enumerate(attendees):
            here = f"p_selections.{attendee}"
            if path == here and found["code"] in {"attendee_not_found", "invalid_value"}:
                path = f"p_attendee_updates[{number}].attendee_id"
            elif path == here or path.startswith(f"{here}."):
                path = f"p_attendee_updates[{number}].selected_tickets{path.removeprefix(here)}"
        return found | {"path": re.sub("^p_selections$", "p_attendee_updates", path)}

    return in_order(map(moved, issues))


def expanded(tickets: Iterable[Ticket]) -> list[Document]:
    """Return the `expanded_tickets` of tickets that all have the list price of their type."""
    counted = Counter((who, what, package, listed) for who, what, package, _, listed in tickets)
    return [
        {
            "attendeeId": who,
            "ticketTypeId": what,
            "packageId": package,
            "price": listed,
            "isFromPackage": package is not None,
            "quantity": quantity,
        }
        for (who, what, package, listed), quantity in counted.items()
    ]


def check_quote(scene: Scene, outcome: Outcome) -> None:
    case, names, quote = scene.case, scene.names, outcome.answer
    if case.sqlstate == "TK001" and case.issues:
        assert outcome.sqlstate == "TK001"
        assert readable(names, outcome.issues) == in_order(case.issues)
        return
    assert outcome.sqlstate is None
    assert readable(names, quote["issues"]) == in_order(case.issues)
    assert quote["valid"] == (not case.issues)
    if case.issues:
        return
    assert as_tickets(names, quote["tickets"]) == list(case.tickets)
    without_event = [
        {key: value for key, value in names.names(line).items() if key != "eventId"}
        for line in quote["expanded_tickets"]
    ]
    assert without_event == expanded(case.tickets)
    assert quote["subtotal"] == total(scene)
    assert without_tickets(scene, quote) == scene.holding_nothing


def total(scene: Scene) -> Decimal:
    """Return what all tickets of the registration cost: those of attendees not named, too."""
    return sum((paid for _, _, _, paid, _ in scene.all_tickets), Decimal())


def without_tickets(scene: Scene, answer: Mapping[str, Any]) -> list[str]:
    return [scene.names.names(each["attendee_id"]) for each in answer["attendees_without_tickets"]]


def check_persist(scene: Scene, outcome: Outcome) -> None:
    """Check the answer of a persist that had to succeed, and what is stored now."""
    db, case, names, answer = scene.db, scene.case, scene.names, outcome.answer
    assert outcome.sqlstate is None, outcome.issues
    assert [
        (each["attendee_id"], each["ticket_type_id"], each["package_id"], each["price_paid"])
        for each in names.names(answer["tickets"])
    ] == [ticket[:4] for ticket in case.tickets]
    assert answer["total"] == answer["subtotal"] == total(scene)
    assert without_tickets(scene, answer) == scene.holding_nothing
    assert answer["tickets_created"] + answer["tickets_unchanged"] == len(case.tickets)
    stored = service(db).call("get_registration", p_registration_id=REGISTRATION)
    assert Counter(as_tickets(names, stored["tickets"])) == Counter(scene.all_tickets)
    assert counters(db) == recount(db)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_selection_gets_exactly_its_tickets_or_its_issues(scene: Scene) -> None:
    db, case, names = scene.db, scene.case, scene.names
    before = everything(db)
    if scene.is_strangers:
        check_quote(
            scene,
            service(db).attempt(
                "quote_ticket_selections",
                p_function_id=scene.function,
                p_selections=scene.selections,
                p_attendees=scene.attendees,
                p_registration_type=case.registration.get("registrationType", "individuals"),
            ),
        )
    quoted = service(db).attempt(
        "quote_ticket_selections",
        p_function_id=scene.function,
        p_selections=scene.selections,
        p_registration_id=REGISTRATION,
    )
    check_quote(scene, quoted)
    assert everything(db) == before

    ways: list[Mapping[str, Any]] = [
        {"rpc": "persist_ticket_selections", "p_selections": scene.selections},
        {
            "rpc": "persist_attendee_tickets",
            "p_tickets": quoted.answer.get("tickets", []),
            "p_attendee_updates": updates_of(scene.selections),
        },
    ]
    if scene.is_said_by_tickets:
        ways.append({"rpc": "persist_attendee_tickets", "p_tickets": quoted.answer["tickets"]})
    for way in ways:
        with db.transaction(force_rollback=True):
            outcome = service(db).attempt(p_registration_id=REGISTRATION, **way)
            if case.issues:
                assert outcome.sqlstate == case.sqlstate
                assert readable(names, outcome.issues) == (
                    in_updates(case.issues, list(case.selections))
                    if "p_attendee_updates" in way
                    else in_order(case.issues)
                )
                assert everything(db) == before
            else:
                check_persist(scene, outcome)


# ------------------------------------------------------------- what a case cannot say by itself


@pytest.fixture
def workshop(db: Connection, wizard_state: Document) -> Names:
    """Put the workshop on sale and make the registration; return the names of both."""
    names = Names(IDS)
    service(db).call("import_catalogue", p_catalogue=WORKSHOP)
    for attendee in create(db, wizard_state["registration"], FUNCTION)["attendees"]:
        names.also(names.names(attendee["client_attendee_id"]), attendee["attendee_id"])
    return names


@pytest.mark.parametrize("second", ["tomas", "tomas@db"])
@pytest.mark.parametrize("first", ["tomas", "tomas@db"])
def test_an_attendee_is_named_once_by_either_id(
    db: Connection, workshop: Names, first: str, second: str
) -> None:
    chosen = {"selected_tickets": selected(one("fifty"))}
    outcome = service(db).attempt(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=[],
        p_attendee_updates=workshop.ids(
            [
                {"attendee_id": "ines", "selected_tickets": {}},
                {"attendee_id": first} | chosen,
                {"attendee_id": second} | chosen,
            ]
        ),
    )
    assert outcome.sqlstate == "TK004"
    assert {
        "code": "attendee_named_twice",
        "path": "p_attendee_updates[2].attendee_id",
        "attendee": "tomas",
    } in readable(workshop, outcome.issues)


def test_both_ids_of_an_attendee_in_selections_name_it_twice(
    db: Connection, workshop: Names
) -> None:
    selections = workshop.ids({"tomas": selected(one("fifty")), "tomas@db": selected(one("fifty"))})
    expected = [issue("attendee_named_twice", ".tomas", "tomas")]
    quote = service(db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=selections,
        p_registration_id=REGISTRATION,
    )
    assert readable(workshop, quote["issues"]) == expected
    outcome = service(db).attempt(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections=selections,
    )
    assert outcome.sqlstate == "TK004"
    assert readable(workshop, outcome.issues) == expected


@pytest.mark.parametrize("second", ["tomas", "tomas@db"])
@pytest.mark.parametrize("who", ["tomas", "ines"])
def test_a_quote_hears_of_each_attendee_once(
    db: Connection, workshop: Names, second: str, who: str
) -> None:
    attendees = [{"attendeeId": name, "attendeeType": "guest"} for name in ("tomas", second)]
    quote = service(db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=workshop.ids({who: selected(one("fifty"))}),
        p_attendees=workshop.ids(attendees),
        p_registration_id=REGISTRATION,
    )
    assert [(each["code"], each["path"]) for each in quote["issues"]] == [
        ("attendee_named_twice", "p_attendees[1].attendeeId")
    ]


@pytest.mark.parametrize(
    "amount", ["5e1", "0x32", "5_0", " 50 ", "+50", "50.", ".5e2", "", "NaN", "Infinity", -50, 1e10]
)
@pytest.mark.parametrize("key", ["price_paid", "original_price"])
def test_an_amount_is_a_number_or_a_plain_decimal(
    db: Connection, workshop: Names, key: str, amount: object
) -> None:
    row = {"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty", key: amount}
    outcome = service(db).attempt(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=workshop.ids([row]),
    )
    assert outcome.sqlstate == "TK001"
    assert [(each["code"], each["path"]) for each in outcome.issues] == [
        ("invalid_value", f"p_tickets[0].{key}")
    ]


@pytest.mark.parametrize("amount", [50, "50", "50.0", "50.00", "0050"])
def test_a_plain_decimal_may_be_written_in_many_ways(
    db: Connection, workshop: Names, amount: object
) -> None:
    row = {"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty"}
    answer = service(db).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=workshop.ids([row | {"price_paid": amount, "original_price": amount}]),
    )
    assert answer["total"] == 50


@pytest.mark.parametrize(
    "rows",
    [
        [{}, {}],
        [{"package_id": "free"}],
        [{"ticket_type_id": "gift"}],
        [{"attendee_id": "ines"}],
    ],
    ids=["twice", "in a package", "of another type", "of another attendee"],
)
def test_a_ticket_id_stands_for_the_one_ticket_that_has_it(
    db: Connection, workshop: Names, rows: list[Document]
) -> None:
    row = workshop.ids({"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty"})
    held = service(db).call(
        "persist_attendee_tickets", p_registration_id=REGISTRATION, p_tickets=[row]
    )["tickets"]
    row["ticket_id"] = held[0]["ticket_id"]
    assert (
        service(db).call(
            "persist_attendee_tickets", p_registration_id=REGISTRATION, p_tickets=[row]
        )["tickets_unchanged"]
        == 1
    )
    outcome = service(db).attempt(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=[row | workshop.ids(each) for each in rows],
    )
    assert outcome.sqlstate == "TK004"
    assert [each["path"] for each in outcome.issues] == [f"p_tickets[{len(rows) - 1}].ticket_id"]


def test_more_money_than_a_registration_can_owe_is_refused_by_the_quote_as_well(
    db: Connection, workshop: Names
) -> None:
    dear = deepcopy(WORKSHOP)
    amend(dear, workshop.ids({"fifty": {"price": "9999999999.99"}}))
    service(db).call("import_catalogue", p_catalogue=dear)
    selections = workshop.ids({"tomas": selected(one("fifty", 2))})
    quote = service(db).attempt(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=selections,
        p_registration_id=REGISTRATION,
    )
    outcome = service(db).attempt(
        "persist_ticket_selections", p_registration_id=REGISTRATION, p_selections=selections
    )
    refused = [each["code"] for each in outcome.issues]
    assert refused
    assert refused == [each["code"] for each in quote.issues or quote.answer["issues"]]
