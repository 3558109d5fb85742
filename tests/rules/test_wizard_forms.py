"""Whatever form the wizard has recorded, what is stored is one and the same.

A ticket inside a package has its id as text or as `{event_ticket_id, quantity}`, or is not listed
at all; lists may be absent or null; ids may be in capitals.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from tests.support.caller import (
    Connection,
    Outcome,
    service,
)
from tests.support.example import (
    Document,
    updates_of,
)
from tests.support.stored import (
    everything,
)
from tests.support.workshop import (
    IDS,
    REGISTRATION,
    create,
)

Form = Callable[[Document], Document]


def as_object(line: Document) -> Document:
    """Record the id as some states do."""
    return line | {"ticketId": {"event_ticket_id": as_text(line)["ticketId"], "quantity": 1}}


def as_text(line: Document) -> Document:
    """Record the id as the others do."""
    ticket = line["ticketId"]
    return line | {"ticketId": ticket["event_ticket_id"] if isinstance(ticket, dict) else ticket}


def bare(line: Document) -> Document:
    """Record the id as an object with nothing but the id."""
    return line | {"ticketId": {"event_ticket_id": as_text(line)["ticketId"]}}


def misremembered(line: Document) -> Document:
    """Record quantities that are not those of the catalogue."""
    return as_object(line) | {"quantity": 0}


def in_form(selections: Document, form: Form) -> Document:
    """Put every ticket inside a package into one form."""
    changed = deepcopy(selections)
    for choice in changed.values():
        for package in choice["packages"]:
            package["tickets"] = [form(line) for line in package["tickets"]]
    return changed


def unlisted(selections: Document) -> Document:
    """Leave out what is in the packages, and the lists that are empty."""
    changed = deepcopy(selections)
    for attendee, choice in changed.items():
        for package in choice["packages"]:
            del package["tickets"]
        changed[attendee] = {key: lines for key, lines in choice.items() if lines}
    return changed


def nulls(selections: Document) -> Document:
    """Write null for what is not there."""
    changed = deepcopy(selections)
    for choice in changed.values():
        for package in choice["packages"]:
            package["tickets"] = None
        choice |= {key: lines or None for key, lines in choice.items()}
    return changed


def in_capitals(selections: Any) -> Any:  # noqa: ANN401 - JSON
    """Write every id in capitals."""
    match selections:
        case dict():
            return {in_capitals(key): in_capitals(value) for key, value in selections.items()}
        case list():
            return [in_capitals(value) for value in selections]
        case str() if "-" in selections:
            return selections.upper()
        case _:
            return selections


FORMS: dict[str, Callable[[Document], Document]] = {
    "as recorded": deepcopy,
    "as objects": lambda selections: in_form(selections, as_object),
    "as text": lambda selections: in_form(selections, as_text),
    "as bare objects": lambda selections: in_form(selections, bare),
    "with other quantities": lambda selections: in_form(selections, misremembered),
    "unlisted": unlisted,
    "with nulls": nulls,
    "in capitals": in_capitals,
}


def persist_selections(db: Connection, state: Document, selections: Document) -> Document:
    create(db, state["registration"], state["registration"]["functionId"])
    return service(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections=selections,
    )


def persist_updates(db: Connection, state: Document, selections: Document) -> Document:
    create(db, state["registration"], state["registration"]["functionId"])
    return service(db).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=quote(db, state, selections)["tickets"],
        p_attendee_updates=updates_of(selections),
    )


def create_with_tickets(db: Connection, state: Document, selections: Document) -> Document:
    return service(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=state["registration"] | {"registrationId": REGISTRATION},
        p_tickets=quote(db, state, selections)["tickets"],
        p_attendee_updates=updates_of(selections),
    )


def quote(db: Connection, state: Document, selections: Document) -> Document:
    registration = state["registration"]
    return service(db).call(
        "quote_ticket_selections",
        p_function_id=registration["functionId"],
        p_selections=selections,
        p_attendees=[registration["primaryAttendee"], *registration["additionalAttendees"]],
    )


@pytest.fixture
def state(wizard_state: Document) -> Document:
    """What the wizard recorded."""
    return wizard_state


def test_wizard_state_has_both_forms(wizard_state: Document) -> None:
    kinds = {
        type(line["ticketId"])
        for choice in wizard_state["ticketSelections"].values()
        for package in choice["packages"]
        for line in package["tickets"]
    }
    assert kinds == {str, dict}


@pytest.mark.parametrize("way", [persist_selections, persist_updates, create_with_tickets])
@pytest.mark.parametrize("form", FORMS)
def test_stored_selection_is_canonical_for_every_form(
    db: Connection,
    state: Document,
    form: str,
    way: Callable[[Connection, Document, Document], Document],
) -> None:
    canonical = in_form(state["ticketSelections"], as_text)
    answer = way(db, state, FORMS[form](state["ticketSelections"]))
    assert answer["tickets_created"] == len(answer["tickets"]) == 13
    assert answer["total"] == 735
    assert answer["attendees_without_tickets"] == []
    stored = {
        str(client): data["selected_tickets"]
        for client, data in db.execute(
            "SELECT client_attendee_id, attendee_data FROM ticketing.attendees"
        )
    }
    assert stored == canonical
    known = service(db).call("get_registration", p_registration_id=REGISTRATION)
    assert known["ticket_selections"] == canonical


@pytest.mark.parametrize("form", FORMS)
def test_persist_of_same_selection_in_another_form_changes_nothing(
    db: Connection, state: Document, form: str
) -> None:
    revision = persist_selections(db, state, state["ticketSelections"])["revision"]
    before = everything(db)
    before.pop("registrations")  # its hold is renewed
    answer = service(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections=FORMS[form](state["ticketSelections"]),
        p_expected_revision=revision,
    )
    assert answer["revision"] == revision
    assert answer["attendees_updated"] == 0
    assert answer["tickets_unchanged"] == 13
    after = everything(db)
    after.pop("registrations")
    assert after == before


def test_persist_keeps_order_of_listed_package_contents(db: Connection, state: Document) -> None:
    selections = in_form(state["ticketSelections"], as_text)
    for choice in selections.values():
        for package in choice["packages"]:
            package["tickets"].reverse()
        choice["individualTickets"].reverse()
    persist_selections(db, state, selections)
    known = service(db).call("get_registration", p_registration_id=REGISTRATION)
    assert known["ticket_selections"] == selections


def test_persist_orders_unlisted_package_contents_by_event(db: Connection, state: Document) -> None:
    persist_selections(db, state, unlisted(state["ticketSelections"]))
    known = service(db).call("get_registration", p_registration_id=REGISTRATION)
    assert known["ticket_selections"] == in_form(state["ticketSelections"], as_text)


BANQUET = IDS["banquet"]


@pytest.mark.parametrize(
    ("ticket", "code", "where"),
    [
        ({}, "missing_key", ".event_ticket_id"),
        ({"event_ticket_id": None}, "missing_key", ".event_ticket_id"),
        ({"event_ticket_id": "banquet"}, "invalid_value", ".event_ticket_id"),
        ({"event_ticket_id": 7}, "invalid_type", ".event_ticket_id"),
        ({"event_ticket_id": BANQUET, "quantity": -1}, "invalid_value", ".quantity"),
        ({"event_ticket_id": BANQUET, "quantity": "1"}, "invalid_type", ".quantity"),
        ({"event_ticket_id": BANQUET, "price": 1}, "unknown_key", ".price"),
        ([BANQUET], "invalid_type", ""),
        (None, "missing_key", ""),
        ("banquet", "invalid_value", ""),
    ],
)
def test_invalid_payload_for_any_other_form(
    db: Connection, state: Document, ticket: object, code: str, where: str
) -> None:
    create(db, state["registration"], state["registration"]["functionId"])
    contents = {"tickets": [{"ticketId": ticket, "quantity": 1}]}
    line = {"packageId": IDS["Lodge Package"], "quantity": 1} | contents
    selections = {IDS["walter"]: {"packages": [line]}}
    path = f"packages[0].tickets[0].ticketId{where}"

    def refused(outcome: Outcome) -> list[tuple[str, str]]:
        assert outcome.sqlstate == "TK001"
        return [(each["code"], each["path"]) for each in outcome.issues]

    by_selections = service(db).attempt(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections=selections,
    )
    assert refused(by_selections) == [(code, f"p_selections.{IDS['walter']}.{path}")]
    by_updates = service(db).attempt(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_tickets=[],
        p_attendee_updates=updates_of(selections),
    )
    assert refused(by_updates) == [(code, f"p_attendee_updates[0].selected_tickets.{path}")]
