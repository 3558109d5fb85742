"""Selections of nothing, of both kinds, and of the same attendee twice."""

import pytest
from tests.support.caller import Connection, service
from tests.support.cases import Case, Scene, check, issue, readable
from tests.support.workshop import (
    FUNCTION,
    REGISTRATION,
    Names,
    one,
    pack,
    packed,
    selected,
    single,
)

NOTHING = [
    Case("an empty selection is no tickets", {"tomas": selected()}),
    Case("so is one that says nothing", {"tomas": {}, "ines": {"packages": None}}),
    Case("so is no attendee at all", {}),
    Case(
        "a quantity of 0 is none, and no mixture",
        {"tomas": selected(pack("uneven", 0), one("fifty", 0))},
    ),
    Case(
        "a quantity of 0 takes back",
        {"tomas": selected(one("fifty", 0)), "ines": selected(one("gift"))},
        single("ines", "gift", "0.00"),
        before={"tomas": selected(one("fifty", 2)), "walter": selected(one("nothing"))},
        kept=single("walter", "nothing", "0.00"),
    ),
    Case(
        "nothing can be chosen also when nothing is on sale",
        {"tomas": selected()},
        function={"status": "closed"},
    ),
]


MIXTURES = [
    Case(
        "packages and individual tickets exclude each other",
        {"tomas": selected(pack("free"), one("gift")), "ines": selected(one("gift"))},
        issues=[issue("mixed_selection", ".tomas", "tomas")],
    ),
    Case(
        "but not of different attendees",
        {"tomas": selected(pack("free")), "ines": selected(one("gift"))},
        [*single("ines", "gift", "0.00"), *packed("tomas", "free", ("fifty", "0.00", "50.00"))],
    ),
    Case(
        "nor where the function allows both",
        {"tomas": selected(one("gift"), one("fifty"), pack("surcharge"))},
        [
            *packed(
                "tomas", "surcharge", ("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")
            ),
            *single("tomas", "gift", "0.00"),
            *single("tomas", "fifty", "50.00"),
        ],
        function={"selection_mode": "mixed"},
    ),
    Case(
        "one kind can be exchanged for the other",
        {"tomas": selected(one("seventy"))},
        single("tomas", "seventy", "70.00"),
        before={"tomas": selected(pack("surcharge"))},
    ),
]


@pytest.mark.parametrize(
    "case", [*NOTHING, *MIXTURES], ids=[case.name for case in [*NOTHING, *MIXTURES]]
)
def test_selection_gives_exactly_its_tickets_or_mixed_selection(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("second", ["tomas", "tomas@db"])
@pytest.mark.parametrize("first", ["tomas", "tomas@db"])
def test_attendee_named_twice_by_either_id_in_updates(
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


def test_attendee_named_twice_by_both_ids_in_selections(db: Connection, workshop: Names) -> None:
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
def test_quote_refuses_attendee_listed_twice(
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
