"""All kinds of callers, and the rows that some of them must not see."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.caller import (
    Caller,
    Connection,
    service,
)
from tests.support.example import (
    CEREMONY,
    EVENTS,
    FUNCTION,
    ORGANISATION,
    OWNER,
    STRANGER,
    TOMAS,
    Document,
    other_event,
    other_id,
    ticket,
)

STAFF, ADMIN, BOSS, OUTSIDER, NEWCOMER, FOUNDER = (
    f"7e9a6303-0000-4000-8000-00000000000{number}" for number in range(3, 9)
)

OTHER_ORGANISATION, DRAFT = other_id(ORGANISATION), other_id(FUNCTION)
"""The organisation of the outsider, and its function, which is not published."""

IDLE_ORGANISATION = "7e9a6303-0000-4000-8000-0000000000c0"
"""An organisation that has no function yet."""

CLOSED = "7e9a6303-0000-4000-8000-0000000000c1"
"""A function of the first organisation that sells nothing any more."""

REGISTRATION = "01974a10-0000-7000-8000-0000000000fa"
STRANGERS = "01974a10-0000-7000-8000-0000000000fb"
STRANGERS_DRAFT = "01974a10-0000-7000-8000-0000000000fc"

OWNERS: Mapping[str, str] = {REGISTRATION: OWNER, STRANGERS: STRANGER, STRANGERS_DRAFT: STRANGER}
"""Whose each registration is. The last one is of the draft."""


@dataclass(frozen=True)
class Persona:
    """A caller, as the database sees it.

    Attributes:
        role: The database role; none for the superuser's own.
        user_id: The sub of the claims; None for a caller who has not signed in.
        organisation_id: The organisation of a member.
        works_as: The role there.
    """

    role: str
    user_id: str | None = None
    organisation_id: str | None = None
    works_as: str | None = None


PERSONAS: Mapping[str, Persona] = {
    "owner": Persona("authenticated", OWNER),
    "stranger": Persona("authenticated", STRANGER),
    "newcomer": Persona("authenticated", NEWCOMER),
    "staff": Persona("authenticated", STAFF, ORGANISATION, "staff"),
    "admin": Persona("authenticated", ADMIN, ORGANISATION, "admin"),
    "boss": Persona("authenticated", BOSS, ORGANISATION, "owner"),
    "staff of another organisation": Persona(
        "authenticated", OUTSIDER, OTHER_ORGANISATION, "owner"
    ),
    "founder": Persona("authenticated", FOUNDER, IDLE_ORGANISATION, "owner"),
    "user without claims": Persona("authenticated"),
    "visitor": Persona("anon"),
    "visitor with the owner's claims": Persona("anon", OWNER),
    "service": Persona("service_role"),
    "service with a user's claims": Persona("service_role", STRANGER),
    "back end": Persona("back_end"),
    "reader": Persona("ticketing_reader"),
    "DBA": Persona("none"),
}
"""All callers by name. The stranger owns registrations, the newcomer owns nothing."""

SERVICES = {"service", "service with a user's claims", "back end", "DBA"}
STAFFS = {"staff", "admin", "boss"}
USERS = {"owner", "stranger", "newcomer", *STAFFS, "staff of another organisation", "founder"}
VISITORS = {"visitor", "visitor with the owner's claims"}


UNUSABLE_CLAIMS: Sequence[str | None] = [
    None,
    "",
    "no JSON",
    OWNER,
    "{",
    "null",
    "7",
    "[]",
    f'["{OWNER}"]',
    f'"{OWNER}"',
    "{}",
    *(
        json.dumps({"sub": sub})
        for sub in (
            None,
            "",
            7,
            1e300,
            True,
            [OWNER],
            {"sub": OWNER},
            "the owner",
            f" {OWNER}",
            f"{OWNER}\n",
            f"{{{OWNER}",
            f"urn:uuid:{OWNER}",
            f"{OWNER}'; DROP TABLE ticketing.tickets; --",
            f"{OWNER}' OR '1' = '1",
            f"{OWNER}\0",
            OWNER.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
        )
    ),
    json.dumps({"Sub": OWNER, "user_id": OWNER, "email": "walter.ashby@example.org"}),
    json.dumps({"user": {"sub": OWNER}, "app_metadata": {"sub": OWNER}}),
    json.dumps({"role": "service_role", "is_admin": True}),
    f'{{"sub": "{OWNER}", "name": "\\u0000"}}',
    f'{{"sub": "{OWNER}", "name": "\\ud800"}}',
    f'{{"sub": "{OWNER}", "iat": 1e9999999}}',
    f'{{"sub": "{OWNER}", "iat": NaN}}',
    f'{{"sub": "{OWNER}"}} {{"sub": "{OWNER}"}}',
    f'{{"sub": "{OWNER}", "sub": null}}',
    "[" * 10_000 + "]" * 10_000,
    "[" * 1_000_000,
]
"""Claims without a usable user id: the caller is no user, and learns nothing from an error."""

OWNERS_CLAIMS: Sequence[str] = [
    *(
        json.dumps({"sub": sub})
        for sub in (OWNER, OWNER.upper(), f"{{{OWNER}}}", OWNER.replace("-", ""))
    ),
    json.dumps({"sub": OWNER, "role": "anon", "aud": ["x"], "exp": 0}),
    json.dumps({"sub": OWNER, "role": "authenticated", "is_anonymous": True, "email": ""}),
    f'{{"sub": "{STRANGER}", "sub": "{OWNER}"}}',
]
"""Claims of the owner, one of them as after an anonymous sign-in."""

STRANGERS_CLAIMS = json.dumps(
    {"sub": STRANGER, "role": "service_role", "app_metadata": {"role": "service_role"}}
)
"""Claims of the stranger that pretend to be the service."""


def plant(db: Connection, catalogue: Document, wizard_state: Document) -> dict[str, Caller]:
    """Create all personas, and in every table rows that concern some of them and not others.

    Args:
        db: To a migrated database, in a transaction that will be rolled back.
        catalogue: The example event's.
        wizard_state: The recorded state of the wizard that registrations are made of.

    Returns:
        All callers by name, over this connection.
    """
    db.execute("CREATE ROLE back_end LOGIN IN ROLE service_role")
    catalogue["packages"][0]["capacity"] = 100
    for document in (catalogue, other_event(catalogue)):
        service(db).call("import_catalogue", p_catalogue=document)
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
    for registration_id, user_id in OWNERS.items():
        is_draft = registration_id == STRANGERS_DRAFT
        Caller(db, "authenticated", user_id).call(
            "create_individual_registration_with_tickets",
            p_registration_data=wizard_state["registration"]
            | {"registrationId": registration_id}
            | ({"functionId": DRAFT, "functionSlug": "other-function"} if is_draft else {}),
            p_tickets=[
                ticket(TOMAS, other_id(CEREMONY), event_id=other_id(EVENTS[CEREMONY]))
                if is_draft
                else ticket(TOMAS, CEREMONY)
            ],
        )
    db.execute("UPDATE ticketing.functions SET status = 'draft' WHERE function_id = %s", [DRAFT])
    return {name: Caller(db, who.role, who.user_id) for name, who in PERSONAS.items()}


def claims_of(user_id: str | None) -> str:
    """Return the claims that PostgREST would set for a user, empty for none."""
    return json.dumps({"sub": user_id}) if user_id else ""


@contextmanager
def acting(db: Connection, role: str, claims: str | None = "") -> Generator[None]:
    """Act as a role within the `with` block, then roll back.

    Args:
        db: In a transaction.
        role: The database role.
        claims: The text of the claims.
    """
    with db.transaction(force_rollback=True):
        db.execute(
            "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            [role, claims],
        )
        yield
