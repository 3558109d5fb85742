"""All kinds of callers, and claims that do or do not name a user."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.caller import Caller, Connection
from tests.support.example import ORGANISATION, OWNER, STRANGER, other_id
from tests.support.postgrest import Person

STAFF, ADMIN, BOSS, OUTSIDER, NEWCOMER, FOUNDER = (
    f"7e9a6303-0000-4000-8000-00000000000{number}" for number in range(3, 9)
)

OTHER_ORGANISATION = other_id(ORGANISATION)
IDLE_ORGANISATION = "7e9a6303-0000-4000-8000-0000000000c0"
"""An organisation that has no function yet."""


@dataclass(frozen=True)
class Persona(Person):
    """A caller, as the database sees it; the role is none for the superuser's own.

    Attributes:
        organisation_id: The organisation of a member.
        works_as: The role there.
    """

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

VISITOR, USER = PERSONAS["visitor"], PERSONAS["owner"]
MANAGER, SERVICE = PERSONAS["admin"], PERSONAS["service"]
"""Those that most requests are sent by."""

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
            True,
            [OWNER],
            {"sub": OWNER},
            f"{OWNER}\0",
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
"""Claims that name no user: the caller is a visitor, and learns nothing from an error."""

OTHERS_CLAIMS: Sequence[str] = [
    json.dumps({"sub": sub})
    for sub in (
        7,
        10**20,
        "the owner",
        f" {OWNER}",
        f"{OWNER}\n",
        f"{{{OWNER}",
        f"urn:uuid:{OWNER}",
        f"{OWNER}'; DROP TABLE ticketing.tickets; --",
        f"{OWNER}' OR '1' = '1",
        OWNER.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
        OWNER.replace("-4000-", "-8000-"),
        OWNER.replace("0", "g"),
        f"{OWNER[:-1]}-",
    )
]
"""Claims whose sub is no UUID, or none that is taken over: each names a user of its own."""

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


def admit(db: Connection) -> dict[str, Caller]:
    """Return all callers by name, over this connection to the stage.

    Args:
        db: In a transaction that will be rolled back, since it makes the role of a back end.
    """
    db.execute("CREATE ROLE back_end LOGIN IN ROLE service_role")
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
