"""A small world in which every RPC can be called, and a call of each that succeeds there."""

import base64
import json
import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

from psycopg import sql
from tests.support.caller import (
    Caller,
    Connection,
    service,
)
from tests.support.example import (
    FUNCTION,
    HAROLD,
    INES,
    ORGANISATION,
    OWNER,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    other_event,
    other_id,
)
from tests.support.personas import (
    ADMIN,
    REGISTRATION,
    STRANGERS,
)
from tests.support.postgrest import (
    Person,
)
from tests.support.stored import (
    dump,
    rows,
)

CANCELLED = "01974a10-0000-7000-8000-0000000000fc"
"""The owner's too: paid, then cancelled, not refunded yet."""

STRANGERS_CANCELLED = "01974a10-0000-7000-8000-0000000000fd"

LAPSED = "01974a10-0000-7000-8000-0000000000fe"
"""The owner's again: its hold is overdue, and not released yet."""

HIDDEN = other_id(FUNCTION)
"""A function of another organisation that is a draft still."""

VISITOR = Person("anon")
USER = Person("authenticated", OWNER)
MANAGER = Person("authenticated", ADMIN)
SERVICE = Person("service_role")

CURSOR = base64.b64encode(b"0:1:1").decode()
"""A cursor of the change feed from before its first change."""


def set_stage(db: Connection, catalogue: Document, wizard_state: Document) -> None:
    """Make two functions, a member and five registrations.

    Args:
        db: To a migrated database. A running transaction is joined.
        catalogue: The example event's; the other one is like it.
        wizard_state: The recorded state of the wizard that all registrations are made of.
    """
    hidden = other_event(catalogue)
    hidden["function"]["status"] = "draft"
    for document in (catalogue, hidden):
        service(db).call("import_catalogue", p_catalogue=document)
    db.execute(
        """
        INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
        VALUES (%s, %s, 'admin')
        """,
        [ORGANISATION, ADMIN],
    )
    for registration_id, user_id in (
        (REGISTRATION, OWNER),
        (STRANGERS, STRANGER),
        (CANCELLED, OWNER),
        (STRANGERS_CANCELLED, STRANGER),
        (LAPSED, OWNER),
    ):
        state = of_a_stranger(wizard_state) if user_id == STRANGER else wizard_state
        caller = Caller(db, "authenticated", user_id)
        caller.call(
            "create_individual_registration_jsonb",
            p_registration_data=state["registration"] | {"registrationId": registration_id},
        )
        caller.call(
            "persist_ticket_selections",
            p_registration_id=registration_id,
            p_selections=state["ticketSelections"],
        )
    for registration_id in (CANCELLED, STRANGERS_CANCELLED):
        service(db).call(
            "complete_registration_payment",
            p_registration_id=registration_id,
            p_payment=_payment(db, registration_id, registration_id),
        )
        service(db).call("cancel_registration", p_registration_id=registration_id)
    db.execute(
        """
        UPDATE ticketing.registrations
        SET hold_expires_at = statement_timestamp() - interval '1 hour',
            created_at = statement_timestamp() - interval '2 hours'
        WHERE registration_id = %s
        """,
        [LAPSED],
    )


def example(name: str) -> Document:
    """Return a document of the example event, for code that has no fixtures."""
    path = files("ticketing_client").joinpath(f"example/{name}.json")
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def of_a_stranger(wizard_state: Document) -> Document:
    """Return the same state of another wizard: its attendees have ids of their own."""
    text = json.dumps(wizard_state)
    for attendee in (WALTER, INES, TOMAS, HAROLD):
        text = text.replace(attendee, other_id(attendee))
    state: Document = json.loads(text)
    return state


def working_calls(
    db: Connection, catalogue: Document, wizard_state: Document
) -> dict[str, Document]:
    """Return a call of every RPC, with all its arguments, that the service succeeds with.

    The owner succeeds as well with those that are granted to users, the visitor with those that
    are granted to visitors (without the registration, which another user owns). Only the import
    needs the manager.

    Args:
        db: To the stage.
        catalogue: The example event's.
        wizard_state: The recorded state of the wizard.

    Returns:
        The arguments by name, by RPC; all of them are for the caller to change at will.
    """
    on_it = {"p_registration_id": REGISTRATION}
    registration = wizard_state["registration"]
    selections = wizard_state["ticketSelections"]
    attendees = [registration["primaryAttendee"], *registration["additionalAttendees"]]
    quote = {
        "p_function_id": FUNCTION,
        "p_selections": selections,
        "p_attendees": attendees,
        "p_registration_type": "individuals",
        **on_it,
    }
    tickets = service(db).call("quote_ticket_selections", **quote)["tickets"]
    rows_given = [
        {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}
        for row in tickets
    ]
    given = {
        "p_tickets": rows_given,
        "p_attendee_updates": [
            {"attendee_id": attendee, "selected_tickets": chosen}
            for attendee, chosen in selections.items()
        ],
    }
    (stored,) = rows(
        db,
        """
        SELECT min(ticket_id::text) AS ticket_id FROM ticketing.tickets WHERE registration_id = %s
        """,
        CANCELLED,
    )
    (revision,) = rows(
        db, "SELECT revision FROM ticketing.registrations WHERE registration_id = %s", REGISTRATION
    )
    expected = {"p_expected_revision": revision["revision"]}
    refund = {
        "reference": "a refund",
        "amount": "1.00",
        "currency": "AUD",
        "provider": "card",
        "ticket_ids": [stored["ticket_id"]],
    }
    calls: dict[str, Document] = {
        "cancel_registration": {**on_it, "p_reason": "We cannot come."},
        "check_integrity": {},
        "complete_registration_payment": {
            **on_it,
            "p_payment": _payment(db, REGISTRATION, "a payment"),
        },
        "create_individual_registration_jsonb": {
            "p_registration_data": registration | {"registrationId": REGISTRATION}
        },
        "create_individual_registration_with_tickets": {
            "p_registration_data": registration | {"registrationId": REGISTRATION},
            **_by_client(given),
            **expected,
        },
        "get_registration": on_it,
        "get_ticket_availability": {"p_function_id": FUNCTION, **on_it},
        "get_ticket_changes": {"p_after": CURSOR, "p_limit": 10},
        "import_catalogue": {"p_catalogue": catalogue},
        "persist_attendee_tickets": {**on_it, **given, **expected},
        "persist_ticket_selections": {**on_it, "p_selections": selections, **expected},
        "quote_ticket_selections": quote,
        "record_refund": {"p_registration_id": CANCELLED, "p_refund": refund},
        "release_expired_holds": {"p_limit": 10},
        "repair_capacity": {"p_function_id": FUNCTION},
        "start_payment": {**on_it, **expected},
    }
    return deepcopy(calls)


def _by_client(given: Document) -> Document:
    """Return the rows with the ids that the wizard has made, as for a registration that is new."""
    return given | {
        "p_tickets": [
            {key: value for key, value in row.items() if key != "registration_id"}
            for row in given["p_tickets"]
        ]
    }


def _payment(db: Connection, registration_id: str, reference: str) -> Document:
    (registration,) = rows(
        db,
        """
        SELECT (total + 1.50)::text AS due FROM ticketing.registrations
        WHERE registration_id = %s
        """,
        registration_id,
    )
    return {
        "reference": reference,
        "amount": registration["due"],
        "currency": "AUD",
        "fee_amount": "1.50",
        "provider": "card",
        "paid_at": "2025-07-01T09:30:00+10:00",
    }


class Steady:
    """Reads answers without what is new in each: ids made by the call, and times of now."""

    def __init__(self, db: Connection) -> None:
        """Learn the ids that are there now."""
        self._known = set(_UUID.findall(json.dumps(dump(db))))

    def __call__(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a JSON document with every time as a moment, and what is new masked.

        Raises:
            AssertionError: When a time is not in ISO 8601 with its offset.
        """
        match document:
            case dict():
                return {
                    _UUID.sub(self._id, key): self._value(key, value)
                    for key, value in document.items()
                }
            case list():
                return [self(element) for element in document]
            case str():
                return _UUID.sub(self._id, _TIME.sub(_moment, document))
            case _:
                return document

    def _value(self, key: str, value: object) -> object:
        if isinstance(value, str):
            assert _TIME.fullmatch(value) or not key.endswith(("_at", "_time")), (key, value)
            if key.lower().replace("_", "") == "confirmationnumber":
                return "a confirmation number"
        return self(value)

    def _id(self, found: re.Match[str]) -> str:
        return found[0] if found[0] in self._known else "a new id"


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d")


def _moment(found: re.Match[str]) -> str:
    moment = datetime.fromisoformat(found[0]).astimezone(UTC)
    is_new = abs(datetime.now(UTC) - moment) < timedelta(days=2)
    return "a time of now" if is_new else moment.isoformat()


class Digest:
    """Tells whether anything that the package stores has changed, cheaply."""

    def __init__(self, db: Connection) -> None:
        """Remember what is stored now."""
        self._db = db
        tables = rows(
            db,
            """
            SELECT relnamespace::regnamespace::text AS schema, relname FROM pg_class
            WHERE relnamespace IN ('ticketing'::regnamespace, 'ticketing_internal'::regnamespace)
                AND relkind = 'r'
            ORDER BY 1, 2
            """,
        )
        assert len(tables) > 10
        self._query = sql.SQL(" UNION ALL ").join(
            sql.SQL(
                "SELECT {}, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} AS t"
            ).format(
                sql.Literal(table["relname"]), sql.Identifier(table["schema"], table["relname"])
            )
            for table in tables
        )
        self._before = self._now()

    def _now(self) -> list[tuple[object, ...]]:
        # by name, since the server may read the tables in any order
        return sorted(self._db.execute(self._query).fetchall())

    def changed(self) -> list[object]:
        """Return the tables that are no longer what they were."""
        pairs = zip(self._before, self._now(), strict=True)
        return [before[0] for before, now in pairs if before != now]
