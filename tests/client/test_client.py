"""The executors: transactions, identities, refusals and retries; then every RPC end to end.

What the executors do is tested on small functions that do one thing each; the RPCs come last.
"""

import asyncio
import dataclasses
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from ticketing_client import (
    AsyncClient,
    Client,
    CreateAnswer,
    FunctionNotFound,
    InvalidPayload,
    NotAllowed,
    NotConfigured,
    NotSignedIn,
    PaymentConflict,
    RegistrationNotEditable,
    RegistrationNotFound,
    RevisionConflict,
    SelectionInvalid,
    SoldOut,
    TicketingError,
    TicketSelections,
    TransientError,
)
from ticketing_client._call import Argument
from ticketing_client.calls import Call
from ticketing_client.errors import RETRIES

Connection: TypeAlias = psycopg.Connection[Any]
Connect: TypeAlias = Callable[..., Connection]
Document: TypeAlias = dict[str, Any]

WALTER, INES = UUID(int=1), UUID(int=2)

# Functions instead of RPCs, each for one purpose. The sequence counts calls, undone ones too.
PROBES = """
CREATE TABLE ticketing.probe (id integer PRIMARY KEY, n integer NOT NULL);
INSERT INTO ticketing.probe VALUES (1, 0), (2, 0);
CREATE SEQUENCE ticketing.probe_attempts;

CREATE FUNCTION ticketing.probe_identity() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('role', current_setting('role'),
        'claims', coalesce(current_setting('request.jwt.claims', true), ''))
$$;

CREATE FUNCTION ticketing.probe_add(p_id integer) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('ticketing.probe_attempts');
    UPDATE ticketing.probe SET n = n + 1 WHERE id = p_id;
    RETURN jsonb_build_object('n', (SELECT n FROM ticketing.probe WHERE id = p_id));
END
$$;

-- takes row 1, then waits at a gate (an advisory lock), then takes row 2
CREATE FUNCTION ticketing.probe_cross() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('ticketing.probe_attempts');
    UPDATE ticketing.probe SET n = n + 1 WHERE id = 1;
    PERFORM pg_advisory_xact_lock(1);
    UPDATE ticketing.probe SET n = n + 1 WHERE id = 2;
    RETURN jsonb_build_object('n', (SELECT n FROM ticketing.probe WHERE id = 2));
END
$$;

CREATE FUNCTION ticketing.probe_refusal(p_sqlstate text, p_detail text) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('ticketing.probe_attempts');
    UPDATE ticketing.probe SET n = -1;
    RAISE 'Refused' USING ERRCODE = p_sqlstate, DETAIL = p_detail, HINT = 'Do better.';
END
$$;

CREATE FUNCTION ticketing.probe_sleep() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('ticketing.probe_attempts');
    PERFORM pg_sleep(600);
    RETURN '{}';
END
$$;

GRANT SELECT, UPDATE ON ticketing.probe TO authenticated;
GRANT USAGE ON ticketing.probe_attempts TO authenticated;
"""

# waits at the gate, then needs a function whose arguments an upgrade changes
UPGRADED = """
CREATE FUNCTION ticketing.probe_part({old}) RETURNS integer RETURN 7;

CREATE OR REPLACE FUNCTION ticketing.probe_upgraded() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('ticketing.probe_attempts');
    PERFORM pg_advisory_xact_lock(1);
    RETURN jsonb_build_object('n', ticketing.probe_part({new}));
END
$$;
"""


@dataclass(frozen=True)
class Who:
    role: str
    claims: str


@dataclass(frozen=True)
class Count:
    n: int


WHO = Call("probe_identity", (), Who)
NO_IDENTITY = Who("none", "")
ADD = Call("probe_add", (Argument("p_id", "integer", 1),), Count)
CROSS = Call("probe_cross", (), Count)
SLEEP = Call("probe_sleep", (), Count)


def user(user_id: UUID) -> Who:
    return Who("authenticated", json.dumps({"sub": str(user_id)}))


def refusal(sqlstate: str, detail: str = "") -> Call[Count]:
    return Call(
        "probe_refusal",
        (Argument("p_sqlstate", "text", sqlstate), Argument("p_detail", "text", detail)),
        Count,
    )


def identity(connection: Connection) -> Who:
    row = connection.execute(
        "SELECT current_setting('role'), coalesce(current_setting('request.jwt.claims', true), '')"
    ).fetchone()
    assert row is not None
    return Who(*row)


def count(connection: Connection, query: Any = "SELECT n FROM ticketing.probe WHERE id = 1") -> int:  # noqa: ANN401
    row = connection.execute(query).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def attempts(connection: Connection) -> int:
    return count(
        connection,
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ticketing.probe_attempts",
    )


def wait_until_blocked(observer: Connection, number: int = 1) -> None:
    """Return once so many sessions of the database wait for a lock."""
    deadline = time.monotonic() + 30
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
    """
    while count(observer, query) < number:
        assert time.monotonic() < deadline, "no session was blocked"
        time.sleep(0.005)


@pytest.fixture
def probed(db: Connection) -> Connection:
    """A connection in a transaction that is rolled back, with the probes."""
    db.execute(PROBES)
    return db


@pytest.fixture
def probed_url(database_url: str) -> str:
    """The URL of a database of this test's own, with the probes."""
    with psycopg.connect(database_url) as connection:
        connection.execute(PROBES)
    return database_url


@pytest.fixture
def observer(probed_url: str, connect: Connect) -> Connection:
    """A connection to the same database that sees what is committed."""
    assert probed_url
    return connect(autocommit=True)


@pytest.fixture
def pool(probed_url: str) -> Iterator[ConnectionPool]:
    """A pool of one connection, so that every borrower gets the same one."""
    with ConnectionPool(probed_url, min_size=1, max_size=1, open=True) as opened:
        yield opened


# Refusals


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("TK001", InvalidPayload),
        ("TK002", RegistrationNotFound),
        ("TK003", RegistrationNotEditable),
        ("TK004", SelectionInvalid),
        ("TK005", SoldOut),
        ("TK006", RevisionConflict),
        ("TK007", PaymentConflict),
        ("TK008", FunctionNotFound),
        ("42501", NotAllowed),
        ("40001", TransientError),
        ("40P01", TransientError),
        ("55P03", TransientError),
        ("57014", TransientError),
    ],
)
def test_client_raises_one_exception_per_sqlstate(
    probed: Connection, sqlstate: str, expected: type[TicketingError]
) -> None:
    issues = [
        {"code": "c", "path": "p_tickets[0]", "message": "Wrong.", "attendee_id": str(WALTER)},
        {"code": "d", "path": "p_tickets[1]", "message": "Wrong too."},
    ]
    detail = json.dumps({"issues": issues, "issues_total": 7})
    with pytest.raises(expected) as raised:
        Client(probed).execute(refusal(sqlstate, detail))
    error = raised.value
    assert type(error) is expected
    assert (error.message, error.sqlstate, error.hint) == ("Refused", sqlstate, "Do better.")
    assert [issue.code for issue in error.issues] == ["c", "d"]
    assert error.issues[0].attendee_id == str(WALTER)
    assert error.issues_total == 7
    assert isinstance(error.__cause__, psycopg.Error)


@pytest.mark.parametrize("detail", ["", "prose", "[]", '{"issues": 1}', '{"issues": [1]}', "null"])
def test_client_error_without_details_has_no_issues(probed: Connection, detail: str) -> None:
    with pytest.raises(TransientError) as raised:
        Client(probed).execute(refusal("57014", detail))
    assert (raised.value.issues, raised.value.issues_total) == ((), 0)


def test_revision_conflict_has_stored_revision(probed: Connection) -> None:
    issue = {"code": "revision_conflict", "path": "p", "message": "m", "expected": 3, "actual": 4}
    with pytest.raises(RevisionConflict) as raised:
        Client(probed).execute(refusal("TK006", json.dumps({"issues": [issue]})))
    assert raised.value.current_revision == 4
    with pytest.raises(RevisionConflict) as raised:
        Client(probed).execute(refusal("TK006"))
    assert raised.value.current_revision is None


def test_client_passes_other_errors_unchanged(probed: Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        Client(probed).execute(refusal("22012"))
    with pytest.raises(psycopg.errors.InternalError_):
        Client(probed).execute(refusal("XX000"))


def test_client_undoes_refused_call_within_joined_transaction(probed: Connection) -> None:
    client = Client(probed)
    client.execute(ADD)
    with pytest.raises(SoldOut):
        client.execute(refusal("TK005"))
    assert client.execute(ADD) == Count(2)


# Whose transaction it is


def test_client_joins_running_transaction(
    probed_url: str, connect: Connect, observer: Connection
) -> None:
    assert probed_url
    connection = connect()
    for commits in (True, False):
        before = count(observer)
        connection.execute("SELECT 1")  # psycopg has begun a transaction
        Client(connection).execute(ADD)
        assert count(observer) == before
        if commits:
            connection.commit()
        else:
            connection.rollback()
        assert count(observer) == before + commits


def test_client_joins_transaction_block(observer: Connection, connect: Connect) -> None:
    connection = connect(autocommit=True)
    with connection.transaction(force_rollback=True):
        assert Client(connection).execute(ADD) == Count(1)
    assert count(observer) == 0


@pytest.mark.parametrize("autocommit", [False, True])
def test_client_commits_each_call_on_idle_connection(
    observer: Connection, connect: Connect, autocommit: bool
) -> None:
    connection = connect(autocommit=autocommit)
    client = Client(connection)
    client.execute(ADD)
    assert count(observer) == 1
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with pytest.raises(SoldOut):
        client.execute(refusal("TK005"))
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert count(observer) == 1


def test_client_leaves_given_connection_open(probed: Connection) -> None:
    with Client(probed) as client:
        client.execute(WHO)
    assert not probed.closed


def test_client_borrows_pooled_connection_per_call(
    pool: ConnectionPool, observer: Connection
) -> None:
    with Client(pool) as client:
        client.execute(ADD)
        client.execute(ADD)
        with pytest.raises(SoldOut):
            client.execute(refusal("TK005"))
    assert count(observer) == 2
    assert not pool.closed
    with pool.connection(timeout=1) as connection:
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_client_with_url_owns_its_connection(probed_url: str, observer: Connection) -> None:
    with Client(probed_url) as client:
        client.execute(ADD)
        with client.as_user(WALTER) as derived:
            derived.execute(ADD)
        client.execute(ADD)  # closing the derived one has closed nothing
        assert count(observer) == 3
    with pytest.raises(psycopg.OperationalError, match="closed"):
        client.execute(ADD)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_client_refuses_source_of_another_kind(client: Any) -> None:  # noqa: ANN401 - either
    with pytest.raises(TypeError, match=r"needs a psycopg\.\w+, .* not a object"):
        client(object())


def test_client_ignores_row_factory_and_loaders_of_connection(
    probed_url: str, connect: Connect
) -> None:
    assert probed_url
    connection = connect(row_factory=dict_row, cursor_factory=psycopg.RawCursor)
    set_json_loads(str, connection)
    assert Client(connection).as_user(WALTER).execute(ADD) == Count(1)


# For whom


def test_as_user_sets_role_and_claims(probed: Connection) -> None:
    client = Client(probed)
    assert client.as_user(WALTER).execute(WHO) == user(WALTER)
    assert client.as_user(str(WALTER)).execute(WHO) == user(WALTER)
    claims = {"sub": str(INES), "role": "authenticated", "email": "ines.ashby@example.org"}
    assert client.as_user(claims).execute(WHO) == Who("authenticated", json.dumps(claims))
    assert client.as_user({}, role="anon").execute(WHO) == Who("anon", "{}")
    assert client.as_user(WALTER).as_user(INES).execute(WHO) == user(INES)
    assert client.execute(WHO) == NO_IDENTITY


def test_as_user_with_ungranted_role_is_refused(probed_url: str, connect: Connect) -> None:
    assert probed_url
    connection = connect()
    connection.execute("SET ROLE anon")
    connection.execute("SET SESSION AUTHORIZATION anon")
    connection.commit()
    with pytest.raises(NotConfigured, match="service_role"):
        Client(connection).as_user(WALTER, role="service_role").execute(WHO)


def test_not_configured_says_which_grant_to_run(probed_url: str, connect: Connect) -> None:
    assert probed_url
    connection = connect(autocommit=True)
    connection.execute('CREATE ROLE "web app" LOGIN; CREATE ROLE customer')
    connection.execute("REVOKE EXECUTE ON FUNCTION ticketing.probe_identity FROM public")
    connection.execute(
        "GRANT EXECUTE ON FUNCTION ticketing.probe_identity TO authenticated, service_role"
    )
    try:
        with closing(connect(user="web app", autocommit=True)) as app:
            client = Client(app)
            for caller, grants in (
                (client, ["service_role"]),
                (client.as_user(WALTER), ["authenticated"]),
                (client.as_user(WALTER, role="customer"), ["customer", "authenticated"]),
            ):
                for _ in grants:  # each refusal says what to run until it works
                    with pytest.raises(NotConfigured) as raised:
                        caller.execute(WHO)
                    error = raised.value
                    assert error.hint
                    assert error.http_status == 500
                    assert error.hint not in json.dumps(error.to_problem())
                    connection.execute(error.hint.encode())
                assert caller.execute(WHO)
    finally:
        connection.execute('DROP ROLE "web app", customer')


def test_not_allowed_is_raised_for_calls_that_users_never_make(db: Connection) -> None:
    """PostgreSQL itself refuses these, as users have no EXECUTE on them."""
    for role in ("anon", "authenticated"):
        with pytest.raises(NotAllowed) as raised:
            Client(db).as_user(WALTER, role=role).release_expired_holds()
        assert raised.value.http_status == 403


SUBS: list[Any] = [
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "WEQ0d0hKzCWZcUbGyR4ALgOqIy23",
    4711,
    "user_2NNEqL2nrI",
]


@pytest.mark.parametrize("sub", SUBS)
def test_as_user_takes_the_claims_of_any_identity_provider(
    event_db: Connection,
    wizard_state: Document,
    sub: Any,  # noqa: ANN401 - JSON
) -> None:
    service = Client(event_db)
    user = service.as_user({"sub": sub, "iss": "https://shop.example/"})
    created = user.create_individual_registration_jsonb(wizard_state["registration"])
    assert user.get_registration(created.registration_id).status == "draft"
    user_id = service.user_id(str(sub), "https://shop.example/").user_id
    found = event_db.execute("SELECT owner_id FROM ticketing.registrations").fetchall()
    assert [str(owner_id) for (owner_id,) in found] == [user_id]
    others = [{"sub": sub}, {"sub": sub, "iss": "https://shop.example"}, {"sub": user_id}]
    for claims in others:  # also a token with the derived id in it is of another user
        with pytest.raises(RegistrationNotFound):
            service.as_user(claims).get_registration(created.registration_id)
    with pytest.raises(ValueError, match="pass the claims of that token"):
        service.as_user(user_id)


@pytest.mark.parametrize(
    ("sub", "iss", "user_id"),
    [
        # as docs/http.md says: any client can compute it
        ("auth0|5f7c8ec7c33c6c004bbafe82", "https://shop.example/", None),
        ("4711", None, None),
        ("Zoë", "", None),
        (str(UUID(int=8 << 76)), None, None),
        (str(INES), "https://shop.example/", str(INES)),
        (INES.hex, None, str(INES)),
    ],
)
def test_user_id_is_what_the_documentation_says(
    db: Connection, sub: str, iss: str | None, user_id: str | None
) -> None:
    digest = hashlib.sha256(f"{iss or ''}\0{sub}".encode()).digest()[:16]
    number = int.from_bytes(digest) & ~(0xF << 76) & ~(3 << 62) | 8 << 76 | 2 << 62
    assert Client(db).user_id(sub, iss).user_id == (user_id or str(UUID(int=number)))


# Over HTTP


def test_http_status_is_that_of_the_database(probed: Connection) -> None:
    problems = probed.execute("SELECT * FROM ticketing_internal.http_problems()").fetchall()
    assert {row[2] for row in problems} == {400, 401, 403, 404, 409, 422, 503}
    for sqlstate, name, status, headers, title in problems:
        issues = [{"code": name, "path": "p_tickets", "message": "Wrong."}]
        with pytest.raises(TicketingError) as raised:
            Client(probed).execute(refusal(sqlstate, json.dumps({"issues": issues})))
        error = raised.value
        assert (error.http_status, error.http_headers) == (status, headers)
        problem = error.to_problem()
        assert (problem["status"], problem["title"]) == (status, title)
        assert problem["type"] == f"urn:ticketing-sql:problem:{name}"


def test_overtaken_call_is_worth_repeating_over_http() -> None:
    for sqlstate in ("42883", "42704", "42846", "XX000"):
        assert TransientError("overtaken", sqlstate).http_status == 503


def test_to_problem_is_json_with_the_issues_of_the_database(
    client: Client, created: CreateAnswer, catalogue: Document
) -> None:
    attendee, ceremony = created.attendees[0].attendee_id, catalogue["ticket_types"][2]
    ticket = {
        "attendee_id": attendee,
        "event_id": ceremony["event_id"],
        "ticket_type_id": ceremony["ticket_type_id"],
        "price_paid": Decimal("19.99"),
    }
    with pytest.raises(SelectionInvalid) as raised:
        client.persist_attendee_tickets(created.registration_id, [ticket])
    error = raised.value
    assert isinstance(error.__cause__, psycopg.Error)
    detail = json.loads(error.__cause__.diag.message_detail or "")
    assert json.loads(json.dumps(error.to_problem())) == {
        "type": "urn:ticketing-sql:problem:selection_invalid",
        "title": "The request breaks a rule",
        "status": 422,
        "detail": error.message,
        "code": "TK004",
        "hint": error.hint,
        **detail,
    }
    assert detail["issues"][0]["actual"] == 19.99


@pytest.mark.parametrize(
    "before",
    [
        "SELECT 1",
        'SET LOCAL ROLE anon; SET LOCAL request.jwt.claims = \'{"sub": "x"}\'',
        'SET ROLE anon; SET request.jwt.claims = \'{"sub": "y"}\'',
    ],
)
@pytest.mark.parametrize("refused", [False, True])
def test_as_user_restores_identity_of_joined_transaction(
    observer: Connection, connect: Connect, before: str, refused: bool
) -> None:
    assert observer
    connection = connect()
    for statement in before.split("; "):
        connection.execute(statement.encode())
    mine = identity(connection)
    client = Client(connection).as_user(WALTER)
    if refused:
        with pytest.raises(SoldOut):
            client.execute(refusal("TK005"))
    else:
        assert client.execute(WHO) == user(WALTER)
    assert identity(connection) == mine
    connection.commit()
    assert identity(connection) == (mine if "LOCAL" not in before else NO_IDENTITY)


def test_as_user_keeps_identity_of_session(observer: Connection, connect: Connect) -> None:
    assert observer
    connection = connect(autocommit=True)
    connection.execute("SET ROLE anon")
    assert Client(connection).as_user(WALTER).execute(WHO) == user(WALTER)
    assert identity(connection) == Who("anon", "")


def test_as_user_leaves_no_identity_to_next_borrower(pool: ConnectionPool) -> None:
    client = Client(pool)
    walter = client.as_user(WALTER)
    for _ in range(7):  # the same statements are prepared after five
        assert walter.execute(WHO) == user(WALTER)
        assert client.execute(WHO) == NO_IDENTITY
        with pytest.raises(SoldOut):
            walter.execute(refusal("TK005"))
        assert client.execute(WHO) == NO_IDENTITY
    with pool.connection() as connection:
        assert identity(connection) == NO_IDENTITY


def test_as_user_leaves_no_identity_after_cancelled_call(
    pool: ConnectionPool, observer: Connection
) -> None:
    with ThreadPoolExecutor() as executor:
        sleeping = executor.submit(Client(pool).as_user(WALTER).execute, SLEEP)
        deadline = time.monotonic() + 30
        while not count(
            observer,
            """
            SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'
            """,
        ):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        with pytest.raises(TransientError) as raised:
            sleeping.result()
    assert raised.value.sqlstate == "57014"
    assert attempts(observer) == 1
    assert Client(pool).execute(WHO) == NO_IDENTITY


def test_as_user_keeps_threads_of_one_connection_apart(probed_url: str) -> None:
    with closing(Client(probed_url)) as client, ThreadPoolExecutor(8) as executor:
        start = threading.Barrier(8)

        def ask(number: int) -> bool:
            start.wait()
            user_id = UUID(int=number)
            mine = client.as_user(user_id)
            return all(mine.execute(WHO) == user(user_id) for _ in range(20))

        assert all(executor.map(ask, range(8)))


# Repeating


def test_client_repeats_serialization_failure(
    observer: Connection, connect: Connect, pool: ConnectionPool
) -> None:
    rival = connect()
    rival.execute("UPDATE ticketing.probe SET n = n + 1 WHERE id = 1")
    with pool.connection() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with ThreadPoolExecutor() as executor:
        call = executor.submit(Client(pool).execute, ADD)
        wait_until_blocked(observer)
        rival.commit()  # the snapshot of the call is older than this
        assert call.result() == Count(2)
    assert attempts(observer) == 2


def test_client_repeats_deadlock(observer: Connection, connect: Connect) -> None:
    # only the client looks for deadlocks, so it is always the one that loses
    patient, quick = "-c deadlock_timeout=60s", "-c deadlock_timeout=10ms"
    gatekeeper, rival = connect(), connect(options=patient)
    gatekeeper.execute("SELECT pg_advisory_xact_lock(1)")
    rival.execute("UPDATE ticketing.probe SET n = n + 1 WHERE id = 2")
    client = Client(connect(options=quick))
    with ThreadPoolExecutor() as executor:
        call = executor.submit(client.execute, CROSS)
        wait_until_blocked(observer)  # the client, at the gate
        move = executor.submit(rival.execute, "UPDATE ticketing.probe SET n = n + 1 WHERE id = 1")
        wait_until_blocked(observer, 2)  # the rival too, behind the client
        gatekeeper.commit()
        move.result()
        rival.commit()
        assert call.result() == Count(2)
    assert attempts(observer) == 2


def test_client_gives_up_after_five_attempts(observer: Connection, connect: Connect) -> None:
    with pytest.raises(TransientError) as raised:
        Client(connect()).execute(refusal("40001"))
    assert raised.value.sqlstate == "40001"
    assert attempts(observer) == 1 + RETRIES


def test_client_repeats_call_overtaken_by_upgrade(observer: Connection, connect: Connect) -> None:
    gatekeeper = connect()
    gatekeeper.execute("SELECT pg_advisory_xact_lock(1)")
    observer.execute(UPGRADED.format(old="", new=""))
    with ThreadPoolExecutor() as executor:
        call = executor.submit(Client(connect()).execute, Call("probe_upgraded", (), Count))
        wait_until_blocked(observer)
        observer.execute(
            "DROP FUNCTION ticketing.probe_part();" + UPGRADED.format(old="p_n integer", new="5")
        )
        gatekeeper.commit()
        assert call.result() == Count(7)
    assert attempts(observer) == 2


@pytest.mark.parametrize("sqlstate", ["42883", "42704"])
def test_client_raises_original_error_when_function_stays_missing(
    observer: Connection, connect: Connect, sqlstate: str
) -> None:
    with pytest.raises(psycopg.Error) as raised:
        Client(connect()).execute(refusal(sqlstate))
    assert raised.value.sqlstate == sqlstate
    assert attempts(observer) == 1 + RETRIES
    joined = connect()
    joined.execute("SELECT 1")
    with pytest.raises(TransientError):
        Client(joined).execute(refusal(sqlstate))
    assert attempts(observer) == 1 + RETRIES + 1


@pytest.mark.parametrize("sqlstate", ["55P03", "57014", "TK005"])
def test_client_does_not_repeat_refusals(
    observer: Connection, connect: Connect, sqlstate: str
) -> None:
    with pytest.raises(TicketingError):
        Client(connect()).execute(refusal(sqlstate))
    assert attempts(observer) == 1


def test_client_does_not_repeat_in_joined_transaction(
    observer: Connection, connect: Connect
) -> None:
    connection = connect()
    connection.execute("SELECT 1")
    with pytest.raises(TransientError):
        Client(connection).execute(refusal("40001"))
    assert attempts(observer) == 1


# asyncio


def test_async_client_does_the_same(probed_url: str, observer: Connection) -> None:
    async def main() -> None:
        async with AsyncConnectionPool(probed_url, min_size=1, max_size=1, open=False) as pool:
            client = AsyncClient(pool)
            assert await client.as_user(WALTER).execute(WHO) == user(WALTER)
            assert await client.execute(WHO) == NO_IDENTITY
            with pytest.raises(SoldOut):
                await client.as_user(WALTER).execute(refusal("TK005"))
            assert await client.execute(WHO) == NO_IDENTITY
            with pytest.raises(TransientError):
                await client.execute(refusal("40001"))
            with pytest.raises(psycopg.errors.UndefinedFunction):
                await client.execute(refusal("42883"))
            async with pool.connection() as connection:
                assert await AsyncClient(connection).execute(ADD) == Count(1)
                await connection.execute("SELECT 1")
                with pytest.raises(TransientError):
                    await AsyncClient(connection).execute(refusal("40001"))
                assert await AsyncClient(connection).as_user(WALTER).execute(ADD) == Count(2)
                assert await AsyncClient(connection).execute(WHO) == NO_IDENTITY
                await connection.rollback()

    asyncio.run(main())
    assert count(observer) == 1
    assert attempts(observer) == 1 + 2 * (1 + RETRIES) + 1 + 1 + 1


def test_async_client_with_url_owns_its_connection(probed_url: str, observer: Connection) -> None:
    async def main() -> None:
        async with AsyncClient(probed_url) as client:
            await client.execute(ADD)
            async with client.as_user(WALTER) as derived:
                await derived.execute(ADD)
            await asyncio.gather(client.execute(ADD), client.execute(ADD))
            assert count(observer) == 4
        with pytest.raises(psycopg.OperationalError, match="closed"):
            await client.execute(ADD)

        opened_by_its_first_call = AsyncClient(probed_url)
        assert await opened_by_its_first_call.execute(ADD) == Count(5)
        await opened_by_its_first_call.close()
        never_opened = AsyncClient(probed_url)
        await never_opened.close()
        with pytest.raises(psycopg.OperationalError, match="closed"):
            await never_opened.execute(ADD)

    asyncio.run(main())


def test_async_client_keeps_tasks_of_one_connection_apart(probed_url: str) -> None:
    async def main() -> list[Who]:
        async with await psycopg.AsyncConnection.connect(probed_url) as connection:
            client = AsyncClient(connection)
            users = [client.as_user(UUID(int=number)) for number in range(8)]
            return await asyncio.gather(*(one.execute(WHO) for one in users))

    assert asyncio.run(main()) == [user(UUID(int=number)) for number in range(8)]


def test_async_client_leaves_no_identity_after_cancelled_task(
    probed_url: str, observer: Connection
) -> None:
    async def main() -> Who:
        async with AsyncConnectionPool(probed_url, min_size=1, max_size=1, open=False) as pool:
            client = AsyncClient(pool)
            task = asyncio.create_task(client.as_user(WALTER).execute(SLEEP))
            async with asyncio.timeout(30):
                while not attempts(observer):  # noqa: ASYNC110 - only the database knows
                    await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await client.execute(WHO)

    assert asyncio.run(main()) == NO_IDENTITY


# The RPCs


@pytest.fixture
def client(db: Connection, catalogue: Document, wizard_state: Document) -> Client:
    """A client for the user of the wizard, on a database with the example event."""
    service = Client(db)
    service.import_catalogue(catalogue)
    return service.as_user(wizard_state["registration"]["authUserId"])


@pytest.fixture
def created(client: Client, wizard_state: Document) -> CreateAnswer:
    """The wizard's registration, without tickets."""
    return client.create_individual_registration_jsonb(wizard_state["registration"])


def test_client_calls_from_attendees_to_tickets(
    client: Client, created: CreateAnswer, catalogue: Document, wizard_state: Document
) -> None:
    assert created.status == "draft"
    assert created.confirmation_number is None
    assert len(created.attendees) == 4
    assert [attendee.name for attendee in created.attendees_without_tickets] == [
        "Walter Ashby",
        "Ines Ashby",
        "Tomas Reyes",
        "Harold Quill",
    ]
    selections = wizard_state["ticketSelections"]
    registration_id = created.registration_id

    quote = client.quote_ticket_selections(
        catalogue["function"]["function_id"], selections, registration_id=registration_id
    )
    assert (quote.valid, quote.issues) == (True, ())
    assert (len(quote.tickets), quote.subtotal, quote.currency) == (13, Decimal("735.00"), "AUD")

    persisted = client.persist_ticket_selections(
        registration_id, selections, expected_revision=created.revision
    )
    assert persisted.tickets_created == len(persisted.tickets) == 13
    assert persisted.attendees_without_tickets == ()
    assert persisted.subtotal == persisted.total == quote.subtotal
    assert sum(ticket.price_paid for ticket in persisted.tickets) == persisted.subtotal
    assert persisted.hold_expires_at is not None
    assert persisted.hold_expires_at > persisted.server_time

    again = client.persist_attendee_tickets(registration_id, quote.tickets)
    assert (again.tickets_created, again.tickets_removed, again.tickets_unchanged) == (0, 0, 13)
    assert again.revision == persisted.revision
    assert again.tickets == persisted.tickets

    walter, ines = (attendee.client_attendee_id for attendee in created.attendees[:2])
    changed = client.persist_ticket_selections(
        registration_id,
        TicketSelections().nothing(ines).ticket(walter, "d586ecc1-e410-4ef3-a59c-4a53a866bc33"),
    )
    assert (changed.tickets_created, changed.tickets_removed) == (1, 8)
    assert [attendee.name for attendee in changed.attendees_without_tickets] == ["Ines Ashby"]
    assert changed.revision == persisted.revision + 1


def test_get_registration_answer_can_be_sent_back(
    client: Client, created: CreateAnswer, wizard_state: Document
) -> None:
    client.persist_ticket_selections(created.registration_id, wizard_state["ticketSelections"])
    found = client.get_registration(created.registration_id)
    registration = json.loads(json.dumps(found.registration))  # by way of a browser
    selections = json.loads(json.dumps(found.ticket_selections))

    again = client.create_individual_registration_jsonb(registration)
    assert again.registration_id == created.registration_id
    assert again.revision == found.revision
    persisted = client.persist_ticket_selections(again.registration_id, selections)
    assert (persisted.tickets_created, persisted.tickets_removed) == (0, 0)
    persisted = client.persist_attendee_tickets(again.registration_id, found.tickets)
    assert (persisted.revision, persisted.tickets_unchanged) == (found.revision, 13)
    now = client.get_registration(created.registration_id)
    assert (
        dataclasses.replace(
            now, server_time=found.server_time, hold_expires_at=found.hold_expires_at
        )
        == found
    )


def test_create_with_tickets_by_client(client: Client, wizard_state: Document) -> None:
    registration = wizard_state["registration"] | {"registrationId": str(WALTER)}
    selections = wizard_state["ticketSelections"]
    quote = client.quote_ticket_selections(
        registration["functionId"],
        selections,
        attendees=[registration["primaryAttendee"], *registration["additionalAttendees"]],
        registration_type="individuals",
    )
    updates = [
        {"attendee_id": UUID(attendee), "selected_tickets": selection}
        for attendee, selection in selections.items()
    ]
    created = client.create_individual_registration_with_tickets(
        registration, quote.tickets, updates
    )
    assert (created.registration_id, created.tickets_created) == (str(WALTER), 13)
    updated = client.create_individual_registration_with_tickets(
        registration, quote.tickets, updates, expected_revision=created.revision
    )
    assert (updated.tickets, updated.revision) == (created.tickets, created.revision)


def test_client_calls_from_hold_to_refund(
    client: Client,
    created: CreateAnswer,
    db: Connection,
    catalogue: Document,
    wizard_state: Document,
) -> None:
    service, registration_id = Client(db), created.registration_id
    function_id = catalogue["function"]["function_id"]
    client.persist_ticket_selections(registration_id, wizard_state["ticketSelections"])

    visitor = client.as_user({}, role="anon").get_ticket_availability(function_id)
    own = client.get_ticket_availability(function_id, registration_id)
    assert own.ticket_types != visitor.ticket_types
    assert "on_sale" in {ticket_type.status for ticket_type in own.ticket_types}

    started = client.start_payment(registration_id)
    payment = {"reference": "p1", "amount": started.amount_due + 5, "surcharge_amount": 5}
    with pytest.raises(PaymentConflict) as conflict:
        service.complete_registration_payment(registration_id, payment | {"currency": "EUR"})
    assert [issue.path for issue in conflict.value.issues] == ["p_payment.currency"]
    payment["currency"] = started.currency
    with pytest.raises(NotAllowed):
        client.complete_registration_payment(registration_id, payment)
    paid = service.complete_registration_payment(registration_id, payment)
    assert paid.total == started.amount_due
    assert client.get_registration(registration_id).confirmation_number == paid.confirmation_number

    with pytest.raises(RegistrationNotEditable):
        client.cancel_registration(registration_id)
    cancelled = service.cancel_registration(registration_id, "The buyer is ill.")
    assert (cancelled.payment_status, cancelled.tickets_cancelled) == ("Paid", 13)
    assert client.get_ticket_availability(function_id).ticket_types == own.ticket_types

    refund = {"amount": paid.total, "currency": paid.currency}
    with pytest.raises(PaymentConflict):  # it is the payment's reference
        service.record_refund(registration_id, refund | {"reference": "p1"})
    refunded = service.record_refund(registration_id, refund | {"reference": "r1"})
    assert (refunded.payment_status, refunded.amount) == ("Refunded", paid.total)


def test_release_expired_holds_by_client(
    client: Client, created: CreateAnswer, db: Connection, wizard_state: Document
) -> None:
    service, registration_id = Client(db), created.registration_id
    client.persist_ticket_selections(registration_id, wizard_state["ticketSelections"])
    assert service.release_expired_holds().released == 0
    db.execute("UPDATE ticketing.registrations SET hold_expires_at = now() - interval '1 minute'")
    with pytest.raises(NotAllowed):
        client.release_expired_holds()
    assert service.release_expired_holds(limit=1).released == 1
    assert client.get_registration(registration_id).status == "expired"
    with pytest.raises(InvalidPayload):
        service.release_expired_holds(limit=0)


def test_client_calls_of_operators(client: Client, created: CreateAnswer, db: Connection) -> None:
    assert created.status == "draft"
    service = Client(db)
    db.execute("UPDATE ticketing.capacity_pools SET reserved = reserved + 1")
    (pools,) = db.execute("SELECT count(*) FROM ticketing.capacity_pools").fetchone() or (0,)
    problems = service.check_integrity()
    assert [problem.check_name for problem in problems] == ["pool_counters"] * pools
    assert service.repair_capacity().pools_repaired == pools
    assert service.check_integrity() == ()
    with pytest.raises(FunctionNotFound):
        service.repair_capacity(UUID(int=99))
    with pytest.raises(InvalidPayload):
        service.get_ticket_changes("not a cursor")
    for refused in (client.check_integrity, client.repair_capacity, client.get_ticket_changes):
        with pytest.raises(NotAllowed):
            refused()


def test_client_raises_refusals_of_rpcs(
    client: Client,
    created: CreateAnswer,
    db: Connection,
    catalogue: Document,
    wizard_state: Document,
) -> None:
    registration_id = created.registration_id
    attendee = created.attendees[0].attendee_id
    nowhere, ceremony = UUID(int=99), catalogue["ticket_types"][2]["ticket_type_id"]
    ticket = {
        "attendee_id": attendee,
        "event_id": catalogue["ticket_types"][2]["event_id"],
        "ticket_type_id": ceremony,
    }

    with pytest.raises(InvalidPayload) as invalid:
        client.persist_attendee_tickets(registration_id, [ticket | {"colour": "red"}])
    assert [issue.path for issue in invalid.value.issues] == ["p_tickets[0].colour"]

    with pytest.raises(RegistrationNotFound) as missing:
        client.get_registration(nowhere)
    with pytest.raises(RegistrationNotFound) as foreign:
        client.as_user(WALTER).get_registration(registration_id)
    assert str(foreign.value) == str(missing.value)

    with pytest.raises(SelectionInvalid) as wrong:
        client.persist_attendee_tickets(
            registration_id, [ticket | {"price_paid": Decimal("19.99")}], expected_revision=1
        )
    (issue,) = wrong.value.issues
    assert issue.path == "p_tickets[0].price_paid"
    assert issue.attendee_id == attendee
    assert (issue.expected, issue.actual) == (Decimal("20.00"), Decimal("19.99"))

    with pytest.raises(RevisionConflict) as conflict:
        client.persist_attendee_tickets(registration_id, [ticket], expected_revision=99)
    assert conflict.value.current_revision == created.revision

    # the service: an owner can hold fewer than there are
    with pytest.raises(SoldOut) as sold_out:
        Client(db).persist_ticket_selections(
            registration_id, TicketSelections().ticket(attendee, ceremony, 601)
        )
    (issue,) = sold_out.value.issues
    assert (issue.code, issue.requested, issue.available) == ("sold_out", 601, 600)
    assert issue.attendee_ids == (attendee,)

    with pytest.raises(FunctionNotFound):
        client.quote_ticket_selections(nowhere, {})

    with pytest.raises(NotSignedIn):
        client.as_user({}).create_individual_registration_jsonb(wizard_state["registration"])
    with pytest.raises(NotAllowed):
        client.import_catalogue(catalogue)

    db.execute("UPDATE ticketing.registrations SET status = 'cancelled', hold_expires_at = NULL")
    with pytest.raises(RegistrationNotEditable):
        client.persist_attendee_tickets(registration_id, [ticket])


def test_python_page_snippets_run(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    page = Path(__file__).parents[2].joinpath("docs/python.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page, re.DOTALL)
    assert len(snippets) > 10
    namespace: Document = {}
    for code, expected in snippets:
        exec(code, namespace)  # noqa: S102 - our own documentation
        assert capsys.readouterr().out == expected


# -- URLs


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:s3%zzcret@127.0.0.1/shop",
        "postgresql://someone:pa@s3cret@127.0.0.1/shop",
        "postgresql://someone:pa/s3cret@127.0.0.1/shop",
        "postgresql://someone:s3cret/a@127.0.0.1/shop",
        "postgresql://someone:pa?a@s3cret@127.0.0.1/shop",
        "postgresql+psycopg://someone:s3cret@127.0.0.1/shop",
        "host=127.0.0.1 user=someone password=pa s3cret",
    ],
)
def test_clients_never_repeat_the_password_of_a_malformed_url(url: str) -> None:
    for client in (Client, AsyncClient):
        with pytest.raises(psycopg.ProgrammingError) as refused:
            client(url)
        assert "s3cret" not in str(refused.value)
        assert "percent-encode special characters" in str(refused.value)
        assert refused.value.__cause__ is refused.value.__context__ is None
