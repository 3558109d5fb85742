"""Right rows for every table: what the tests of the constraints start from.

`BASELINE` fills every table, with two functions of two organisations. `NEW` has one more right row
for each table, for a test to make wrong in one way. No row of the baseline refers to a row called
`EMPTY_…`: it can be deleted until the row of `NEW` hangs on it. What is called `OTHER_…` belongs to
the other function, `SECOND_…` and `STRANGERS_…` to another registration of the same function.
"""

from collections.abc import Mapping, Sequence
from typing import LiteralString, TypeAlias
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

Connection: TypeAlias = psycopg.Connection[TupleRow]
Row: TypeAlias = Mapping[str, object]


def _ids(kind: int, count: int) -> list[UUID]:
    return [UUID(int=(kind << 64) + number) for number in range(1, count + 1)]


ABSENT = UUID(int=0)
"""An id that no row has."""

OWNER, STRANGER, STAFF = _ids(1, 3)
ORGANISATION, OTHER_ORGANISATION, EMPTY_ORGANISATION, NEW_ORGANISATION = _ids(2, 4)
FUNCTION, OTHER_FUNCTION, EMPTY_FUNCTION, NEW_FUNCTION = _ids(3, 4)
EVENT, SECOND_EVENT, EMPTY_EVENT, OTHER_EVENT, NEW_EVENT = _ids(4, 5)
TYPE, SPARE_TYPE, EMPTY_TYPE, OTHER_TYPE, NEW_TYPE = _ids(5, 5)
PACKAGE, EMPTY_PACKAGE, OTHER_PACKAGE, NEW_PACKAGE = _ids(6, 4)
POOL, EMPTY_POOL, OTHER_POOL, NEW_POOL = _ids(7, 4)
(
    REGISTRATION,
    SECOND_REGISTRATION,
    STRANGERS_REGISTRATION,
    EMPTY_REGISTRATION,
    OTHER_REGISTRATION,
    NEW_REGISTRATION,
) = _ids(8, 6)
(
    ATTENDEE,
    EMPTY_ATTENDEE,
    SECOND_ATTENDEE,
    STRANGERS_ATTENDEE,
    OTHER_ATTENDEE,
    NEW_ATTENDEE,
) = _ids(9, 6)
TICKET, STRANGERS_TICKET, OTHER_TICKET, NEW_TICKET = _ids(10, 4)
PAYMENT, OTHER_PAYMENT, NEW_PAYMENT = _ids(11, 3)
# The wizard counts its attendees on its own, anew in every registration.
FIRST_CLIENT_ID, SECOND_CLIENT_ID, NEW_CLIENT_ID = _ids(12, 3)

BASELINE: Sequence[tuple[str, str, Sequence[tuple[object, ...]]]] = [
    (
        "organisations",
        "organisation_id slug name",
        [
            (ORGANISATION, "grand-lodge", "Grand Lodge"),
            (OTHER_ORGANISATION, "other-lodge", "Other Lodge"),
            (EMPTY_ORGANISATION, "empty-lodge", "Empty Lodge"),
        ],
    ),
    (
        "organisation_members",
        "organisation_id user_id role",
        [(ORGANISATION, STAFF, "owner"), (OTHER_ORGANISATION, STRANGER, "staff")],
    ),
    (
        "functions",
        "function_id organisation_id slug name currency status",
        [
            (FUNCTION, ORGANISATION, "weekend", "Weekend", "AUD", "published"),
            (OTHER_FUNCTION, OTHER_ORGANISATION, "other-weekend", "Other", "NZD", "published"),
            (EMPTY_FUNCTION, ORGANISATION, "empty-weekend", "Empty", "AUD", "draft"),
        ],
    ),
    (
        "events",
        "function_id event_id slug title",
        [
            (FUNCTION, EVENT, "dinner", "Dinner"),
            (FUNCTION, SECOND_EVENT, "brunch", "Brunch"),
            (FUNCTION, EMPTY_EVENT, "empty", "Empty"),
            (OTHER_FUNCTION, OTHER_EVENT, "ball", "Ball"),
        ],
    ),
    (
        "ticket_types",
        "function_id ticket_type_id event_id slug name price",
        [
            (FUNCTION, TYPE, EVENT, "dinner", "Dinner", "100.00"),
            (FUNCTION, SPARE_TYPE, EVENT, None, "Late supper", "40.00"),
            (FUNCTION, EMPTY_TYPE, EVENT, None, "Dinner, vegetarian", "90.00"),
            (OTHER_FUNCTION, OTHER_TYPE, OTHER_EVENT, "ball", "Ball", "80.00"),
        ],
    ),
    (
        "packages",
        "function_id package_id slug name price",
        [
            (FUNCTION, PACKAGE, "evening", "All of the evening", "140.00"),
            (FUNCTION, EMPTY_PACKAGE, None, "Nothing yet", "0.00"),
            (OTHER_FUNCTION, OTHER_PACKAGE, "for-two", "Ball for two", "150.00"),
        ],
    ),
    (
        "package_items",
        "function_id package_id ticket_type_id quantity",
        [
            (FUNCTION, PACKAGE, TYPE, 1),
            (FUNCTION, PACKAGE, SPARE_TYPE, 1),
            (OTHER_FUNCTION, OTHER_PACKAGE, OTHER_TYPE, 2),
        ],
    ),
    (
        "capacity_pools",
        "function_id capacity_pool_id slug name capacity reserved sold",
        [
            (FUNCTION, POOL, "hall", "Hall", 100, 1, 1),
            (FUNCTION, EMPTY_POOL, None, "Garden", 50, 0, 0),
            (OTHER_FUNCTION, OTHER_POOL, "ballroom", "Ballroom", 10, 1, 0),
        ],
    ),
    (
        "ticket_type_pools",
        "function_id ticket_type_id capacity_pool_id",
        [(FUNCTION, TYPE, POOL), (OTHER_FUNCTION, OTHER_TYPE, OTHER_POOL)],
    ),
    (
        "package_pools",
        "function_id package_id capacity_pool_id",
        [(FUNCTION, PACKAGE, POOL), (OTHER_FUNCTION, OTHER_PACKAGE, OTHER_POOL)],
    ),
    (
        "registrations",
        (
            "function_id registration_id owner_id registration_type status payment_status subtotal"
            " currency confirmation_number revision"
        ),
        [
            (
                *(FUNCTION, REGISTRATION, OWNER, "individuals", "draft", "Unpaid"),
                *("140.00", "AUD", None, 1),
            ),
            (
                *(FUNCTION, SECOND_REGISTRATION, OWNER, "lodges", "pending", "Unpaid"),
                *(0, "AUD", None, 2),
            ),
            (
                *(FUNCTION, STRANGERS_REGISTRATION, STRANGER, "individuals", "completed", "Paid"),
                *("100.00", "AUD", "IND-1", 3),
            ),
            (
                *(FUNCTION, EMPTY_REGISTRATION, OWNER, "delegations", "expired", "Unpaid"),
                *(0, "AUD", None, 0),
            ),
            (
                *(OTHER_FUNCTION, OTHER_REGISTRATION, OWNER, "individuals", "completed", "Paid"),
                *("80.00", "NZD", "IND-2", 1),
            ),
        ],
    ),
    (
        "registration_index",
        "function_id registration_id",
        [
            (FUNCTION, REGISTRATION),
            (FUNCTION, SECOND_REGISTRATION),
            (FUNCTION, STRANGERS_REGISTRATION),
            (FUNCTION, EMPTY_REGISTRATION),
            (OTHER_FUNCTION, OTHER_REGISTRATION),
        ],
    ),
    (
        "attendees",
        "function_id registration_id owner_id attendee_id client_attendee_id attendee_type",
        [
            (FUNCTION, REGISTRATION, OWNER, ATTENDEE, FIRST_CLIENT_ID, "mason"),
            (FUNCTION, REGISTRATION, OWNER, EMPTY_ATTENDEE, SECOND_CLIENT_ID, "guest"),
            (FUNCTION, SECOND_REGISTRATION, OWNER, SECOND_ATTENDEE, FIRST_CLIENT_ID, "contact"),
            (
                *(FUNCTION, STRANGERS_REGISTRATION, STRANGER, STRANGERS_ATTENDEE),
                *(FIRST_CLIENT_ID, "mason"),
            ),
            (
                *(OTHER_FUNCTION, OTHER_REGISTRATION, OWNER, OTHER_ATTENDEE),
                *(FIRST_CLIENT_ID, "mason"),
            ),
        ],
    ),
    (
        "tickets",
        (
            "function_id registration_id owner_id attendee_id ticket_id event_id ticket_type_id"
            " package_id package_number price_paid original_price currency payment_status"
        ),
        [
            (
                *(FUNCTION, REGISTRATION, OWNER, ATTENDEE, TICKET, EVENT, TYPE),
                *(PACKAGE, 1, "100.00", "100.00", "AUD", "Unpaid"),
            ),
            (
                *(FUNCTION, STRANGERS_REGISTRATION, STRANGER, STRANGERS_ATTENDEE, STRANGERS_TICKET),
                *(EVENT, TYPE, None, None, "100.00", "100.00", "AUD", "Paid"),
            ),
            (
                *(OTHER_FUNCTION, OTHER_REGISTRATION, OWNER, OTHER_ATTENDEE, OTHER_TICKET),
                *(OTHER_EVENT, OTHER_TYPE, None, None, "80.00", "80.00", "NZD", "Paid"),
            ),
        ],
    ),
    (
        "ticket_holders",
        (
            "function_id registration_id owner_id attendee_id ticket_id first_name last_name"
            " holder_data"
        ),
        [
            (
                *(FUNCTION, STRANGERS_REGISTRATION, STRANGER, STRANGERS_ATTENDEE, STRANGERS_TICKET),
                *("A", "B", Jsonb({})),
            ),
        ],
    ),
    (
        "payments",
        (
            "function_id registration_id payment_id provider reference kind amount surcharge_amount"
            " currency paid_at"
        ),
        [
            (
                *(FUNCTION, STRANGERS_REGISTRATION, PAYMENT, "stripe", "pi_1", "payment"),
                *("103.00", "3.00", "AUD", "2026-05-01T10:05Z"),
            ),
            (
                *(OTHER_FUNCTION, OTHER_REGISTRATION, OTHER_PAYMENT, "stripe", "pi_2", "payment"),
                *("80.00", 0, "NZD", "2026-05-01T10:05Z"),
            ),
        ],
    ),
    (
        "ticket_changes",
        (
            "function_id epoch transaction_id change_id change registration_id revision ticket_id"
            " attendee_id event_id ticket_type_id price_paid actor_role changed_at"
        ),
        [
            (
                *(FUNCTION, 1, "700", 1, "added", REGISTRATION, 1, TICKET, ATTENDEE, EVENT, TYPE),
                *("100.00", "authenticated", "2026-05-01T10:00Z"),
            ),
        ],
    ),
    (
        "registration_changes",
        (
            "function_id registration_id change_id epoch transaction_id change revision"
            " actor_role changed_at"
        ),
        [
            (
                *(FUNCTION, STRANGERS_REGISTRATION, 1, 1, "700", "amended", 3),
                *("service_role", "2026-05-01T10:00Z"),
            ),
        ],
    ),
]

NEW: Mapping[str, Row] = {
    "organisations": {
        "organisation_id": NEW_ORGANISATION,
        "slug": "new-lodge",
        "name": "New Lodge",
    },
    "organisation_members": {
        "organisation_id": EMPTY_ORGANISATION,
        "user_id": STAFF,
        "role": "admin",
    },
    "functions": {
        "function_id": NEW_FUNCTION,
        "organisation_id": EMPTY_ORGANISATION,
        "slug": "new-weekend",
        "name": "New weekend",
        "currency": "AUD",
        "timezone": "Australia/Sydney",
        "status": "published",
        "starts_at": "2026-05-15T08:00Z",
        "ends_at": "2026-05-17T15:00Z",
        "registration_opens_at": "2026-03-01T00:00Z",
        "registration_closes_at": "2026-05-14T00:00Z",
        "selection_mode": "exclusive",
        "hold_minutes": 30,
        "payment_minutes": 15,
        "max_hold_minutes": 240,
        "changes_until": "2026-05-10T00:00Z",
        "refunds_until": "2026-05-01T00:00Z",
    },
    "events": {
        "function_id": EMPTY_FUNCTION,
        "event_id": NEW_EVENT,
        "slug": "new-dinner",
        "title": "New dinner",
        "starts_at": "2026-05-15T18:00Z",
        "ends_at": "2026-05-15T22:00Z",
        "is_active": True,
    },
    "ticket_types": {
        "function_id": FUNCTION,
        "ticket_type_id": NEW_TYPE,
        "event_id": EMPTY_EVENT,
        "slug": "new-type",
        "name": "New type",
        "description": "A seat",
        "price": "50.00",
        "is_active": True,
        "sale_starts_at": "2026-03-01T00:00Z",
        "sale_ends_at": "2026-05-01T00:00Z",
        "min_per_attendee": 2,
        "max_per_attendee": 4,
        "max_per_registration": 8,
        "eligibility": Jsonb({"rules": []}),
    },
    "packages": {
        "function_id": EMPTY_FUNCTION,
        "package_id": NEW_PACKAGE,
        "slug": "new-package",
        "name": "New package",
        "description": "Two seats",
        "price": "95.00",
        "is_active": True,
        "registration_types": ["individuals"],
        "sale_starts_at": "2026-03-01T00:00Z",
        "sale_ends_at": "2026-05-01T00:00Z",
        "min_per_attendee": 2,
        "max_per_attendee": 4,
        "max_per_registration": 8,
        "eligibility": Jsonb({"rules": []}),
    },
    "package_items": {
        "function_id": FUNCTION,
        "package_id": EMPTY_PACKAGE,
        "ticket_type_id": EMPTY_TYPE,
        "quantity": 2,
    },
    "capacity_pools": {
        "function_id": EMPTY_FUNCTION,
        "capacity_pool_id": NEW_POOL,
        "slug": "new-hall",
        "name": "New hall",
        "capacity": 10,
        "reserved": 4,
        "sold": 3,
    },
    "ticket_type_pools": {
        "function_id": FUNCTION,
        "ticket_type_id": EMPTY_TYPE,
        "capacity_pool_id": EMPTY_POOL,
    },
    "package_pools": {
        "function_id": FUNCTION,
        "package_id": EMPTY_PACKAGE,
        "capacity_pool_id": EMPTY_POOL,
    },
    "registrations": {
        "function_id": EMPTY_FUNCTION,
        "registration_id": NEW_REGISTRATION,
        "owner_id": OWNER,
        "registration_type": "individuals",
        "status": "draft",
        "payment_status": "Unpaid",
        "booking_contact": Jsonb({"emailAddress": "a@example.org"}),
        "registration_data": Jsonb({"agreeToTerms": True}),
        "subtotal": "50.00",
        "adjustment": "-5.00",
        "currency": "AUD",
        "confirmation_number": None,
        "hold_expires_at": "2026-05-01T10:30Z",
        "held_since": "2026-05-01T10:00Z",
        "held_until": "2026-05-01T09:00Z",
        "hold_granted_until": "2026-05-02T10:00Z",
        "cancellation_reason": None,
        "revision": 1,
    },
    "registration_index": {"registration_id": NEW_REGISTRATION, "function_id": FUNCTION},
    "attendees": {
        "function_id": FUNCTION,
        "attendee_id": NEW_ATTENDEE,
        "registration_id": REGISTRATION,
        "owner_id": OWNER,
        "client_attendee_id": NEW_CLIENT_ID,
        "position": 2,
        "attendee_type": "guest",
        "is_primary": False,
        "is_partner": True,
        "related_attendee_id": EMPTY_ATTENDEE,
        "title": "Mr",
        "first_name": "A",
        "last_name": "B",
        "email": "a@example.org",
        "phone": "1",
        "attendee_data": Jsonb({"dietaryRequirements": "none"}),
    },
    "tickets": {
        "function_id": FUNCTION,
        "ticket_id": NEW_TICKET,
        "registration_id": REGISTRATION,
        "owner_id": OWNER,
        "attendee_id": EMPTY_ATTENDEE,
        "event_id": EVENT,
        "ticket_type_id": SPARE_TYPE,
        "package_id": PACKAGE,
        "package_number": 1,
        "price_paid": "40.00",
        "original_price": "40.00",
        "currency": "AUD",
        "status": "Active",
        "payment_status": "Unpaid",
        "is_partner_ticket": False,
    },
    "ticket_holders": {
        "function_id": FUNCTION,
        "ticket_id": TICKET,
        "registration_id": REGISTRATION,
        "owner_id": OWNER,
        "attendee_id": ATTENDEE,
        "title": "Ms",
        "first_name": "A",
        "last_name": "B",
        "email": "a@example.org",
        "phone": "1",
        "holder_data": Jsonb({"firstName": "A", "lastName": "B"}),
    },
    "payments": {
        "function_id": FUNCTION,
        "payment_id": NEW_PAYMENT,
        "registration_id": EMPTY_REGISTRATION,
        "provider": "stripe",
        "reference": "pi_new",
        "kind": "payment",
        "amount": "103.00",
        "surcharge_amount": "3.00",
        "currency": "AUD",
        "amendment_hash": None,
        "paid_at": "2026-05-01T10:05Z",
    },
    "ticket_changes": {
        "function_id": FUNCTION,
        "epoch": 2,
        "transaction_id": "700",
        "change_id": 1,
        "change": "paid",
        "registration_id": REGISTRATION,
        "revision": 1,
        "ticket_id": TICKET,
        "attendee_id": ATTENDEE,
        "event_id": EVENT,
        "ticket_type_id": TYPE,
        "package_id": PACKAGE,
        "price_paid": "100.00",
        "actor_id": OWNER,
        "actor_role": "authenticated",
        "changed_at": "2026-05-01T10:00Z",
    },
    "registration_changes": {
        "function_id": FUNCTION,
        "registration_id": REGISTRATION,
        "change_id": 1,
        "epoch": 1,
        "transaction_id": "701",
        "change": "ticket_assigned",
        "revision": 4,
        "attendee_id": ATTENDEE,
        "ticket_id": TICKET,
        "old_values": Jsonb({}),
        "new_values": Jsonb({"firstName": "A", "lastName": "B"}),
        "reason": "by telephone",
        "actor_id": STAFF,
        "actor_role": "authenticated",
        "changed_at": "2026-05-01T11:00Z",
    },
}
"""One more right row for each table, all of its columns but the clocks spelled out."""


def known_ids() -> set[UUID]:
    """Return the ids that some row of the baseline or of `NEW` has."""
    values: list[object] = [
        value for _, _, rows in BASELINE for baseline_row in rows for value in baseline_row
    ]
    values += [value for new_row in NEW.values() for value in new_row.values()]
    return {value for value in values if isinstance(value, UUID)}


def fill(db: Connection) -> None:
    """Insert the baseline.

    Args:
        db: A connection that may write the tables.
    """
    for table, columns, rows in BASELINE:
        with db.cursor() as cursor:
            cursor.executemany(_insert(table, columns.split()), rows)


def insert(db: Connection, table: str, changes: Row | None = None) -> str:
    """Insert the new row of a table.

    Args:
        db: A connection that may write the table.
        table: The table, in the schema `ticketing`.
        changes: Columns that get other values than in `NEW`.

    Returns:
        Where the row is: its ctid, good until the row is updated.
    """
    row = {**NEW[table], **(changes or {})}
    query = sql.SQL("{} RETURNING ctid").format(_insert(table, list(row)))
    inserted = db.execute(query, list(row.values())).fetchone()
    assert inserted is not None
    return str(inserted[0])


def update(db: Connection, table: str, where: Row, changes: Row) -> int:
    """Update rows of a table.

    Args:
        db: A connection that may write the table.
        table: The table, in the schema `ticketing`.
        where: The columns, `ctid` included, that tell the rows.
        changes: The columns to set.

    Returns:
        How many rows were updated.
    """
    query = sql.SQL("UPDATE ticketing.{} SET {} WHERE {}").format(
        sql.Identifier(table), _pairs(changes, ", "), _pairs(where, " AND ")
    )
    return db.execute(query, [*changes.values(), *where.values()]).rowcount


def delete(db: Connection, table: str, where: Row) -> int:
    """Delete rows of a table.

    Args:
        db: A connection that may write the table.
        table: The table, in the schema `ticketing`.
        where: The columns that tell the rows.

    Returns:
        How many rows were deleted.
    """
    query = sql.SQL("DELETE FROM ticketing.{} WHERE {}").format(
        sql.Identifier(table), _pairs(where, " AND ")
    )
    return db.execute(query, list(where.values())).rowcount


def _insert(table: str, columns: Sequence[str]) -> sql.Composed:
    # OVERRIDING lets a test choose change_id, which is always generated; elsewhere it says nothing.
    return sql.SQL("INSERT INTO ticketing.{} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
    )


def _pairs(columns: Row, separator: LiteralString) -> sql.Composed:
    return sql.SQL(separator).join(
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder()) for column in columns
    )
