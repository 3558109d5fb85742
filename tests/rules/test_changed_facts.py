"""Facts and tickets never drift apart: who changes a fact is judged by the tickets held."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.support.bookings import let_lapse
from tests.support.caller import Connection, Document, Outcome, service
from tests.support.example import updates_of
from tests.support.stored import dump
from tests.support.workshop import (
    FUNCTION,
    IS_MASON,
    MM,
    REGISTRATION,
    WORKSHOP,
    Names,
    amend,
    one,
    only,
    pack,
    rule,
    selected,
)

PRIMARY = "p_registration_data.primaryAttendee"


@dataclass(frozen=True)
class Booking:
    """The registration of the workshop, and ways to change it."""

    db: Connection
    names: Names
    state: Document

    def offer(self, **given: Document) -> None:
        """Import the workshop with some attributes of ticket types and packages changed."""
        document = deepcopy(WORKSHOP)
        amend(document, self.names.ids({name.replace("_", " "): it for name, it in given.items()}))
        service(self.db).call("import_catalogue", p_catalogue=document)

    def select(self, **chosen: Document) -> None:
        service(self.db).call(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=self.names.ids(chosen),
        )

    def send(
        self,
        *,
        walter: Mapping[str, Any] | None = None,
        tomas: Mapping[str, Any] | None = None,
        clear: str | None = None,
        **changes: object,
    ) -> Outcome:
        """Send the registration again, with attendees changed and a selection emptied."""
        data = deepcopy(self.state) | {"registrationId": REGISTRATION, "functionId": FUNCTION}
        data["primaryAttendee"] |= walter or {}
        data["additionalAttendees"][1] |= tomas or {}
        emptied = updates_of(self.names.ids({clear: selected()})) if clear else []
        return service(self.db).attempt(
            "create_individual_registration_with_tickets",
            p_registration_data=data | changes,
            p_attendee_updates=emptied,
        )

    def pay(self, amount: str) -> Outcome:
        return service(self.db).attempt(
            "complete_registration_payment",
            p_registration_id=REGISTRATION,
            p_payment={"reference": "1", "amount": amount, "currency": "EUR"},
        )


@pytest.fixture
def booking(db: Connection, workshop: Names, wizard_state: Document) -> Booking:
    """Walter is a mason of rank GL, Tomas a guest without one."""
    made = Booking(db, workshop, wizard_state["registration"])
    assert made.state["primaryAttendee"]["attendeeType"] == "mason"
    assert made.state["additionalAttendees"][1]["attendeeId"] == workshop.ids("tomas")
    return made


MEMBERS = {"fifty": only(IS_MASON)}
OFFICERS = {"fifty": only(rule("rank", "equals", "GL"))}


@pytest.mark.parametrize(
    ("given", "change", "code"),
    [
        (MEMBERS, {"attendeeType": "guest"}, "not_eligible"),
        (OFFICERS, {"rank": "MM"}, "not_eligible"),
        (OFFICERS, {"rank": None}, "fact_missing"),
        ({"surcharge": only(IS_MASON)}, {"attendeeType": "guest"}, "not_eligible"),
    ],
    ids=["another type", "another rank", "no rank", "of a package"],
)
@pytest.mark.parametrize("status", ["draft", "pending"])
def test_create_refuses_facts_that_tickets_held_do_not_allow(  # noqa: PLR0917 - two matrices
    booking: Booking,
    db: Connection,
    given: dict[str, Document],
    change: Document,
    code: str,
    status: str,
) -> None:
    booking.offer(**given)
    chosen = pack("surcharge") if "surcharge" in given else one("fifty")
    others = {name: selected(one("gift")) for name in ("ines", "tomas", "harold")}
    booking.select(walter=selected(chosen), **others)
    if status == "pending":
        service(db).call("start_payment", p_registration_id=REGISTRATION)
    before = dump(db)
    refusal = booking.send(walter=change)
    assert refusal.sqlstate == "TK004"
    assert set(refusal.found) == {(code, PRIMARY)}
    assert dump(db) == before
    # with the selection emptied in the same call it passes, and others may change
    assert booking.send(tomas=change).sqlstate is None
    answer = booking.send(walter=change, clear="walter").answer
    assert answer["tickets_removed"] == (2 if "surcharge" in given else 1)


def test_create_refuses_a_type_of_registration_that_packages_held_do_not_allow(
    booking: Booking,
) -> None:
    booking.offer(free={"registration_types": ["individuals"]})
    booking.select(tomas=selected(pack("free")))
    refusal = booking.send(registrationType="lodges")
    assert refusal.found == [
        ("registration_type_not_allowed", "p_registration_data.additionalAttendees[1]")
    ]
    assert booking.send(registrationType="lodges", clear="tomas").sqlstate is None


def test_create_judges_nothing_when_no_fact_of_a_rule_has_changed(booking: Booking) -> None:
    booking.offer(**MEMBERS)
    booking.select(walter=selected(one("fifty", 2)))
    # the organiser tightens what the change is not about
    booking.offer(fifty=only(IS_MASON) | {"max_per_attendee": 1})
    assert booking.send(walter={"firstName": "Wally", "rank": "MM"}).sqlstate is None
    assert booking.send(walter={"attendeeType": "mason"}).sqlstate is None


def test_create_accepts_facts_that_tickets_held_allow_and_keeps_the_tickets(
    booking: Booking,
) -> None:
    booking.offer(fifty=only(rule("attendee_type", "in", ["mason", "guest"])))
    booking.select(walter=selected(one("fifty")))
    answer = booking.send(walter={"attendeeType": "guest"}).answer
    assert (answer["total"], answer["tickets_removed"]) == (50, 0)


def test_create_with_leaving_attendee_names_others_by_their_new_place(booking: Booking) -> None:
    booking.offer(**MEMBERS)
    booking.select(harold=selected(one("fifty")))
    data = deepcopy(booking.state)["additionalAttendees"]
    data[2]["attendeeType"] = "guest"
    refusal = booking.send(additionalAttendees=data[1:])  # Ines leaves
    assert refusal.found == [("not_eligible", "p_registration_data.additionalAttendees[1]")]


# Payment


def test_payment_completes_pending_registration_as_promised(
    booking: Booking, db: Connection
) -> None:
    booking.select(
        **{name: selected(one("fifty")) for name in ("walter", "ines", "tomas", "harold")}
    )
    service(db).call("start_payment", p_registration_id=REGISTRATION)
    booking.offer(fifty=only(MM))
    assert booking.pay("200.00").answer["status"] == "completed"


@pytest.mark.parametrize("status", ["draft", "overdue", "expired", "pending, overdue"])
def test_payment_of_registration_that_is_not_pending_judges_who_may_hold_what(
    booking: Booking, db: Connection, status: str
) -> None:
    everyone = ("walter", "ines", "tomas", "harold")
    booking.select(**{name: selected(one("fifty")) for name in everyone})
    if status == "pending, overdue":
        service(db).call("start_payment", p_registration_id=REGISTRATION)
    if status != "draft":
        let_lapse(db, REGISTRATION)
    if status == "expired":
        service(db).call("release_expired_holds")
    # price, sale window and activity are as they were promised
    late = {"price": "60.00", "sale_ends_at": "2000-01-01T00:00:00Z", "is_active": False}
    booking.offer(fifty=only(IS_MASON) | late)
    refusal = booking.pay("200.00")
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("not_eligible", "p_registration_id")] * 2  # Ines and Tomas
    booking.offer(fifty=late)
    answer = booking.pay("200.00").answer
    assert (answer["status"], answer["total"]) == ("completed", Decimal(200))


@pytest.mark.parametrize("chosen", [None, selected()], ids=["nothing chosen", "emptied"])
@pytest.mark.parametrize("status", ["draft", "expired"])
def test_registration_empty_for_payment_without_tickets(
    booking: Booking, db: Connection, chosen: Document | None, status: str
) -> None:
    if chosen is not None:
        booking.select(tomas=selected(one("fifty")))
        booking.select(tomas=chosen)
    if status == "expired":
        db.execute("UPDATE ticketing.registrations SET status = 'expired'")
    refusal = booking.pay("0.00")
    assert (refusal.sqlstate, refusal.found) == (
        "TK004",
        [("registration_empty", "p_registration_id")],
    )
