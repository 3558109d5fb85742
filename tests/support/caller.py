"""Callers of the RPCs, as through PostgREST, and what comes of their calls."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, LiteralString, TypeAlias

import psycopg
from psycopg import sql
from tests.support.answers import checked, faults, openapi
from tests.support.example import ORGANISATION, OWNER, STAFF, STRANGER
from tests.support.pages import ROOT

Connection: TypeAlias = psycopg.Connection[Any]
Connect: TypeAlias = Callable[..., Connection]
Document: TypeAlias = dict[str, Any]

MOST_ISSUES = 500
"""With so many issues the search for more may have stopped."""


class _JsonNull:
    """The JSON value null, where None is the null of SQL."""


JSON_NULL = _JsonNull()


@dataclass(frozen=True)
class Outcome:
    """What a call came to: an answer, or a refusal.

    Attributes:
        answer: The answer; empty when the call was refused.
        sqlstate: The class of the refusal; None when there is an answer.
        message: What the refusal says to a user.
        hint: What it tells the user to do.
        issues: The issues that it lists.
        total: How many there are.
    """

    answer: Document
    sqlstate: str | None = None
    message: str = ""
    hint: str = ""
    issues: list[Document] = field(default_factory=list)
    total: int = 0

    @property
    def found(self) -> list[tuple[str, str]]:
        """The (code, path) of every issue, sorted."""
        return sorted((issue["code"], issue["path"]) for issue in self.issues)


def refused(error: psycopg.Error) -> Outcome:
    """Read the refusal of an RPC.

    Args:
        error: What psycopg raised.

    Returns:
        The refusal, which is complete: a message and a hint for the user, and for each issue what
        docs/schemas says.

    Raises:
        psycopg.Error: The same, when it is not a refusal of an RPC.
    """
    diagnosis = error.diag
    try:
        document: Document = json.loads(diagnosis.message_detail or "", parse_float=Decimal)
    except ValueError:
        raise error from None
    assert set(document) == {"issues", "issues_total", "issues_truncated"}
    assert document["issues"]
    assert document["issues_total"] >= len(document["issues"])
    assert document["issues_truncated"] == (document["issues_total"] >= MOST_ISSUES)
    check_issues(document["issues"], document["issues_total"])
    assert diagnosis.sqlstate
    assert diagnosis.message_primary
    assert diagnosis.message_hint
    return Outcome(
        {},
        diagnosis.sqlstate,
        diagnosis.message_primary,
        diagnosis.message_hint,
        document["issues"],
        document["issues_total"],
    )


def check_issues(issues: list[Document], total: int) -> None:
    """Check that issues have the keys that docs/errors.md lists, and a name beside each id.

    Args:
        issues: The issues of one refusal or quote.
        total: How many there are, including those not listed.

    Raises:
        AssertionError: When one of them lacks a name, or has a key that its code is not said to.
    """
    unknown = {
        issue.get(key)
        for issue in issues
        for code, key in (
            ("ticket_type_not_found", "ticket_type_id"),
            ("package_not_found", "package_id"),
        )
        if issue["code"] == code
    }
    for issue in issues:
        assert list(faults("issue", issue)) == []
        assert issue["message"]
        keys = set(issue)
        assert keys - {"code", "path", "message"} <= issue_keys()[issue["code"]], issue
        assert len(keys & {"attendee_id", "client_attendee_id", "attendee_name"}) in {0, 3}, issue
        items = {issue[key] for key in ("ticket_type_id", "package_id") if key in issue}
        # what is not in the catalogue has no name, and says so if there is room for it
        if items - unknown and total == len(issues):
            assert issue.get("item_name"), issue


@cache
def issue_keys() -> Mapping[str, set[str]]:
    """Return the keys that docs/errors.md lists for each code."""
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    tables = page.partition("<!-- begin issue_codes -->")[2]
    return {
        code: set(re.findall(r"`(\w+)`", keys))
        for code, keys in re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", tables, re.MULTILINE)
    }


@dataclass(frozen=True)
class Caller:
    """A caller of RPCs, as through PostgREST.

    Attributes:
        connection: The superuser's connection to call over. A running transaction is joined, and
            what a refused call has done in it is undone.
        role: The database role; none for the superuser's own.
        user_id: The sub of the claims; None for a caller who has not signed in.
    """

    connection: Connection
    role: str = "authenticated"
    user_id: str | None = None

    def call(self, rpc: LiteralString, **arguments: object) -> Document:
        """Call an RPC and return its answer.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, jsonb ones as Python values. None is the null of
                SQL.

        Returns:
            The answer, which is as documented, with its numbers as they were written.

        Raises:
            psycopg.Error: When the call is refused.
        """
        (text,) = self.rows(rpc, **arguments)
        answer: Document = checked(rpc, text)
        if "issues" in answer:
            check_issues(answer["issues"], answer["issues_total"])
        return answer

    def rows(self, rpc: LiteralString, **arguments: object) -> list[str]:
        """Call an RPC and return the rows of its answer, as text.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, as for call.

        Returns:
            The rows.

        Raises:
            psycopg.Error: When the call is refused.
        """
        json_names = _json_arguments(rpc)
        values = {
            name: _encoded(value) if name in json_names else value
            for name, value in arguments.items()
        }
        claims = json.dumps({"sub": self.user_id}) if self.user_id else ""
        with self.connection.transaction():
            self._become(self.role, claims)
            found = self.connection.execute(_statement(rpc, tuple(arguments)), values).fetchall()
            self._become("none", "")  # settings made in a savepoint outlive it
        return [text for (text,) in found]

    def attempt(self, rpc: LiteralString, **arguments: object) -> Outcome:
        """Call an RPC that may refuse, and return what came of it.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, as for call.

        Returns:
            The answer or the refusal.

        Raises:
            psycopg.Error: When the call fails other than by a refusal of the RPC.
        """
        try:
            return Outcome(self.call(rpc, **arguments))
        except psycopg.Error as error:
            outcome = refused(error)
            assert outcome.sqlstate in _documented_sqlstates(rpc), (rpc, outcome)
            return outcome

    def refusal(self, rpc: LiteralString, **arguments: object) -> Outcome:
        """Call an RPC that must refuse, and return what it says.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, as for call.

        Returns:
            The refusal.

        Raises:
            AssertionError: When the call succeeds.
        """
        outcome = self.attempt(rpc, **arguments)
        assert outcome.sqlstate, outcome.answer
        return outcome

    def _become(self, role: str, claims: str) -> None:
        self.connection.execute(
            "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            [role, claims],
        )


@cache
def _statement(rpc: LiteralString, names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL("SELECT ticketing.{}({})::text").format(
        sql.Identifier(rpc),
        sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in names
        ),
    )


@cache
def _json_arguments(rpc: str) -> frozenset[str]:
    """Return the arguments of an RPC that are jsonb, by docs/schemas/openapi.json."""
    operation = openapi()["paths"][f"/rpc/{rpc}"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    return frozenset(
        name
        for name, schema in body["properties"].items()
        if any("$ref" in each for each in schema.get("anyOf", [schema]))
    )


@cache
def _documented_sqlstates(rpc: str) -> frozenset[str]:
    """Return the SQLSTATEs that the comment of an RPC lists."""
    description = openapi()["paths"][f"/rpc/{rpc}"]["post"]["description"]
    return frozenset(re.findall(r"^- `(\w{5})` ", description, re.MULTILINE))


def _encoded(value: object) -> str | None:
    if value is None:
        return None
    return "null" if value is JSON_NULL else dumps(value)


def dumps(value: object) -> str:
    """Write JSON. Like a browser, send amounts as the floats that JSON numbers are there."""
    return json.dumps(value, default=_plain)


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case Mapping():
            return dict(value)
        case Iterator():
            return list(value)
        case _:
            return str(value)


# Who calls


def service(connection: Connection) -> Caller:
    """Return a back end that calls over this connection."""
    return Caller(connection, "service_role")


def owner(connection: Connection) -> Caller:
    """Return the user of the wizard, calling over this connection."""
    return Caller(connection, "authenticated", OWNER)


def stranger(connection: Connection) -> Caller:
    """Return a user who owns nothing, calling over this connection."""
    return Caller(connection, "authenticated", STRANGER)


def anonymous(connection: Connection) -> Caller:
    """Return a visitor, calling over this connection."""
    return Caller(connection, "anon")


def staff(connection: Connection) -> Caller:
    """Return a member of staff of the organisation, calling over this connection."""
    connection.execute(
        """
        INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
        VALUES (%s, %s, 'staff') ON CONFLICT DO NOTHING
        """,
        [ORGANISATION, STAFF],
    )
    return Caller(connection, "authenticated", STAFF)
