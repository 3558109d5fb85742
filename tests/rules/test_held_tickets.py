"""Held tickets keep their price and their capacity while the hold lasts; then today's rules apply.

Whatever happens to the catalogue meanwhile, what is held can stay and go, others of the same
registration can be edited, and only what is added meets the catalogue as it is now.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
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
    counters,
    recount,
)
from tests.support.workshop import (
    BY_CONTACT,
    EARLIER,
    FUNCTION,
    GL,
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
    one,
    only,
    pack,
    packed,
    selected,
    single,
)

NAMES = Names(IDS)
HELD = {"tomas": selected(one("fifty")), "ines": selected(pack("surcharge"))}
TICKETS = [
    *packed("ines", "surcharge", ("fifty", "83.33", "50.00"), ("seventy", "116.67", "70.00")),
    *single("tomas", "fifty", "50.00"),
]


@dataclass(frozen=True)
class Stage:
    """A registration in which Tomas holds a ticket and Ines a package."""

    db: Connection
    names: Names

    def change(self, changes: Mapping[str, Document], **function: object) -> None:
        """Change the catalogue, as its import does."""
        document = deepcopy(WORKSHOP)
        amend(document, self.names.ids(dict(changes)))
        document["function"] |= function
        service(self.db).call("import_catalogue", p_catalogue=document)

    def persist(self, selections: Mapping[str, Any]) -> Outcome:
        """Persist selections, of which a quote must have said the same."""
        chosen = self.names.ids(dict(selections))
        quote = service(self.db).call(
            "quote_ticket_selections",
            p_function_id=FUNCTION,
            p_selections=chosen,
            p_registration_id=REGISTRATION,
        )
        # the quoted tickets are a request of their own, with every price in it
        with self.db.transaction(force_rollback=True):
            by_rows = service(self.db).attempt(
                "persist_attendee_tickets",
                p_registration_id=REGISTRATION,
                p_tickets=quote["tickets"],
                p_attendee_updates=updates_of(chosen),
            )
        outcome = service(self.db).attempt(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=chosen,
        )
        assert list(outcome.issues) == quote["issues"]
        assert quote["valid"] == (outcome.sqlstate is None)
        assert by_rows.sqlstate == outcome.sqlstate
        if quote["valid"]:
            assert outcome.answer["total"] == by_rows.answer["total"] == quote["subtotal"]
        assert counters(self.db) == recount(self.db)
        return outcome

    def accept(self, selections: Mapping[str, Any]) -> Document:
        outcome = self.persist(selections)
        assert outcome.sqlstate is None, outcome.issues
        return outcome.answer

    def issues(self, selections: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Persist selections that have to be refused; return code and path of each issue."""
        outcome = self.persist(selections)
        assert outcome.sqlstate in {"TK004", "TK005"}
        return sorted((each["code"], self.names.names(each["path"])) for each in outcome.issues)

    def registration(self) -> Document:
        return service(self.db).call("get_registration", p_registration_id=REGISTRATION)

    def tickets(self) -> Counter[Ticket]:
        return Counter(as_tickets(self.names, self.registration()["tickets"]))

    def ids(self, attendee: str) -> set[str]:
        """Return the ids of the tickets that an attendee holds."""
        return {
            ticket["ticket_id"]
            for ticket in self.registration()["tickets"]
            if self.names.names(ticket["attendee_id"]) == attendee
        }

    def let_the_hold_run_out(self) -> None:
        self.db.execute(
            "UPDATE ticketing.registrations SET hold_expires_at = now() - interval '1 minute'"
            " WHERE registration_id = %s",
            [REGISTRATION],
        )

    def expire(self) -> None:
        """Let the hold run out, and release it."""
        self.let_the_hold_run_out()
        service(self.db).call("release_expired_holds")
        assert self.registration()["status"] == "expired"
        assert counters(self.db) == recount(self.db)


@pytest.fixture
def stage(db: Connection, wizard_state: Document) -> Stage:
    """Sell a ticket to Tomas and a package to Ines."""
    names = Names(IDS)
    stage = Stage(db, names)
    stage.change(SCARCE)
    for attendee in create(db, wizard_state["registration"], FUNCTION)["attendees"]:
        names.also(names.names(attendee["client_attendee_id"]), attendee["attendee_id"])
    stage.accept(HELD)
    assert stage.tickets() == Counter(TICKETS)
    return stage


# so that every ticket counts
SCARCE: Mapping[str, Document] = {"fifty": {"capacity": 4}, "sunday": {"capacity": 9}}

Sequel = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Meanwhile:
    """What happens to the catalogue, and what then becomes of one more for Tomas and for Ines."""

    changes: Mapping[str, Document]
    function: Mapping[str, Any]
    ticket: Sequel
    package: Sequel


def blamed(code: str, *paths: str) -> Sequel:
    return [(code, f"p_selections{path}") for path in paths]


TICKET, PACKAGE = ".tomas.individualTickets[0]", ".ines.packages[0]"

CLOSED = {
    "the type is deactivated": Meanwhile(
        {"fifty": {"is_active": False}}, {}, blamed("inactive", TICKET), blamed("inactive", PACKAGE)
    ),
    "the event is deactivated": Meanwhile(
        {"sunday": {"is_active": False}},
        {},
        blamed("inactive", TICKET),
        blamed("inactive", PACKAGE, PACKAGE),
    ),
    "the package is deactivated": Meanwhile(
        {"surcharge": {"is_active": False}}, {}, [], blamed("inactive", PACKAGE)
    ),
    "the sale of the type ends": Meanwhile(
        {"fifty": {"sale_ends_at": EARLIER}},
        {},
        blamed("sale_ended", TICKET),
        blamed("sale_ended", PACKAGE),
    ),
    "the sale of the type is put off": Meanwhile(
        {"fifty": {"sale_starts_at": LATER}},
        {},
        blamed("not_yet_on_sale", TICKET),
        blamed("not_yet_on_sale", PACKAGE),
    ),
    "the sale of the package ends": Meanwhile(
        {"surcharge": {"sale_ends_at": EARLIER}}, {}, [], blamed("sale_ended", PACKAGE)
    ),
    "registration closes": Meanwhile(
        {},
        {"registration_closes_at": EARLIER},
        blamed("registration_closed", ""),
        blamed("registration_closed", ""),
    ),
    "registration opens later": Meanwhile(
        {},
        {"registration_opens_at": LATER},
        blamed("registration_not_open", ""),
        blamed("registration_not_open", ""),
    ),
    "the function is closed": Meanwhile(
        {},
        {"status": "closed"},
        blamed("function_not_published", ""),
        blamed("function_not_published", ""),
    ),
    "no capacity is left": Meanwhile(
        {"fifty": {"capacity": 2}}, {}, blamed("sold_out", TICKET), blamed("sold_out", PACKAGE)
    ),
}


@pytest.fixture(params=list(CLOSED.values()), ids=list(CLOSED))
def closed(request: pytest.FixtureRequest, stage: Stage) -> Meanwhile:
    """Close the sale in one way or another while Tomas and Ines hold something."""
    meanwhile: Meanwhile = request.param
    stage.change(merged(SCARCE, meanwhile.changes), **meanwhile.function)
    return meanwhile


def merged(*changes: Mapping[str, Document]) -> dict[str, Document]:
    result: dict[str, Document] = {}
    for each in changes:
        for name, attributes in each.items():
            result[name] = result.get(name, {}) | attributes
    return result


@pytest.mark.usefixtures("closed")
def test_persist_keeps_held_tickets_after_sale_closed(stage: Stage) -> None:
    tomas, ines = stage.ids("tomas"), stage.ids("ines")
    answer = stage.accept(HELD)
    assert answer["tickets_unchanged"] == 3
    assert answer["tickets_created"] == answer["tickets_removed"] == 0
    assert (stage.ids("tomas"), stage.ids("ines")) == (tomas, ines)
    assert stage.tickets() == Counter(TICKETS)


def test_persist_edits_other_attendees_after_sale_closed(stage: Stage, closed: Meanwhile) -> None:
    tomas = stage.ids("tomas")
    stage.accept({"ines": selected()})
    assert stage.ids("tomas") == tomas
    if not closed.function and "sunday" not in closed.changes:
        stage.accept({"walter": selected(one("gift", 2)), "ines": selected(one("seventy"))})
        assert stage.ids("tomas") == tomas
        assert stage.tickets() == Counter(
            [
                *single("walter", "gift", "0.00", 2),
                *single("ines", "seventy", "70.00"),
                *single("tomas", "fifty", "50.00"),
            ]
        )


def test_persist_refuses_added_tickets_after_sale_closed(stage: Stage, closed: Meanwhile) -> None:
    more: list[tuple[Document, Sequel]] = [
        ({"tomas": selected(one("fifty", 2))}, closed.ticket),
        ({"ines": selected(pack("surcharge", 2))}, closed.package),
    ]
    for selections, issues in more:
        with stage.db.transaction(force_rollback=True):
            if issues:
                assert stage.issues(selections) == sorted(issues)
                assert stage.tickets() == Counter(TICKETS)
            else:
                assert stage.accept(selections)["tickets_created"] == 1


def test_persist_refuses_released_tickets_after_sale_closed(
    stage: Stage, closed: Meanwhile
) -> None:
    stage.accept({"tomas": selected()})
    if closed.ticket and closed.ticket[0][0] != "sold_out":
        assert stage.issues({"tomas": selected(one("fifty"))}) == sorted(closed.ticket)
    else:
        stage.accept({"tomas": selected(one("fifty"))})
        assert stage.tickets() == Counter(TICKETS)


def test_held_ticket_keeps_price_while_added_one_costs_current_price(stage: Stage) -> None:
    [first] = stage.ids("tomas")
    stage.change({"fifty": {"price": "60.00"}})
    assert stage.accept(HELD)["tickets_unchanged"] == 3
    assert stage.tickets() == Counter(TICKETS)

    answer = stage.accept({"tomas": selected(one("fifty", 2))})
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (1, 1)
    assert stage.tickets() == Counter([*TICKETS, *single("tomas", "fifty", "60.00")])
    assert first in stage.ids("tomas")
    assert answer["total"] == Decimal("310.00")

    # the older one stays
    stage.accept({"tomas": selected(one("fifty"))})
    assert stage.ids("tomas") == {first}
    assert stage.tickets() == Counter(TICKETS)


def test_held_package_keeps_prices_while_added_one_costs_current_price(stage: Stage) -> None:
    first = stage.ids("ines")
    stage.change({"surcharge": {"price": "240.00"}, "seventy": {"price": "150.00"}})
    assert stage.accept(HELD)["tickets_unchanged"] == 3

    answer = stage.accept({"ines": selected(pack("surcharge", 2))})
    assert (answer["tickets_created"], answer["tickets_unchanged"]) == (2, 2)
    second = packed(
        "ines", "surcharge", ("fifty", "60.00", "50.00"), ("seventy", "180.00", "150.00")
    )
    assert stage.tickets() == Counter([*TICKETS, *second])
    assert first < stage.ids("ines")

    # packages go as a whole, the latest first
    answer = stage.accept({"ines": selected(pack("surcharge"))})
    assert answer["tickets_removed"] == 2
    assert stage.ids("ines") == first
    assert stage.tickets() == Counter(TICKETS)


def test_price_mismatch_expects_price_of_held_ticket(stage: Stage) -> None:
    stage.change({"fifty": {"price": "60.00"}})
    row = {"attendee_id": "tomas", "event_id": "sunday", "ticket_type_id": "fifty"}

    def sent(*prices: str) -> Outcome:
        return service(stage.db).attempt(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=stage.names.ids([row | {"price_paid": price} for price in prices]),
        )

    assert sent("50.00").answer["tickets_unchanged"] == 1
    [refused] = sent("60.00").issues
    assert (refused["code"], refused["expected"], refused["actual"]) == ("price_mismatch", 50, 60)
    assert sent("60.00", "50.00").answer["total"] == Decimal("310.00")
    [refused] = sent("50.00", "50.00").issues
    assert refused["code"] == "price_mismatch"
    assert refused["path"] == "p_tickets[1].price_paid"
    assert refused["expected"] == [50, 60]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fifty": only(GL)}, "fact_missing"),
        ({"fifty": {"min_per_attendee": 2}}, "below_minimum"),
    ],
)
def test_persist_checks_rules_of_named_attendees_only(
    stage: Stage, changes: Mapping[str, Document], code: str
) -> None:
    stage.change(changes)
    tomas = stage.ids("tomas")
    stage.accept({"walter": selected(one("gift"))})
    assert stage.ids("tomas") == tomas
    assert stage.issues({"tomas": selected(one("fifty"))}) == blamed(code, TICKET)


def test_above_registration_maximum_does_not_block_other_attendees(stage: Stage) -> None:
    stage.change({"fifty": {"max_per_registration": 1}})
    stage.accept({"walter": selected(one("gift"))})
    assert stage.issues({"tomas": selected(one("fifty"))}) == blamed(
        "above_registration_maximum", TICKET
    )
    stage.accept({"ines": selected()})
    stage.accept({"tomas": selected(one("fifty"))})


# ------------------------------------------------------------------------ once the hold is over

ENDS: Sequence[Callable[[Stage], None]] = (Stage.let_the_hold_run_out, Stage.expire)


@pytest.fixture(params=ENDS, ids=["overdue", "expired"])
def end(request: pytest.FixtureRequest) -> Callable[[Stage], None]:
    """Let the hold run out, released or not."""
    chosen: Callable[[Stage], None] = request.param
    return chosen


def test_persist_reinstates_expired_registration(
    stage: Stage, end: Callable[[Stage], None]
) -> None:
    tomas, ines = stage.ids("tomas"), stage.ids("ines")
    end(stage)
    assert stage.registration()["status"] == "expired"
    answer = stage.accept(HELD)
    assert answer["status"] == stage.registration()["status"] == "draft"
    assert answer["hold_expires_at"] > answer["server_time"]
    assert (stage.ids("tomas"), stage.ids("ines")) == (tomas, ines)
    assert answer["tickets_unchanged"] == 3


def test_persist_reinstates_tickets_of_all_attendees(
    stage: Stage, end: Callable[[Stage], None]
) -> None:
    tomas, ines = stage.ids("tomas"), stage.ids("ines")
    end(stage)
    stage.accept({"walter": selected(one("gift"))})
    assert (stage.ids("tomas"), stage.ids("ines")) == (tomas, ines)
    assert stage.tickets() == Counter([*TICKETS, *single("walter", "gift", "0.00")])
    assert stage.registration()["status"] == "draft"


@pytest.mark.parametrize("named", [("tomas", "ines"), ("tomas",), ("walter",)])
def test_persist_reinstates_at_current_prices(
    stage: Stage, end: Callable[[Stage], None], named: Iterable[str]
) -> None:
    end(stage)
    stage.change({"fifty": {"price": "60.00"}, "seventy": {"price": "80.00"}})
    choices = HELD | {"walter": selected(one("gift"))}
    answer = stage.accept({attendee: choices[attendee] for attendee in named})
    gifts = single("walter", "gift", "0.00") if "walter" in named else []
    assert stage.tickets() == Counter(
        [
            *gifts,
            *packed(
                "ines", "surcharge", ("fifty", "85.71", "60.00"), ("seventy", "114.29", "80.00")
            ),
            *single("tomas", "fifty", "60.00"),
        ]
    )
    assert answer["total"] == Decimal("260.00")
    assert answer["tickets_removed"] == 3
    assert answer["tickets_created"] == 3 + len(gifts)


@pytest.mark.parametrize("meanwhile", CLOSED.values(), ids=CLOSED)
def test_persist_refuses_to_reinstate_after_sale_closed(
    stage: Stage, end: Callable[[Stage], None], meanwhile: Meanwhile
) -> None:
    end(stage)
    if "capacity" in meanwhile.changes.get("fifty", {}):
        # another registration has bought them in the meantime
        stage.change(SCARCE)
        others_take(stage, 3)
        expected = blamed("sold_out", PACKAGE)  # said once for the type, where it comes first
    else:
        stage.change(merged(SCARCE, meanwhile.changes), **meanwhile.function)
        expected = [*meanwhile.ticket, *meanwhile.package]
    assert set(stage.issues(HELD)) == set(expected)
    assert stage.registration()["status"] == "expired"
    assert stage.registration()["ticket_selections"] == {
        stage.names.ids(attendee): selection for attendee, selection in held().items()
    }


def held() -> dict[str, Any]:
    """Return what all attendees have selected, in canonical form."""
    surcharge = pack("surcharge", contents=("fifty", "seventy"))
    chosen = HELD | {"ines": selected(surcharge), "walter": selected(), "harold": selected()}
    return {attendee: NAMES.ids(choice) for attendee, choice in chosen.items()}


def others_take(stage: Stage, quantity: int) -> None:
    """Let another registration take capacity."""
    create(
        stage.db,
        {"authUserId": "00000009-0000-4000-8000-00000000000a", "billingDetails": {}} | BY_CONTACT,
        FUNCTION,
        OTHER_REGISTRATION,
        registrationType="lodges",
    )
    service(stage.db).call(
        "persist_ticket_selections",
        p_registration_id=OTHER_REGISTRATION,
        p_selections=stage.names.ids({"other contact": selected(one("fifty", quantity))}),
    )


def test_sold_out_counts_held_tickets_of_others(stage: Stage) -> None:
    stage.change(SCARCE)
    others_take(stage, 2)
    stage.accept(HELD)
    outcome = service(stage.db).attempt(
        "persist_ticket_selections",
        p_registration_id=OTHER_REGISTRATION,
        p_selections=stage.names.ids({"other contact": selected(one("fifty", 3))}),
    )
    assert outcome.sqlstate == "TK005"


def test_persist_reports_issues_of_unnamed_attendees_at_registration(
    stage: Stage, end: Callable[[Stage], None]
) -> None:
    end(stage)
    stage.change({"fifty": {"is_active": False}})
    outcome = stage.persist({"walter": selected(one("gift"))})
    assert {
        (each["code"], each["path"], stage.names.names(each["attendee_id"]))
        for each in outcome.issues
    } == {("inactive", "p_registration_id", who) for who in ("ines", "tomas")}
    # Tomas and Ines have to choose something else
    assert stage.accept({"tomas": selected(one("gift")), "ines": selected(one("seventy"))})[
        "total"
    ] == Decimal("70.00")


def test_persist_empties_expired_registration(stage: Stage, end: Callable[[Stage], None]) -> None:
    end(stage)
    stage.change({"fifty": {"is_active": False}}, status="closed")
    answer = stage.accept({"tomas": selected(), "ines": selected()})
    assert answer["tickets_removed"] == 3
    assert answer["hold_expires_at"] is None
    assert stage.tickets() == Counter()
