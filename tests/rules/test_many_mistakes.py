"""A wrong request hears of every mistake at once, and has changed nothing.

Seven mistakes of four attendees, each correctable by itself: whichever of them are made, exactly
those come back, each with its own path.
"""

from collections.abc import Callable, Collection
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
    BY_CONTACT,
    IDS,
    IN_ALL_EVENTS,
    OTHER_REGISTRATION,
    REGISTRATION,
    Names,
    create,
    one,
    pack,
    selected,
)

Issue = tuple[str, str]

COMMON = {
    "ines": ("not_eligible", "packages[0].tickets[1]"),
    "tomas, inactive": ("inactive", "individualTickets[0]"),
    "tomas, sold out": ("sold_out", "individualTickets[1]"),
    "harold, unknown": ("fact_missing", "individualTickets[0]"),
}
IN_SELECTIONS: dict[str, Issue] = {
    "walter, contents": (
        "package_contents_mismatch",
        "p_selections.walter.packages[0].tickets",
    ),
    "walter, unknown": ("package_not_found", "p_selections.walter.packages[1].packageId"),
    "harold, mixed": ("mixed_selection", "p_selections.harold"),
} | {
    name: (code, f"p_selections.{name.split(',')[0]}.{path}")
    for name, (code, path) in COMMON.items()
}
POSITION = {"ines": 1, "tomas": 2, "harold": 3}
IN_ROWS: dict[str, Issue] = {
    "walter, price": ("price_mismatch", "p_tickets[3].price_paid"),
    "walter, event": ("event_mismatch", "p_tickets[4].event_id"),
    "harold, mixed": ("mixed_selection", "p_attendee_updates[3].selected_tickets"),
} | {
    name: (code, f"p_attendee_updates[{POSITION[name.split(',')[0]]}].selected_tickets.{path}")
    for name, (code, path) in COMMON.items()
}


def selections(mistakes: Collection[str]) -> Document:
    """Let four attendees choose, with these mistakes."""
    walter = [pack("All Events", contents=IN_ALL_EVENTS)]
    if "walter, contents" in mistakes:
        walter = [pack("All Events", contents=IN_ALL_EVENTS[1:])]
    if "walter, unknown" in mistakes:
        walter.append(pack("no such thing"))
    harold = [one("communication" if "harold, unknown" in mistakes else "reception")]
    if "harold, mixed" in mistakes:
        harold.append(pack("Ceremony & Banquet"))
    return {
        "walter": selected(*walter),
        "ines": selected(
            pack("All Events", contents=IN_ALL_EVENTS)
            if "ines" in mistakes
            else one("reception", 2)
        ),
        "tomas": selected(
            one("banquet, 3rd floor" if "tomas, inactive" in mistakes else "banquet"),
            one("brunch" if "tomas, sold out" in mistakes else "ceremony"),
        ),
        "harold": selected(*harold),
    }


def rows(catalogue: Document, names: Names, mistakes: Collection[str]) -> list[Document]:
    """Return the tickets that the selections amount to, with two mistakes more."""
    events = {each["ticket_type_id"]: each["event_id"] for each in catalogue["ticket_types"]}
    contents = {
        each["package_id"]: [item["ticket_type_id"] for item in each["items"]]
        for each in catalogue["packages"]
    }
    found = [
        {
            "attendee_id": attendee,
            "event_id": events[ticket_type],
            "ticket_type_id": ticket_type,
            "package_id": line.get("packageId"),
        }
        for attendee, choice in names.ids(selections(mistakes)).items()
        for line in choice["packages"] + choice["individualTickets"]
        for ticket_type in contents.get(line.get("packageId"), [line.get("ticketId")])
        for _ in range(line["quantity"])
    ]
    if "walter, price" in mistakes:
        found[3]["price_paid"] = "15.00"
    if "walter, event" in mistakes:
        found[4]["event_id"] = names.ids("the banquet")
    return found


Request = Callable[[Collection[str]], Outcome]


def in_turn(mistakes: Collection[str]) -> list[set[str]]:
    """Return all mistakes, each of them corrected in turn, and each alone."""
    each = [{mistake} for mistake in mistakes]
    return [set(mistakes), *(set(mistakes) - one_mistake for one_mistake in each), *each]


@pytest.fixture
def names(connect: Callable[..., Connection], catalogue: Document, wizard_state: Document) -> Names:
    """Make the registration, and another one that takes all capacity of the brunch."""
    db = connect(autocommit=True)
    names = Names(IDS)
    state = wizard_state["registration"]
    state["additionalAttendees"][2]["grand_lodge"] = None  # Harold's is not known yet
    service(db).call("import_catalogue", p_catalogue=catalogue)
    function = catalogue["function"]["function_id"]
    for attendee in create(db, state, function)["attendees"]:
        names.also(names.names(attendee["client_attendee_id"]), attendee["attendee_id"])
    create(db, state, function, OTHER_REGISTRATION, registrationType="lodges", **BY_CONTACT)
    hold = {"other contact": selected(one("brunch", 100))}
    for registration, held in ((OTHER_REGISTRATION, hold), (REGISTRATION, selections(()))):
        service(db).call(
            "persist_ticket_selections",
            p_registration_id=registration,
            p_selections=names.ids(held),
        )
    return names


def check(
    db: Connection,
    names: Names,
    request: Request,
    mistakes: dict[str, Issue],
    sqlstate: Callable[[set[str]], str | None],
) -> None:
    """Make mistakes in every way, and hear of exactly those."""
    before = everything(db)
    for made in in_turn(mistakes):
        outcome = request(made)
        assert outcome.sqlstate == sqlstate(made)
        issues = outcome.issues or outcome.answer["issues"]
        assert sorted((each["code"], names.names(each["path"])) for each in issues) == sorted(
            mistakes[mistake] for mistake in made
        )
        assert everything(db) == before


def of_a_write(made: set[str]) -> str:
    return "TK005" if made == {"tomas, sold out"} else "TK004"


def test_persist_ticket_selections_lists_each_of_seven_mistakes(
    connect: Callable[..., Connection], names: Names
) -> None:
    db = connect(autocommit=True)

    def request(mistakes: Collection[str]) -> Outcome:
        return service(db).attempt(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=names.ids(selections(mistakes)),
        )

    check(db, names, request, IN_SELECTIONS, of_a_write)
    assert request(()).answer["tickets_unchanged"] == 10


def test_quote_lists_each_of_seven_mistakes(
    connect: Callable[..., Connection], catalogue: Document, names: Names
) -> None:
    db = connect(autocommit=True)

    def request(mistakes: Collection[str]) -> Outcome:
        return service(db).attempt(
            "quote_ticket_selections",
            p_function_id=catalogue["function"]["function_id"],
            p_selections=names.ids(selections(mistakes)),
            p_registration_id=REGISTRATION,
        )

    check(db, names, request, IN_SELECTIONS, lambda _: None)
    assert request(()).answer["valid"]


def test_persist_attendee_tickets_lists_each_of_seven_mistakes(
    connect: Callable[..., Connection], catalogue: Document, names: Names
) -> None:
    db = connect(autocommit=True)

    def request(mistakes: Collection[str]) -> Outcome:
        return service(db).attempt(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=rows(catalogue, names, mistakes),
            p_attendee_updates=updates_of(names.ids(selections(mistakes))),
        )

    check(db, names, request, IN_ROWS, of_a_write)
    assert request(()).answer["tickets_unchanged"] == 10


@pytest.mark.parametrize("registration", [REGISTRATION, IDS["absent"]], ids=["again", "anew"])
def test_create_with_seven_mistakes_leaves_no_trace(
    connect: Callable[..., Connection],
    catalogue: Document,
    wizard_state: Document,
    names: Names,
    registration: str,
) -> None:
    db = connect(autocommit=True)
    state: dict[str, Any] = wizard_state["registration"]
    state["additionalAttendees"][2]["grand_lodge"] = None
    state["primaryAttendee"]["firstName"] = "Wally"

    def request(mistakes: Collection[str]) -> Outcome:
        return service(db).attempt(
            "create_individual_registration_with_tickets",
            p_registration_data=state | {"registrationId": registration},
            p_tickets=rows(catalogue, names, mistakes),
            p_attendee_updates=updates_of(names.ids(selections(mistakes))),
        )

    # an attendee who has never been stored has no other id
    names = Names(IDS) if registration == IDS["absent"] else names
    check(db, names, request, IN_ROWS, of_a_write)
    assert len(request(()).answer["tickets"]) == 10
