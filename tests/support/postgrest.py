"""PostgREST 12 and later as PostgreSQL sees it: which function a request means, and what is sent.

No PostgREST runs here. A request becomes what PostgREST makes of it: one transaction with the role,
the claims and the request in settings, and one statement around the call. What real clients call,
typescript/tests/support/postgrest.js, sends the same statements.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Connection: TypeAlias = psycopg.Connection[Any]

NO_SUCH_FUNCTION = "PGRST202"
"""What PostgREST answers by itself when no function takes the arguments that were sent."""


@dataclass(frozen=True)
class Routine:
    """A function that can be called over HTTP.

    Attributes:
        name: Its name.
        types: The type of every parameter, by name.
        required: The parameters without a default.
        is_volatile: Whether it may write.
        is_table: Whether it returns rows rather than one value.
        roles: The roles of requests that may execute it.
    """

    name: str
    types: Mapping[str, str]
    required: frozenset[str]
    is_volatile: bool
    is_table: bool
    roles: frozenset[str]

    def takes(self, keys: frozenset[str]) -> bool:
        """Return whether a request with exactly these arguments means this function."""
        return self.required <= keys <= self.types.keys()


@dataclass(frozen=True)
class Reply:
    """What a request comes to.

    Attributes:
        code: The code of the error; None when there is none.
        text: The body, which may be more than Python can read.
        status: The HTTP status.
        headers: The headers that the error has set.
    """

    code: str | None
    text: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        """The JSON document in the body."""
        return json.loads(self.text)

    @property
    def issues(self) -> list[tuple[str, str]]:
        """The (code, path) of every issue of a refusal, sorted."""
        listed = json.loads(self.body["details"])["issues"]
        return sorted((issue["code"], issue["path"]) for issue in listed)


@dataclass(frozen=True)
class Person:
    """A sender of requests.

    Attributes:
        role: The database role that the token names: anon, authenticated or service_role.
        user_id: The sub claim of the token; None for a token without one.
    """

    role: str
    user_id: str | None = None

    @property
    def claims(self) -> str:
        """The claims of the token as PostgREST passes them on."""
        sub = {"sub": self.user_id} if self.user_id else {}
        return json.dumps({"aud": "authenticated", **sub, "role": self.role})


STATUSES: Mapping[str, int] = {
    r"08|53(?!400)|57P01": 503,
    r"09|25(?!006)|2D|38|39|3B|40|53400|54|55|57|58|F0|HV|P0(?!001)|XX": 500,
    r"0L|0P|28": 403,
    r"23503|23505": 409,
    r"25006": 405,
    r"42883|42P01": 404,
}
"""PostgREST's status of each SQLSTATE by its beginning: the first that fits, else 400."""


def status_of(sqlstate: str, role: str) -> int:
    """Return the status that PostgREST gives an error to a sender of this role."""
    if sqlstate == "42501":
        return 401 if role == "anon" else 403
    return next((each for of, each in STATUSES.items() if re.match(of, sqlstate)), 400)


class Raw(str):
    """A value whose JSON text is to be sent as it is."""

    __slots__ = ()


def body_of(arguments: Mapping[str, object]) -> str:
    """Return the body of a request with these arguments."""
    texts = (
        f"{json.dumps(name)}: {value if isinstance(value, Raw) else json.dumps(value)}"
        for name, value in arguments.items()
    )
    return "{" + ", ".join(texts) + "}"


class PostgREST:
    """Sends requests of any role over a superuser's connection."""

    def __init__(
        self, connection: Connection, schema: str = "ticketing", *, is_kept: bool = False
    ) -> None:
        """Read the functions of the exposed schema, as PostgREST does when it starts.

        Args:
            connection: To the database. A running transaction is joined.
            schema: The exposed schema.
            is_kept: Whether what requests write stays; else each of them is rolled back.
        """
        self.connection = connection
        self._schema = schema
        self._is_kept = is_kept
        with connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(
                """
                SELECT proname, coalesce(proargnames[:pronargs], '{}') AS names,
                    array(
                        SELECT format_type(type, NULL)
                        FROM unnest(proargtypes) WITH ORDINALITY AS argument (type, position)
                        ORDER BY position
                    ) AS types,
                    pronargs - pronargdefaults AS required, provolatile, proretset,
                    array(
                        SELECT role FROM unnest(%s::text[]) AS role
                        WHERE has_function_privilege(role, pg_proc.oid, 'EXECUTE')
                    ) AS roles
                FROM pg_proc WHERE pronamespace = %s::regnamespace
                ORDER BY proname
                """,
                [["anon", "authenticated", "service_role"], schema],
            ).fetchall()
        self.routines = [
            Routine(
                name=row["proname"],
                types=dict(zip(row["names"], row["types"], strict=True)),
                required=frozenset(row["names"][: row["required"]]),
                is_volatile=row["provolatile"] == "v",
                is_table=row["proretset"],
                roles=frozenset(row["roles"]),
            )
            for row in found
        ]

    def find(self, name: str, keys: frozenset[str]) -> Routine | None:
        """Return the function that a request with these arguments means, if there is one."""
        means = [each for each in self.routines if each.name == name and each.takes(keys)]
        assert len(means) <= 1, "PostgREST cannot tell overloaded functions apart"
        return means[0] if means else None

    def post(self, person: Person, name: str, arguments: Mapping[str, object]) -> Reply:
        """Send the arguments as the JSON object in the body of a request.

        Args:
            person: The sender.
            name: The function.
            arguments: The object; a Raw one of them is sent as it is.

        Returns:
            What comes back.
        """
        with self.posted(person, name, arguments) as reply:
            return reply

    @contextmanager
    def posted(self, person: Person, name: str, arguments: Mapping[str, object]) -> Iterator[Reply]:
        """Do the same as `post`, and look at what the request has done before it is taken back."""
        routine = self.find(name, frozenset(arguments))
        if routine is None:
            yield Reply(NO_SUCH_FUNCTION, json.dumps({"code": NO_SUCH_FUNCTION}), 404)
            return
        names = [each for each in routine.types if each in arguments]
        statement = self.post_statement(routine, names)
        values = {"body": body_of(arguments)}
        with self._sent(person, routine, "POST", statement, values) as reply:
            yield reply

    def arrival(self, name: str, arguments: Mapping[str, object]) -> str | None:
        """Return the code of what keeps the arguments of a request from reaching any function."""
        routine = self.find(name, frozenset(arguments))
        assert routine is not None
        source = _arguments(routine, [each for each in routine.types if each in arguments])
        statement = sql.SQL("SELECT pgrst_body IS NULL {}").format(source)
        try:
            with self.connection.transaction():
                self.connection.execute(statement, {"body": body_of(arguments)})
        except psycopg.Error as error:
            return error.sqlstate
        return None

    def get(self, person: Person, name: str, query: Mapping[str, object]) -> Reply:
        """Send the arguments in the query string, as the text that they are there.

        Args:
            person: The sender.
            name: The function.
            query: The arguments; what is not a text yet becomes JSON.

        Returns:
            What comes back.
        """
        routine = self.find(name, frozenset(query))
        if routine is None:
            return Reply(NO_SUCH_FUNCTION, json.dumps({"code": NO_SUCH_FUNCTION}), 404)
        statement = self.get_statement(routine, query)
        values = {
            each: value if isinstance(value, str) else json.dumps(value)
            for each, value in query.items()
        }
        with self._sent(person, routine, "GET", statement, values) as reply:
            return reply

    def post_statement(self, routine: Routine, names: Sequence[str]) -> sql.Composed:
        """Return the statement of a request with these arguments in its body, in their order."""
        call = sql.SQL("{}({})").format(
            sql.Identifier(self._schema, routine.name),
            sql.SQL(", ").join(
                sql.SQL("{0} := pgrst_body.{0}").format(sql.Identifier(each)) for each in names
            ),
        )
        source: sql.Composable = sql.SQL("FROM ")
        if names:
            source = sql.SQL("{}, LATERAL ").format(_arguments(routine, names))
        return _statement(routine, source, call)

    def get_statement(self, routine: Routine, names: Iterable[str]) -> sql.Composed:
        """Return the statement of a request with these arguments in its query string."""
        call = sql.SQL("{}({})").format(
            sql.Identifier(self._schema, routine.name),
            sql.SQL(", ").join(
                sql.SQL("{} := {}::{}").format(
                    sql.Identifier(each), sql.Placeholder(each), _type(routine.types[each])
                )
                for each in names
            ),
        )
        return _statement(routine, sql.SQL("FROM "), call)

    @contextmanager
    def _sent(
        self,
        person: Person,
        routine: Routine,
        method: Literal["GET", "POST"],
        statement: sql.Composed,
        values: Mapping[str, str],
    ) -> Iterator[Reply]:
        settings = {
            "search_path": f'"{self._schema}", "public"',
            "role": person.role,
            "request.jwt.claims": person.claims,
            "request.method": method,
            "request.path": f"/rpc/{routine.name}",
            "request.headers": json.dumps({"accept": "*/*", "content-profile": self._schema}),
            "request.cookies": "{}",
        }
        with self.connection.transaction(force_rollback=not self._is_kept):
            # functions that do not write get transactions that cannot, whichever the method
            if method == "GET" or not routine.is_volatile:
                self.connection.execute("SET LOCAL transaction_read_only = on")
            self.connection.execute(
                "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[])"
                " AS setting (name, value)",
                [list(settings), list(settings.values())],
            )
            reply = self._run(statement, values, person.role)
            self.connection.execute("RESET ROLE")
            yield reply

    def _run(self, statement: sql.Composed, values: Mapping[str, str], role: str) -> Reply:
        try:
            with self.connection.transaction():
                row = self.connection.execute(statement, values).fetchone()
        except psycopg.Error as error:
            if error.sqlstate == "PGRST":  # the function decides
                body = json.loads(error.diag.message_primary or "")
                response = json.loads(error.diag.message_detail or "")
                assert set(body) == {"code", "message", "details", "hint"}
                assert set(response) == {"status", "headers"}
                return Reply(body["code"], json.dumps(body), **response)
            body = {
                "code": error.sqlstate,
                "message": error.diag.message_primary,
                "details": error.diag.message_detail,
                "hint": error.diag.message_hint,
            }
            status = status_of(error.sqlstate or "", role)
            return Reply(error.sqlstate, json.dumps(body), status)
        assert row is not None
        *_, text, headers, status = row
        assert (headers, status) == (None, None), "no RPC may set the headers of the response"
        return Reply(None, text)


def _type(name: str) -> sql.SQL:
    """Return the name of a type, which has come from the server, to stand in a statement."""
    return sql.SQL(name)


def _arguments(routine: Routine, names: Iterable[str]) -> sql.Composed:
    """Return the clause that reads these arguments of a routine from the body of a request."""
    return sql.SQL(
        """
        FROM (SELECT {}::json AS json_data) pgrst_payload,
            LATERAL (
                SELECT {} FROM json_to_record(pgrst_payload.json_data) AS _({})
            ) pgrst_body
        """
    ).format(
        sql.Placeholder("body"),
        sql.SQL(", ").join(sql.Identifier(each) for each in names),
        sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(each), _type(routine.types[each]))
            for each in names
        ),
    )


def _statement(routine: Routine, source: sql.Composable, call: sql.Composable) -> sql.Composed:
    """Return the statement that calls a routine with arguments from a source."""
    if routine.is_table:
        called = sql.SQL("SELECT * {}{} pgrst_call").format(source, call)
        body = sql.SQL("coalesce(json_agg(_postgrest_t), '[]')")
    else:
        called = sql.SQL(
            "SELECT pgrst_call.pgrst_scalar {}(SELECT {} pgrst_scalar) pgrst_call"
        ).format(source, call)
        body = sql.SQL("coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null')")
    return sql.SQL(
        """
        WITH pgrst_source AS ({})
        SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total,
            {}::text AS body,
            nullif(current_setting('response.headers', true), '') AS response_headers,
            nullif(current_setting('response.status', true), '') AS response_status
        FROM (SELECT {}.* FROM pgrst_source AS {}) _postgrest_t
        """
    ).format(called, body, sql.Identifier(routine.name), sql.Identifier(routine.name))
