"""Selections, and exactly what has to come of each, whichever RPC is asked.

Everything has a name instead of an id. A case is about the example event or about the workshop.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.support.caller import Connection, Document, Outcome, dumps, service
from tests.support.example import updates_of
from tests.support.stored import counters, everything, recount
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
)


def issue(code: str, path: str, attendee: str | None = None, **details: Any) -> Document:  # noqa: ANN401
    """Expect an issue; `path` starts behind `p_selections`."""
    named = {} if attendee is None else {"attendee": attendee}
    return {"code": code, "path": f"p_selections{path}"} | named | details


def not_eligible(attendee: str, unmet: Sequence[Document], facts: Document) -> Document:
    """Expect that an attendee may not have the first ticket."""
    return issue(
        "not_eligible",
        f".{attendee}.individualTickets[0]",
        attendee,
        ticket_type="fifty",
        expected=list(unmet),
        actual=facts,
    )


def fact_missing(attendee: str, fact: str) -> Document:
    """Expect that it is not known whether an attendee may have the first ticket."""
    return issue(
        "fact_missing",
        f".{attendee}.individualTickets[0]",
        attendee,
        ticket_type="fifty",
        expected=fact,
    )


@dataclass(frozen=True)
class Case:
    """A selection, the circumstances in which it is made, and exactly what has to come of it."""

    name: str
    selections: Mapping[str, Any]
    tickets: Sequence[Ticket] = ()
    issues: Sequence[Document] = ()
    sqlstate: str = "TK004"
    """Of the refusal, when there are issues."""
    real: bool = False
    """Whether the example event is on sale, or the workshop."""
    given: Mapping[str, Document] = field(default_factory=dict)
    """Attributes of events, ticket types and packages that differ."""
    function: Mapping[str, Any] = field(default_factory=dict)
    pools: Sequence[Document] = ()
    facts: Mapping[str, Document] = field(default_factory=dict)
    """Facts of attendees that differ."""
    registration: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the registration object that differ."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """What the registration holds already."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """What another registration holds, for its `other contact`."""
    kept: Sequence[Ticket] = ()
    """Which tickets of attendees not named stay."""

    def catalogue(self, example: Document) -> Document:
        """Return what is on sale."""
        document = deepcopy(example if self.real else WORKSHOP)
        names = Names(IDS)
        amend(document, names.ids(dict(self.given)))
        document["function"] |= self.function
        document["pools"] = names.ids(list(self.pools))
        return document


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


def set_scene(db: Connection, catalogue: Document, wizard_state: Document, case: Case) -> Scene:
    """Put the catalogue of a case on sale and make the registration, with what is held before.

    The example event is on sale already, as another function or the one that the case is about.
    """
    names = Names(IDS)
    wanted = case.catalogue(catalogue)
    function = wanted["function"]["function_id"]
    state = with_facts(wizard_state["registration"], names, case)
    db.execute("SET LOCAL TimeZone = 'UTC'")
    if wanted != catalogue:
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


def check(scene: Scene) -> None:
    """Ask every RPC for the selection of a case: all must give its tickets, or its issues.

    A quote without a registration, a quote for a registration, a persist of the wizard's selections
    and a persist of the quoted tickets all go through one evaluator; none may disagree.
    """
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
