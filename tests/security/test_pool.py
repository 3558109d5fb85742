"""The next borrower of a connection has no identity, no matter how the call before ended.

The pools log in as PostgREST does, as a role that may do nothing itself and take the roles of
users, and have one connection, which all borrowers share.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from pytest_postgresql.executors import NoopExecutor
from tests.support.caller import Connect
from tests.support.databases import database
from tests.support.example import CEREMONY, STRANGER, TOMAS, Document, document
from tests.support.sessions import wait_until

from ticketing_client import (
    AsyncClient,
    Client,
    NotAllowed,
    NotConfigured,
    NotSignedIn,
    PersistAnswer,
    RegistrationNotFound,
    SelectionInvalid,
    TicketingError,
    TicketSelections,
    TransientError,
    calls,
)
from ticketing_client.calls import Call
from ticketing_client.embedded import Server
from ticketing_client.errors import UnexpectedAnswerError

Connection: TypeAlias = psycopg.Connection[Any]

OWNER = UUID("7e9a6303-0000-4000-8000-000000000001")
REGISTRATION = "01974a10-0000-7000-8000-0000000000fa"


@dataclass(frozen=True)
class Who:
    """A caller, as an RPC sees it."""

    role: str
    claims: str

    @classmethod
    def user(cls, user: UUID) -> "Who":
        return cls("authenticated", json.dumps({"sub": str(user)}))


PROBE: LiteralString = """
CREATE FUNCTION ticketing.probe_identity() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('role', current_setting('role'),
        'claims', coalesce(current_setting('request.jwt.claims', true), ''))
$$;
"""
WHO = Call("probe_identity", (), Who)

READ = calls.get_registration(REGISTRATION)
UNREADABLE = Call("get_registration", READ.arguments, Who)
PERSIST = calls.persist_ticket_selections(
    REGISTRATION, TicketSelections().ticket(UUID(TOMAS), UUID(CEREMONY))
)
BREAK_A_RULE = calls.persist_ticket_selections(
    REGISTRATION, TicketSelections().ticket(UUID(TOMAS), UUID(int=99))
)
PAY = calls.complete_registration_payment(REGISTRATION, {"reference": "p1", "amount": 20})

# All that a session can be told, and what it holds. Settings with a dot come and go by themselves:
# PostgreSQL keeps the name of the claims, with an empty text, and loads plpgsql when it is used.
SESSION: LiteralString = """
SELECT
    current_user || ' ' || current_setting('role'),
    coalesce(current_setting('request.jwt.claims', true), ''),
    (SELECT jsonb_object_agg(name, setting) FROM pg_settings WHERE name NOT LIKE '%.%'),
    (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
    (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
    (SELECT count(*) FROM pg_cursors WHERE name <> ''),
    current_setting('transaction_isolation') || current_setting('transaction_read_only')
"""


@pytest.fixture(scope="module")
def owners_template(server: Server, migrated: NoopExecutor) -> Iterator[str]:
    """A database to copy, in which the owner has a registration."""
    with database(server, "owners_template", migrated.template_dbname) as url:
        with psycopg.connect(url, autocommit=True) as superuser:
            superuser.execute(
                "CREATE ROLE authenticator LOGIN NOINHERIT IN ROLE anon, authenticated"
            )
            superuser.execute(PROBE)
            superuser.execute(
                "GRANT EXECUTE ON FUNCTION ticketing.probe_identity TO anon, authenticated"
            )
            Client(superuser).import_catalogue(document("catalogue"))
            Client(superuser).as_user(OWNER).create_individual_registration_jsonb(
                document("wizard_state")["registration"] | {"registrationId": str(REGISTRATION)}
            )
        yield "owners_template"
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute("DROP ROLE authenticator")


@pytest.fixture
def database_url(server: Server, owners_template: str) -> Iterator[str]:
    """The URL of a database that only this test uses."""
    with database(server, "pool", owners_template) as url:
        yield url


@pytest.fixture
def url(database_url: str) -> str:
    """The URL at which the pools log in."""
    return make_conninfo(database_url, user="authenticator")


@pytest.fixture
def pool(url: str) -> Iterator[ConnectionPool]:
    """A pool of one connection, whose transactions begin by themselves as is psycopg's default."""
    with ConnectionPool(url, min_size=1, max_size=1, open=True) as opened:
        yield opened


@asynccontextmanager
async def async_pool(url: str) -> AsyncIterator[AsyncConnectionPool]:
    """The same for asyncio."""
    async with AsyncConnectionPool(url, min_size=1, max_size=1, open=False) as opened:
        yield opened


@pytest.fixture
def rival(url: str, connect: Connect) -> Connection:
    """A session that keeps every call waiting that would change the registration."""
    assert url
    connection = connect()
    connection.execute("SELECT FROM ticketing.registrations FOR UPDATE")
    return connection


def session(connection: Connection) -> tuple[object, ...]:
    """Everything that a borrower could leave to the next."""
    status = connection.info.transaction_status
    row = connection.execute(SESSION).fetchone()
    connection.rollback()
    assert row is not None
    return (status, *row)


def act_on_the_waiting(rival: Connection, action: LiteralString) -> None:
    """Do something to the session that waits for the rival, once it does."""
    # not by pg_stat_activity, of which a transaction goes on seeing what it saw first
    query = (
        f"SELECT {action} FROM pg_locks"  # noqa: S608 - our own
        " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    wait_until(lambda: rival.execute(query).fetchall(), "a session waits")


# How a call ends


def answered(pool: ConnectionPool, rival: Connection) -> None:
    rival.rollback()
    for _ in range(7):  # the same statements are prepared after five
        assert Client(pool).as_user(OWNER).execute(PERSIST).registration_id == REGISTRATION


def not_the_owners(pool: ConnectionPool, rival: Connection) -> None:
    assert rival
    with pytest.raises(RegistrationNotFound):
        Client(pool).as_user(STRANGER).execute(PERSIST)


def breaks_a_rule(pool: ConnectionPool, rival: Connection) -> None:
    rival.rollback()
    with pytest.raises(SelectionInvalid):
        Client(pool).as_user(OWNER).execute(BREAK_A_RULE)


def may_never(pool: ConnectionPool, rival: Connection) -> None:
    assert rival
    with pytest.raises(NotAllowed):
        Client(pool).as_user(OWNER).execute(PAY)


def takes_another_role(pool: ConnectionPool, rival: Connection) -> None:
    assert rival
    with pytest.raises(NotConfigured):
        Client(pool).as_user(OWNER, role="service_role").execute(READ)


def is_not_understood(pool: ConnectionPool, rival: Connection) -> None:
    assert rival
    with pytest.raises(UnexpectedAnswerError):
        Client(pool).as_user(OWNER).execute(UNREADABLE)


def is_cancelled(pool: ConnectionPool, rival: Connection) -> None:
    with ThreadPoolExecutor() as executor:
        call = executor.submit(Client(pool).as_user(OWNER).execute, PERSIST)
        act_on_the_waiting(rival, "pg_cancel_backend(pid)")
        with pytest.raises(TransientError, match="user request"):
            call.result()


def takes_too_long(pool: ConnectionPool, rival: Connection) -> None:
    assert rival
    with pool.connection() as connection, connection.transaction():
        connection.execute("SET LOCAL statement_timeout = '200ms'")
        with pytest.raises(TransientError, match="statement timeout"):
            Client(connection).as_user(OWNER).execute(PERSIST)


def is_rolled_back(pool: ConnectionPool, rival: Connection) -> None:
    rival.rollback()
    with pool.connection() as connection:
        before = connection.execute("SELECT current_setting('role')").fetchone()
        assert Client(connection).as_user(OWNER).execute(PERSIST).tickets_created == 1
        assert connection.execute("SELECT current_setting('role')").fetchone() == before
        connection.rollback()
        assert Client(connection).as_user(OWNER).execute(PERSIST).tickets_created == 1
        connection.rollback()


def fails_in_python(pool: ConnectionPool, rival: Connection) -> None:
    rival.rollback()

    def fail(connection: Connection) -> None:
        Client(connection).as_user(OWNER).execute(PERSIST)
        message = "the borrower's own"
        raise LookupError(message)

    with pytest.raises(LookupError), pool.connection() as connection:
        fail(connection)


ENDINGS: dict[str, Callable[[ConnectionPool, Connection], None]] = {
    "answered": answered,
    "refused, being of another owner": not_the_owners,
    "refused, breaking a rule": breaks_a_rule,
    "denied": may_never,
    "denied a role": takes_another_role,
    "answered with what the client does not understand": is_not_understood,
    "cancelled while it waits for a lock": is_cancelled,
    "timed out while it waits for a lock": takes_too_long,
    "rolled back by the borrower": is_rolled_back,
    "followed by an exception of the borrower": fails_in_python,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_next_borrower_has_no_identity_after_a_call(
    pool: ConnectionPool, rival: Connection, ending: str
) -> None:
    with pool.connection() as connection:
        server_process = connection.info.backend_pid
        before = session(connection)
    assert before[:3] == (TransactionStatus.IDLE, "authenticator none", "")

    ENDINGS[ending](pool, rival)

    with pool.connection() as connection:
        assert connection.info.backend_pid == server_process
        assert session(connection) == before
    with pytest.raises(NotConfigured):
        Client(pool).execute(READ)
    with pytest.raises(NotSignedIn):
        Client(pool).as_user({}, role="anon").execute(PERSIST)


def test_next_borrower_has_no_identity_after_a_broken_connection(
    pool: ConnectionPool, rival: Connection
) -> None:
    with pool.connection() as connection:
        server_process = connection.info.backend_pid
        before = session(connection)
    with ThreadPoolExecutor() as executor:
        call = executor.submit(Client(pool).as_user(OWNER).execute, PERSIST)
        act_on_the_waiting(rival, "pg_terminate_backend(pid)")
        with pytest.raises(psycopg.OperationalError):
            call.result()
    with pool.connection() as connection:
        assert connection.info.backend_pid != server_process
        assert session(connection) == before
    with pytest.raises(NotConfigured):
        Client(pool).execute(READ)


def test_persist_that_was_cancelled_or_broken_stores_nothing(
    pool: ConnectionPool, rival: Connection
) -> None:
    for action in ("pg_cancel_backend(pid)", "pg_terminate_backend(pid)"):
        with ThreadPoolExecutor() as executor:
            call = executor.submit(Client(pool).as_user(OWNER).execute, PERSIST)
            act_on_the_waiting(rival, action)
            assert call.exception() is not None
    rival.rollback()
    assert Client(pool).as_user(OWNER).execute(READ).tickets == ()


# asyncio, where a call can also be given up


async def given_up(call: Awaitable[PersistAnswer], rival: Connection, times: int) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.to_thread(act_on_the_waiting, rival, "1")
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task


async def given_up_once(call: Awaitable[PersistAnswer], rival: Connection) -> None:
    await given_up(call, rival, 1)


async def given_up_again_while_it_ends(call: Awaitable[PersistAnswer], rival: Connection) -> None:
    await given_up(call, rival, 3)


async def out_of_patience(call: Awaitable[PersistAnswer], rival: Connection) -> None:
    assert rival
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.2)


async def in_bad_company(call: Awaitable[PersistAnswer], rival: Connection) -> None:
    async def fail() -> None:
        await asyncio.to_thread(act_on_the_waiting, rival, "1")
        message = "a task of the same group"
        raise LookupError(message)

    async def wait() -> None:
        await call

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert caught.group_contains(LookupError)


async def broken(call: Awaitable[PersistAnswer], rival: Connection) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.to_thread(act_on_the_waiting, rival, "pg_terminate_backend(pid)")
    with pytest.raises(psycopg.OperationalError):
        await task


@pytest.mark.parametrize(
    "ending",
    [given_up_once, given_up_again_while_it_ends, out_of_patience, in_bad_company, broken],
    ids=lambda ending: ending.__name__,
)
def test_next_task_has_no_identity_after_a_call(
    url: str,
    rival: Connection,
    ending: Callable[[Awaitable[PersistAnswer], Connection], Awaitable[None]],
) -> None:
    async def session_of(pool: AsyncConnectionPool) -> tuple[object, ...]:
        async with pool.connection() as connection:
            status = connection.info.transaction_status
            row = await (await connection.execute(SESSION)).fetchone()
            assert row is not None
            return (status, *row)

    async def main() -> None:
        async with async_pool(url) as pool:
            before = await session_of(pool)
            assert before[:3] == (TransactionStatus.IDLE, "authenticator none", "")
            owner = AsyncClient(pool).as_user(OWNER)
            await ending(owner.execute(PERSIST), rival)
            assert await session_of(pool) == before
            with pytest.raises(NotConfigured):
                await AsyncClient(pool).execute(READ)
            rival.rollback()
            assert (await owner.execute(READ)).tickets == ()

    asyncio.run(main())


def test_task_cancelled_at_any_step_leaves_no_identity(url: str) -> None:
    """Between BEGIN, the identity, the call and COMMIT; once, or again while it is undone."""

    async def give_up(client: AsyncClient, steps: int, more: int) -> None:
        task = asyncio.create_task(client.as_user(OWNER).execute(WHO))
        for wait in (steps, more):
            for _ in range(wait):
                await asyncio.sleep(0.0002)
            task.cancel()
        await asyncio.wait([task])

    async def main() -> set[TransactionStatus]:
        statuses = set()
        for steps in range(12):
            for more in range(3):
                async with await psycopg.AsyncConnection.connect(url) as connection:
                    client = AsyncClient(connection)
                    await give_up(client, steps, more)
                    status = connection.info.transaction_status
                    statuses.add(status)
                    if status == TransactionStatus.IDLE:
                        with pytest.raises(NotConfigured):
                            await client.execute(READ)
        return statuses

    # it is as it was before the call, or closed
    assert asyncio.run(main()) <= {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}


def test_connection_is_closed_when_its_transaction_cannot_be_ended(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    async def interrupted_async(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(psycopg.Transaction, "__exit__", interrupted)
    monkeypatch.setattr(psycopg.AsyncTransaction, "__aexit__", interrupted_async)

    with closing(psycopg.connect(url)) as connection:
        with pytest.raises(KeyboardInterrupt):
            Client(connection).as_user(OWNER).execute(READ)
        assert connection.closed

    async def main() -> bool:
        connection = await psycopg.AsyncConnection.connect(url)
        with pytest.raises(asyncio.CancelledError):
            await AsyncClient(connection).as_user(OWNER).execute(READ)
        return connection.closed

    assert asyncio.run(main())


# Several at once


def test_threads_that_share_a_client_keep_their_identities(pool: ConnectionPool) -> None:
    client = Client(pool)
    start = threading.Barrier(6)

    def ask(number: int) -> None:
        user_id = UUID(int=number) if number else OWNER
        mine = client.as_user(user_id)
        start.wait()
        for _ in range(15):
            assert mine.execute(WHO) == Who.user(user_id)
            if number:
                with pytest.raises(RegistrationNotFound):
                    mine.execute(READ)
            else:
                assert mine.execute(READ).registration_id == REGISTRATION
            with pytest.raises(NotConfigured):
                client.execute(READ)

    with ThreadPoolExecutor(6) as executor:
        list(executor.map(ask, range(6)))


def test_tasks_that_share_a_client_keep_their_identities(url: str) -> None:
    async def ask(client: AsyncClient, number: int) -> None:
        user_id = UUID(int=number) if number else OWNER
        mine = client.as_user(user_id)
        for _ in range(15):
            assert await mine.execute(WHO) == Who.user(user_id)
            if number:
                with pytest.raises(RegistrationNotFound):
                    await mine.execute(READ)
            else:
                assert (await mine.execute(READ)).registration_id == REGISTRATION

    async def main() -> None:
        async with async_pool(url) as pool:
            client = AsyncClient(pool)
            await asyncio.gather(*(ask(client, number) for number in range(6)))

    asyncio.run(main())


def test_users_in_turn_on_one_connection_keep_their_identities(pool: ConnectionPool) -> None:
    owner, stranger = Client(pool).as_user(OWNER), Client(pool).as_user(STRANGER)
    for turn in range(7):
        assert owner.execute(PERSIST).tickets_created == (not turn)
        with pytest.raises(RegistrationNotFound):
            stranger.execute(READ)
    with pool.connection() as connection:  # in one transaction, too
        for _ in range(7):
            assert Client(connection).as_user(OWNER).execute(READ).registration_id == REGISTRATION
            with pytest.raises(RegistrationNotFound):
                Client(connection).as_user(STRANGER).execute(READ)


# The identity inside


def test_claims_change_nothing_but_the_claims(pool: ConnectionPool) -> None:
    cases: list[Document] = [
        {"sub": str(OWNER), "role": "service_role"},
        {"sub": str(OWNER), "name": "'; RESET ROLE; --"},
        {"sub": str(OWNER), "name": "\"}'); SET ROLE service_role; --"},
        {"sub": str(OWNER), "name": "%(role)s %s $1 {} \\ \t \u2028 \U0001f3ab"},
        {"sub": "'; RESET ROLE; --"},
        {"request.jwt.claims": "", "role": "none"},
        {},
    ]
    for claims in cases:
        client = Client(pool).as_user(claims)
        seen = client.execute(WHO)
        assert (seen.role, json.loads(seen.claims)) == ("authenticated", claims)
        with pytest.raises(NotAllowed):
            client.execute(PAY)


def test_role_is_refused_unless_the_login_may_take_it(pool: ConnectionPool) -> None:
    cases: dict[str, type[Exception]] = {
        "service_role": NotConfigured,
        "ticketing_owner": NotConfigured,
        "authenticated; RESET ROLE": psycopg.errors.InvalidParameterValue,
        "authenticated'; RESET ROLE; --": psycopg.errors.InvalidParameterValue,
        "None": psycopg.errors.InvalidParameterValue,
        "": psycopg.errors.InvalidParameterValue,
    }
    for role, expected in cases.items():
        with pytest.raises(expected):
            Client(pool).as_user(OWNER, role=role).execute(WHO)


def test_role_none_is_refused(connect: Connect) -> None:
    """To PostgreSQL it is the login role: here the superuser, which may do everything."""
    with pytest.raises(ValueError, match="role must be a caller's role, such as 'authenticated'"):
        Client(connect()).as_user(OWNER, role="none")


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
def test_call_as_another_user_restores_the_outer_identity(
    pool: ConnectionPool, refused: bool, ends: LiteralString
) -> None:
    with pool.connection() as connection:
        connection.execute("SET LOCAL ROLE authenticated")
        connection.execute(
            "SELECT set_config('request.jwt.claims', %s, true)", [Who.user(OWNER).claims]
        )
        client = Client(connection)
        assert client.execute(READ).registration_id == REGISTRATION
        stranger = client.as_user(STRANGER)
        if refused:
            with pytest.raises(TicketingError):
                stranger.execute(READ)
        else:
            assert stranger.execute(WHO) == Who.user(UUID(STRANGER))
            assert stranger.as_user({}, role="anon").execute(WHO) == Who("anon", "{}")
        assert client.execute(WHO) == Who.user(OWNER)
        assert client.execute(READ).registration_id == REGISTRATION
        connection.execute(ends)
    with pytest.raises(NotConfigured):
        Client(pool).execute(READ)
