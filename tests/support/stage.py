"""The world in which every RPC can be called, and some rows are there for some callers only.

Two functions on sale or in preparation and a closed one, of two organisations with members, an
organisation without a function, and registrations of two users in all their states.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql
from tests.support.bookings import allow_changes, let_lapse, pay
from tests.support.caller import Caller, Connection, service
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
    document,
    other_event,
    other_id,
)
from tests.support.personas import IDLE_ORGANISATION, PERSONAS
from tests.support.stored import dump, rows

DRAFT = other_id(FUNCTION)
"""A function of the other organisation that is a draft still."""

CLOSED = "7e9a6303-0000-4000-8000-0000000000c1"
"""A function of the first organisation that sells nothing any more."""

REGISTRATION = "01974a10-0000-7000-8000-0000000000fa"
STRANGERS = "01974a10-0000-7000-8000-0000000000fb"

CANCELLED = "01974a10-0000-7000-8000-0000000000fc"
STRANGERS_CANCELLED = "01974a10-0000-7000-8000-0000000000fd"
"""Paid, then cancelled, not refunded yet."""

LAPSED = "01974a10-0000-7000-8000-0000000000fe"
"""Its hold is overdue, and not released yet."""

STRANGERS_DRAFT = "01974a10-0000-7000-8000-0000000000ff"
"""Paid, of the draft."""

PAID = "01974a10-0000-7000-8000-0000000000f8"
STRANGERS_PAID = "01974a10-0000-7000-8000-0000000000f9"
"""Paid, and to be changed by their owners as long as they like."""

OWNERS: Mapping[str, str] = {
    REGISTRATION: OWNER,
    CANCELLED: OWNER,
    LAPSED: OWNER,
    PAID: OWNER,
    STRANGERS: STRANGER,
    STRANGERS_CANCELLED: STRANGER,
    STRANGERS_PAID: STRANGER,
    STRANGERS_DRAFT: STRANGER,
}
"""Whose each registration is."""


def catalogue_of_the_stage() -> Document:
    """Return the catalogue of the example event, with holds of a day and a limited package."""
    catalogue = document("catalogue")
    catalogue["function"]["hold_minutes"] = 1440
    catalogue["packages"][0]["capacity"] = 100
    return catalogue


def set_stage(db: Connection) -> None:
    """Make organisations, functions, members and registrations.

    Args:
        db: To a migrated database. A running transaction is joined.
    """
    catalogue = catalogue_of_the_stage()
    for each in (catalogue, other_event(catalogue)):
        service(db).call("import_catalogue", p_catalogue=each)
    db.execute(
        """
        INSERT INTO ticketing.functions (function_id, organisation_id, slug, name, currency, status)
        VALUES (%s, %s, 'last-year', 'Last year', 'AUD', 'closed')
        """,
        [CLOSED, ORGANISATION],
    )
    db.execute(
        """
        INSERT INTO ticketing.organisations (organisation_id, slug, name)
        VALUES (%s, 'idle', 'Idle')
        """,
        [IDLE_ORGANISATION],
    )
    for persona in PERSONAS.values():
        if persona.organisation_id:
            db.execute(
                """
                INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
                VALUES (%s, %s, %s)
                """,
                [persona.organisation_id, persona.user_id, persona.works_as],
            )
    for registration_id in OWNERS:
        register(db, registration_id)
    for registration_id in (CANCELLED, STRANGERS_CANCELLED, PAID, STRANGERS_PAID, STRANGERS_DRAFT):
        pay(db, registration_id)
    for registration_id in (CANCELLED, STRANGERS_CANCELLED):
        service(db).call("cancel_registration", p_registration_id=registration_id)
    let_lapse(db, LAPSED)
    allow_changes(db)
    db.execute("UPDATE ticketing.functions SET status = 'draft' WHERE function_id = %s", [DRAFT])


def register(db: Connection, registration_id: str) -> None:
    """Make a registration out of the recorded wizard; a stranger's attendees have other ids."""
    state = document("wizard_state")
    if OWNERS[registration_id] == STRANGER:
        state = with_other_ids(state, WALTER, INES, TOMAS, HAROLD)
    if registration_id == STRANGERS_DRAFT:
        catalogue = document("catalogue")
        state = with_other_ids(
            state,
            FUNCTION,
            *(each["ticket_type_id"] for each in catalogue["ticket_types"]),
            *(each["package_id"] for each in catalogue["packages"]),
        )
    caller = Caller(db, "authenticated", OWNERS[registration_id])
    caller.call(
        "create_individual_registration_jsonb",
        p_registration_data=state["registration"] | {"registrationId": registration_id},
    )
    caller.call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections=state["ticketSelections"],
    )


def with_other_ids(state: Document, *ids: str) -> Document:
    """Return a document with these ids replaced by those of the other event."""
    text = json.dumps(state)
    for each in ids:
        text = text.replace(each, other_id(each))
    changed: Document = json.loads(text)
    return changed


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
        if key == "epoch":
            return "an epoch"
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
