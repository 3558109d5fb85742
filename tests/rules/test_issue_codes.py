"""Every issue code and every SQLSTATE of the package is raised, and nothing else is.

Each code has the smallest call that is refused for it and for nothing else. The code that raises is
parsed as well, so that a code in no list, or one that nothing raises, is found either way.
"""

import base64
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tests.support.caller import (
    Caller,
    Connection,
    Outcome,
    owner,
    service,
    stranger,
)
from tests.support.example import (
    Document,
    other_event,
)
from tests.support.stored import rows
from tests.support.workshop import (
    EARLIER,
    FUNCTION,
    GL,
    IDS,
    LATER,
    OTHER_REGISTRATION,
    REGISTRATION,
    WORKSHOP,
    Names,
    amend,
    create,
    one,
    only,
    pack,
    selected,
)
from tools.generator.issues import calls_of

NAMES = Names(IDS)


@dataclass(frozen=True)
class Stage:
    """The workshop on sale, a registration without tickets, and ways to do something wrong."""

    db: Connection
    state: Document
    catalogue: Document
    example: Document
    caller: Caller

    def select(self, *lines: Document, attendee: str = "tomas", **more: object) -> Outcome:
        """Persist what one attendee chooses."""
        return self.caller.attempt(
            "persist_ticket_selections",
            p_registration_id=REGISTRATION,
            p_selections=NAMES.ids({attendee: selected(*lines)}),
            **more,
        )

    def rows(self, *rows: Document, **more: object) -> Outcome:
        """Persist rows of tickets, of Tomas unless they say otherwise."""
        return self.caller.attempt(
            "persist_attendee_tickets",
            p_registration_id=REGISTRATION,
            p_tickets=NAMES.ids([{"attendee_id": "tomas"} | row for row in rows]),
            **more,
        )

    def given(self, changes: Mapping[str, Document] | None = None, **function: object) -> "Stage":
        """Import the catalogue again, with some of it changed."""
        outcome = self.imported(lambda catalogue: change(catalogue, changes or {}, function))
        assert outcome.sqlstate is None, outcome.issues
        return self

    def imported(self, amend: Callable[[Document], None]) -> Outcome:
        """Import the catalogue again, with something done to it."""
        document = deepcopy(self.catalogue)
        amend(document)
        return self.caller.attempt("import_catalogue", p_catalogue=document)

    def create(self, **changes: object) -> Outcome:
        """Create the registration again, with some of it changed."""
        data = {**self.state, "registrationId": REGISTRATION, "functionId": FUNCTION} | changes
        return self.caller.attempt(
            "create_individual_registration_with_tickets", p_registration_data=data
        )

    def holding(self, *lines: Document, attendee: str = "tomas") -> "Stage":
        """Let an attendee hold something."""
        outcome = self.select(*lines, attendee=attendee)
        assert outcome.sqlstate is None, outcome.issues
        return self

    def alone(self, **changes: object) -> "Stage":
        """Leave Walter alone in the registration."""
        outcome = self.create(additionalAttendees=[], **changes)
        assert outcome.sqlstate is None, outcome.issues
        return self

    def start_payment(self) -> Outcome:
        return self.caller.attempt("start_payment", p_registration_id=REGISTRATION)

    def pay(self, registration: str = REGISTRATION, **changes: object) -> Outcome:
        """Record a payment of 50.00, the price of one ticket."""
        return self.caller.attempt(
            "complete_registration_payment",
            p_registration_id=registration,
            p_payment={"reference": "first", "amount": "50.00", "currency": "EUR"} | changes,
        )

    def paid(self) -> "Stage":
        """Let Tomas hold a ticket and pay for it."""
        outcome = self.holding(one("fifty")).pay()
        assert outcome.sqlstate is None, outcome.issues
        return self

    def amend(self, *lines: Document, **more: object) -> Outcome:
        """Let Tomas have something else than what was paid for."""
        return self.caller.attempt(
            "amend_registration",
            p_registration_id=REGISTRATION,
            p_selections=NAMES.ids({"tomas": selected(*lines)}),
            **more,
        )

    def refund(self, amount: str, **changes: object) -> Outcome:
        return self.caller.attempt(
            "record_refund",
            p_registration_id=REGISTRATION,
            p_refund={"reference": "back", "amount": amount, "currency": "EUR"} | changes,
        )

    def read_changes(self, cursor: str) -> Outcome:
        """Read the change feed from a cursor."""
        encoded = base64.b64encode(cursor.encode()).decode()
        return self.caller.attempt("get_ticket_changes", p_after=encoded)

    def called_by(self, caller: Caller) -> "Stage":
        """Let another caller make the calls from here on."""
        return replace(self, caller=caller)


def change(catalogue: Document, changes: Mapping[str, Document], function: Document) -> None:
    amend(catalogue, NAMES.ids(dict(changes)))
    catalogue["function"] |= function


@pytest.fixture
def stage(db: Connection, catalogue: Document, wizard_state: Document) -> Stage:
    """Put the workshop on sale beside the example, and make a registration."""
    stage = Stage(db, wizard_state["registration"], deepcopy(WORKSHOP), catalogue, service(db))
    stage.given()
    create(db, stage.state, FUNCTION)
    return stage


def row(ticket_type: str = "fifty", **more: object) -> Document:
    """Make a right row, but for what is said."""
    return {"event_id": "sunday", "ticket_type_id": ticket_type} | more


def first(section: str, **changes: object) -> Callable[[Document], None]:
    """Change the first entry of a section of the catalogue."""
    return lambda catalogue: catalogue[section][0].update(NAMES.ids(changes))


def quote_of_nothing(stage: Stage) -> Outcome:
    return stage.caller.attempt(
        "quote_ticket_selections", p_function_id=IDS["no such thing"], p_selections={}
    )


def cancelled(stage: Stage) -> Outcome:
    stage.db.execute("UPDATE ticketing.registrations SET status = 'cancelled'")
    return stage.select(one("fifty"))


def named_twice(stage: Stage) -> Outcome:
    update = {"attendee_id": IDS["tomas"], "selected_tickets": {}}
    return stage.rows(p_attendee_updates=[update, update])


def held_too_long(stage: Stage) -> Outcome:
    stage.holding(one("fifty"))
    stage.db.execute(
        "UPDATE ticketing.registrations SET held_since = now() - interval '2 days',"
        " hold_expires_at = now() - interval '1 minute'"
    )
    return stage.select(one("fifty", 2))


def with_another_registration(stage: Stage, **limits: int) -> Outcome:
    """Let the owner hold a ticket in another registration, and add one in this one."""
    stage.given(None, **limits)
    create(stage.db, stage.state, FUNCTION, OTHER_REGISTRATION)
    outcome = stage.caller.attempt(
        "persist_ticket_selections",
        p_registration_id=OTHER_REGISTRATION,
        p_selections=NAMES.ids({"tomas": selected(one("fifty"))}),
    )
    assert outcome.sqlstate is None, outcome.issues
    return stage.called_by(owner(stage.db)).select(one("fifty"))


def assigned(stage: Stage, times: int = 1) -> Outcome:
    """Hand out the tickets so many times in one call."""
    tickets = stage.db.execute("SELECT ticket_id::text FROM ticketing.tickets").fetchall()
    return stage.caller.attempt(
        "assign_tickets",
        p_registration_id=REGISTRATION,
        p_holders=[{"ticket_id": ticket_id, "holder": None} for (ticket_id,) in tickets] * times,
    )


def assigned_in_vain(stage: Stage) -> Outcome:
    """Hand out a ticket that was exchanged for another."""
    stage.paid().amend(one("gift"))
    stage.db.execute("DELETE FROM ticketing.tickets WHERE status = 'Active'")
    return assigned(stage)


def over_capacity(stage: Stage) -> Outcome:
    stage.holding(one("fifty", 3))
    return stage.imported(lambda catalogue: change(catalogue, {"fifty": {"capacity": 2}}, {}))


def history_deleted(stage: Stage) -> Outcome:
    # as docs/operations.md deletes it
    stage.db.execute("UPDATE ticketing_internal.feed_epoch SET first_epoch = 1")
    return stage.read_changes("0:1:1")


def paid_twice(stage: Stage) -> Outcome:
    create(stage.db, stage.state, FUNCTION, OTHER_REGISTRATION)
    return stage.paid().pay(OTHER_REGISTRATION)


def refunded_too_much(stage: Stage) -> Outcome:
    service(stage.paid().db).call("cancel_registration", p_registration_id=REGISTRATION)
    return stage.refund("50.01")


def refunded_in_force(stage: Stage) -> Outcome:
    """Name a ticket in force where something is due back."""
    db = stage.paid().db
    stage.caller.call(
        "adjust_registration",
        p_registration_id=REGISTRATION,
        p_adjustment=-1,
        p_reason="goodwill",
    )
    tickets = db.execute("SELECT ticket_id::text FROM ticketing.tickets").fetchall()
    return stage.refund("1.00", ticket_ids=[ticket_id for (ticket_id,) in tickets])


# a ticket type for an event that is not there
ABSURD = NAMES.ids(
    {
        "ticket_type_id": "no such thing",
        "event_id": "no such thing",
        "name": "Nowhere",
        "price": 1,
    }
)


def another_function(stage: Stage, currency: str, price: float) -> Outcome:
    """Import another function of one ticket type."""
    document = other_event(stage.catalogue)
    document["function"]["currency"] = currency
    document["ticket_types"] = [document["ticket_types"][0] | {"price": price}]
    document["packages"] = []
    return stage.caller.attempt("import_catalogue", p_catalogue=document)


def repair_with_a_snapshot(stage: Stage) -> Outcome:
    """Recount in a transaction that may not see what was sold since it began."""
    with psycopg.connect(stage.db.info.dsn) as strict:
        strict.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return service(strict).attempt("repair_capacity")


def two_inactive_with_a_slug(catalogue: Document) -> None:
    """Refer to a slug of which nothing active is left."""
    for ticket_type in catalogue["ticket_types"][:2]:
        ticket_type.update(slug="old", is_active=False)
    catalogue["pools"] = [{"slug": "p", "name": "P", "capacity": 1, "ticket_type_ids": ["old"]}]


REFUSALS: Mapping[str, Callable[[Stage], Outcome]] = {
    # the caller
    "not_authenticated": lambda stage: stage.called_by(Caller(stage.db)).create(),
    "not_allowed": lambda stage: stage.called_by(stranger(stage.db)).imported(lambda _: None),
    # what the call is about
    "registration_not_found": lambda stage: stage.caller.attempt(
        "get_registration", p_registration_id=OTHER_REGISTRATION
    ),
    "function_not_found": quote_of_nothing,
    # shapes, which are TK001
    "missing_key": lambda stage: stage.select({"ticketId": "fifty"}),
    "unknown_key": lambda stage: stage.select(one("fifty") | {"colour": "red"}),
    "invalid_type": lambda stage: stage.select(one("fifty", "1")),
    "invalid_value": lambda stage: stage.select(one("fifty", -1)),
    "cursor_ahead": lambda stage: stage.read_changes("9:9:9"),
    "cursor_expired": history_deleted,
    "too_large": lambda stage: stage.select(pack("two of each", 501)),
    # at the wrong time
    "not_editable": cancelled,
    "revision_conflict": lambda stage: stage.select(one("fifty"), p_expected_revision=7),
    "changes_ended": lambda stage: (
        stage.given(changes_until=EARLIER).paid().called_by(owner(stage.db)).amend(one("seventy"))
    ),
    # who and what, from here on TK004
    "attendee_not_found": lambda stage: stage.select(one("fifty"), attendee="absent"),
    "attendee_named_twice": named_twice,
    "attendee_mismatch": lambda stage: stage.rows(row(client_attendee_id="ines")),
    "registration_mismatch": lambda stage: stage.rows(row(registration_id=OTHER_REGISTRATION)),
    "function_mismatch": lambda stage: stage.create(
        functionId=stage.example["function"]["function_id"]
    ),
    "ticket_not_found": lambda stage: stage.rows(row(ticket_id="no such thing")),
    "ticket_not_cancelled": refunded_in_force,
    "ticket_cancelled": assigned_in_vain,
    "ticket_named_twice": lambda stage: assigned(stage.holding(one("fifty")), times=2),
    "ticket_type_not_found": lambda stage: stage.select(one("banquet")),
    "package_not_found": lambda stage: stage.select(pack("All Events")),
    "event_mismatch": lambda stage: stage.rows(row(event_id="saturday")),
    "currency_mismatch": lambda stage: stage.rows(row(currency="AUD")),
    "not_in_package": lambda stage: stage.rows(row("seventy", package_id="free")),
    "package_incomplete": lambda stage: stage.rows(row(package_id="surcharge")),
    "package_contents_mismatch": lambda stage: stage.select(pack("free", contents=["gift"])),
    "selection_mismatch": lambda stage: stage.rows(
        row(),
        p_attendee_updates=NAMES.ids(
            [{"attendee_id": "tomas", "selected_tickets": selected(one("fifty", 2))}]
        ),
    ),
    # prices
    "price_mismatch": lambda stage: stage.rows(row("gift", price_paid=1)),
    "original_price_mismatch": lambda stage: stage.rows(row(original_price=49.99)),
    "subtotal_mismatch": lambda stage: stage.holding(one("fifty")).create(subtotal=49.99),
    # rules
    "mixed_selection": lambda stage: stage.select(pack("free"), one("gift")),
    "registration_type_not_allowed": lambda stage: stage.given(
        {"free": {"registration_types": ["lodges"]}}
    ).select(pack("free")),
    "not_eligible": lambda stage: stage.given({"gift": only(GL)}).select(
        one("gift"), attendee="harold"
    ),
    "fact_missing": lambda stage: stage.given({"gift": only(GL)}).select(one("gift")),
    "below_minimum": lambda stage: stage.given({"gift": {"min_per_attendee": 2}}).select(
        one("gift")
    ),
    "above_maximum": lambda stage: stage.given({"gift": {"max_per_attendee": 1}}).select(
        one("gift", 2)
    ),
    "above_registration_maximum": lambda stage: stage.given(
        {"gift": {"max_per_registration": 1}}
    ).select(one("gift", 2)),
    "hold_used_up": held_too_long,
    "owner_limit": lambda stage: with_another_registration(stage, max_held_per_owner=1),
    "too_many_open_registrations": lambda stage: with_another_registration(
        stage, max_open_registrations_per_owner=1
    ),
    "inactive": lambda stage: stage.given({"gift": {"is_active": False}}).select(one("gift")),
    "not_yet_on_sale": lambda stage: stage.given({"gift": {"sale_starts_at": LATER}}).select(
        one("gift")
    ),
    "sale_ended": lambda stage: stage.given({"gift": {"sale_ends_at": EARLIER}}).select(
        one("gift")
    ),
    "function_not_published": lambda stage: stage.given(status="closed").select(one("gift")),
    "registration_not_open": lambda stage: stage.given(registration_opens_at=LATER).select(
        one("gift")
    ),
    "registration_closed": lambda stage: stage.given(registration_closes_at=EARLIER).select(
        one("gift")
    ),
    "refunds_ended": lambda stage: (
        stage.given(changes_until=LATER, refunds_until=EARLIER)
        .paid()
        .called_by(owner(stage.db))
        .amend(one("gift"))
    ),
    # before payment
    "attendee_without_ticket": lambda stage: stage.alone().start_payment(),
    "registration_empty": lambda stage: stage.pay(amount="0.00"),
    "booking_contact_missing": lambda stage: (
        stage.alone(billingDetails=None).holding(one("fifty"), attendee="walter").start_payment()
    ),
    # the catalogue
    "event_not_found": lambda stage: stage.imported(
        lambda catalogue: catalogue["ticket_types"].append(ABSURD)
    ),
    "duplicate_id": lambda stage: stage.imported(
        lambda catalogue: catalogue["ticket_types"].append(catalogue["ticket_types"][0])
    ),
    "ambiguous_slug": lambda stage: stage.imported(two_inactive_with_a_slug),
    "slug_taken": lambda stage: stage.imported(first("events", slug="sunday")),
    "unknown_timezone": lambda stage: stage.imported(
        lambda catalogue: catalogue["function"].update(timezone="Europe/Atlantis")
    ),
    "unknown_currency": lambda stage: another_function(stage, currency="ABC", price=10),
    "price_not_whole": lambda stage: another_function(stage, currency="JPY", price=10.5),
    "isolation_too_strict": repair_with_a_snapshot,
    "invalid_window": lambda stage: stage.imported(
        first("packages", sale_starts_at=LATER, sale_ends_at=EARLIER)
    ),
    "invalid_limits": lambda stage: stage.imported(
        first("packages", min_per_attendee=2, max_per_attendee=1)
    ),
    "currency_locked": lambda stage: stage.imported(
        lambda catalogue: catalogue["function"].update(currency="AUD")
    ),
    "organisation_locked": lambda stage: stage.imported(
        lambda catalogue: catalogue.update(organisation=stage.example["organisation"])
    ),
    "event_locked": lambda stage: stage.imported(first("ticket_types", event_id="sunday")),
    "contents_locked": lambda stage: stage.holding(pack("thirds")).imported(
        lambda catalogue: catalogue["packages"][0]["items"].pop()
    ),
    "capacity_below_use": over_capacity,
    # payments, which are TK007
    "amount_mismatch": lambda stage: stage.holding(one("fifty")).pay(amount="49.99"),
    "already_paid": lambda stage: stage.paid().pay(reference="second"),
    "reference_used": paid_twice,
    "payment_required": lambda stage: stage.paid().caller.attempt(
        "adjust_registration",
        p_registration_id=REGISTRATION,
        p_adjustment=1,
        p_reason="A fee",
    ),
    "nothing_due": lambda stage: stage.paid().amend(
        one("fifty"), p_payment={"reference": "more", "amount": "50.00", "currency": "EUR"}
    ),
    "not_refundable": lambda stage: stage.paid().refund("50.00"),
    "refund_too_large": refunded_too_much,
    # capacity, which is TK005
    "sold_out": lambda stage: stage.given({"gift": {"capacity": 1}}).select(one("gift", 2)),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_code_is_raised_alone_by_its_smallest_call(stage: Stage, code: str) -> None:
    sqlstates = dict(
        stage.db.execute("SELECT code, sqlstate FROM ticketing_internal.issue_codes()").fetchall()
    )
    outcome = REFUSALS[code](stage)
    (issue,) = outcome.issues
    assert (issue["code"], outcome.sqlstate) == (code, sqlstates[code])
    attendee, item = stored_names(stage.db, issue)
    assert issue.get("attendee_name") == attendee
    assert item in {None, issue.get("item_name")}
    # of another function, whose names are not this caller's to see
    if code in {"ticket_type_not_found", "package_not_found"}:
        assert "item_name" not in issue


def stored_names(db: Connection, issue: Document) -> tuple[str | None, str | None]:
    """Return the names of the attendee and of the item with the ids of an issue, if stored."""
    (found,) = rows(
        db,
        """
        SELECT
            (SELECT coalesce(nullif(concat_ws(' ', first_name, last_name), ''), attendee_type)
                FROM ticketing.attendees
                WHERE attendee_id = %s AND client_attendee_id = %s) AS attendee,
            coalesce(
                (SELECT name FROM ticketing.ticket_types
                    WHERE ticket_type_id = %s AND function_id = %s),
                (SELECT name FROM ticketing.packages
                    WHERE package_id = %s AND function_id = %s)
            ) AS item
        """,
        issue.get("attendee_id"),
        issue.get("client_attendee_id"),
        issue.get("ticket_type_id"),
        FUNCTION,
        issue.get("package_id"),
        FUNCTION,
    )
    return found["attendee"], found["item"]


def test_codes_all_have_a_call(db: Connection) -> None:
    assert listed(db, "code", "issue_codes") == set(REFUSALS)


@pytest.mark.parametrize("shape", [one("fifty", -1), pack("two of each", 501)])
def test_sqlstate_of_several_reasons_is_the_first(stage: Stage, shape: Document) -> None:
    stage.given({"gift": only(GL), "fifty": {"capacity": 1}})

    def refused(*, reasons: int) -> str | None:
        """Call with the last so many of all reasons to refuse it."""
        stage.db.execute(
            "UPDATE ticketing.registrations SET status = %s",
            ["cancelled" if reasons >= 4 else "draft"],
        )
        lines = [one("fifty", 2)]
        lines += [one("gift")] if reasons >= 2 else []
        lines += [shape] if reasons >= 5 else []
        return (
            service(stage.db)
            .attempt(
                "persist_ticket_selections",
                p_registration_id=OTHER_REGISTRATION if reasons >= 6 else REGISTRATION,
                p_selections=NAMES.ids({"tomas": selected(*lines)}),
                p_expected_revision=7 if reasons >= 3 else None,
            )
            .sqlstate
        )

    assert [refused(reasons=number) for number in (6, 5, 4, 3, 2, 1)] == [
        "TK002",
        "TK001",
        "TK003",
        "TK006",
        "TK004",
        "TK005",
    ]


# ------------------------------------------------------------------------ what the functions raise


def listed(db: Connection, column: LiteralString, function: LiteralString) -> set[str]:
    """Return what is in one of the two lists of the package."""
    query = sql.SQL("SELECT {} FROM {}()").format(
        sql.Identifier(column), sql.Identifier("ticketing_internal", function)
    )
    return {value for (value,) in db.execute(query)}


def test_codes_in_function_bodies_are_exactly_the_listed_ones(db: Connection) -> None:
    given = list(calls_of("issue"))
    assert [call.where for call in given if not call.texts] == []
    assert set().union(*(call.texts for call in given)) == listed(db, "code", "issue_codes")


def test_sqlstates_in_function_bodies_are_exactly_the_listed_ones(db: Connection) -> None:
    raised = list(calls_of("raise_issues"))
    assert [call.where for call in raised if not call.texts] == []
    of_codes = listed(db, "sqlstate", "issue_codes")  # each raised above
    assert set().union(*(call.texts for call in raised)) == of_codes
    assert listed(db, "sqlstate", "error_classes") == of_codes
