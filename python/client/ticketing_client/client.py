"""The executors: they execute the calls of calls.py and return the decoded answers.

A call runs in its own transaction or, when a transaction is already running on the connection, in a
savepoint. The caller's transactions are never committed or rolled back here. In autocommit mode a
call of a single statement runs without BEGIN and COMMIT, which saves two round trips.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from copy import copy
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from ticketing_client._call import Identity, transact
from ticketing_client._conninfo import checked_conninfo
from ticketing_client._methods import AsyncMethods, Methods
from ticketing_client._warm import REFUSALS, WARM_UP
from ticketing_client.errors import TransientError, missing_grant, pause_before_retry, translated

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping
    from types import TracebackType
    from uuid import UUID

    from ticketing_client._call import Call

T = TypeVar("T")


class Pool(Protocol):
    """The part of psycopg_pool.ConnectionPool that Client uses."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Lend an idle connection."""
        ...


class AsyncPool(Protocol):
    """The part of psycopg_pool.AsyncConnectionPool that AsyncClient uses."""

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        """Lend an idle connection."""
        ...


class _Opening:
    """The connection of an AsyncClient for a URL: opened by the first call, as that can wait."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = checked_conninfo(conninfo)
        self._lock = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._is_closed = False

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        """Lend the connection to one call at a time."""
        async with self._lock:
            if self._is_closed:
                message = "the client is closed"
                raise psycopg.OperationalError(message)
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True
                )
            yield self._connection

    async def close(self) -> None:
        """Close the connection, and refuse further calls."""
        async with self._lock:
            self._is_closed = True
            if self._connection:
                await self._connection.close()


class _Executor:
    """The identity of the caller, common to both clients."""

    _identity: Identity | None = None
    _owned: Any = None  # what close() closes

    def as_user(self, user: Mapping[str, Any] | UUID | str, *, role: str = "authenticated") -> Self:
        """Make a client that calls for a user, with the user's permissions, as PostgREST does.

        The identity is set only for the transaction or savepoint of each call. Other statements of
        your transaction and the next borrower of a pooled connection do not have it.

        Args:
            user: The claims of the user's verified token, of which the database reads sub and iss;
                or the user's id, if tokens have UUIDs as sub. For visitors: `{}` with the role
                "anon".
            role: The database role to call as; the connection's role must be a member of it. Not
                "none", which in PostgreSQL means the connection's own role.

        Returns:
            A client over the same connection or pool. It needs no closing.

        Raises:
            ValueError: When the id is not a UUID, or one of version 8, which is derived from
                claims; or the role is "none".
        """
        if role == "none":
            message = "role must be a caller's role, such as 'authenticated', not 'none'"
            raise ValueError(message)
        other = copy(self)
        other._identity = Identity.of(user, role)  # noqa: SLF001 - of this class
        other._owned = None  # noqa: SLF001 - closing is for the client that opened it
        return other


class Client(_Executor, Methods):
    """Calls the RPCs of ticketing-sql, each by the method of its name.

    Threads may share a client: over a connection or a URL their calls run
    one at a time, over a pool concurrently.
    """

    def __init__(self, source: psycopg.Connection[Any] | Pool | str) -> None:
        """Call over a connection, a pool or a URL.

        Args:
            source: A psycopg connection, whose running transaction is joined; a
                psycopg_pool.ConnectionPool, of which each call borrows a connection; or a URL or
                conninfo string, for which the client opens a connection that close() or the end of
                a `with` block closes.

        Raises:
            TypeError: When the source is none of these.
            psycopg.ProgrammingError: When the URL is malformed.
            psycopg.OperationalError: When connecting to the URL fails.
        """
        if isinstance(source, str):
            source = self._owned = psycopg.connect(checked_conninfo(source), autocommit=True)
        if isinstance(source, psycopg.Connection):
            self._borrow = _turns(source)
        elif callable(getattr(source, "connection", None)):
            self._borrow = source.connection
        else:
            message = (
                "Client needs a psycopg.Connection, a psycopg_pool.ConnectionPool or a URL, "
                f"not a {type(source).__name__}"
            )
            raise TypeError(message)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the connection that was opened for a URL; a given connection stays open."""
        if self._owned:
            self._owned.close()

    @staticmethod
    def warm(connection: psycopg.Connection[Any]) -> None:
        """Prepare a new connection, so that its first calls are nearly as quick as later ones.

        For a pool: `ConnectionPool(url, configure=Client.warm)`. It makes the calls of a buyer for
        the latest published function, and rolls them back; without such a function it does nothing.

        Args:
            connection: A connection without a running transaction, as a member of service_role.

        Raises:
            NotConfigured: When the connection's role is not a member of service_role.
            psycopg.Error: When the package is not installed, or the role may only read.
        """
        with (
            suppress(*REFUSALS),
            translated(),
            connection.transaction(force_rollback=True),
            psycopg.Cursor(connection) as cursor,
        ):
            try:
                cursor.execute(WARM_UP)
            except psycopg.errors.InsufficientPrivilege as error:
                raise missing_grant(error, "service_role", connection.info.user) from error

    def execute(self, call: Call[T]) -> T:
        """Execute a call of ticketing_client.calls.

        Args:
            call: The call.

        Returns:
            Its answer.

        Raises:
            TicketingError: When the database refuses the call; one subclass per SQLSTATE.
            UnexpectedAnswerError: When the answer is of an incompatible version.
            psycopg.Error: For any other error of the database or the connection.
        """
        attempt = 0
        while True:
            with self._borrow() as connection:
                joined = _in_transaction(connection)
                try:
                    with (
                        translated(),
                        nullcontext()
                        if _is_transaction_by_itself(connection, self._identity, joined=joined)
                        else connection.transaction(),
                    ):
                        answer = _run(connection, call, self._identity, joined=joined)
                    return call.decode(answer)
                except TransientError as error:
                    pause = None if joined else pause_before_retry(error, attempt)
                    if pause is None:
                        raise
                finally:
                    if not joined and _in_transaction(connection):
                        connection.close()
            time.sleep(pause)
            attempt += 1


class AsyncClient(_Executor, AsyncMethods):
    """Client for asyncio: the same calls, awaited.

    Tasks that share a client over one connection take turns; over a pool they call side by side.
    """

    def __init__(self, source: psycopg.AsyncConnection[Any] | AsyncPool | str) -> None:
        """Call over a connection, a pool or a URL.

        Args:
            source: A psycopg connection, whose running transaction is joined; a
                psycopg_pool.AsyncConnectionPool, of which each call borrows a connection; or a URL
                or conninfo string, for which `async with` or else the first call opens a connection
                that close() or the end of an `async with` block closes.

        Raises:
            TypeError: When the source is none of these.
            psycopg.ProgrammingError: When the URL is malformed.
        """
        if isinstance(source, str):
            self._owned = _Opening(source)
            self._borrow = self._owned.turn
        elif isinstance(source, psycopg.AsyncConnection):
            self._borrow = _async_turns(source)
        elif callable(getattr(source, "connection", None)):
            self._borrow = source.connection
        else:
            message = (
                "AsyncClient needs a psycopg.AsyncConnection, a psycopg_pool.AsyncConnectionPool or"
                f" a URL, not a {type(source).__name__}"
            )
            raise TypeError(message)

    async def __aenter__(self) -> Self:
        """Open the connection of a URL, and return the client."""
        if self._owned:
            async with self._owned.turn():
                pass
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close the connection that was opened for a URL; a given connection stays open."""
        if self._owned:
            await self._owned.close()

    @staticmethod
    async def warm(connection: psycopg.AsyncConnection[Any]) -> None:
        """Prepare a new connection; see Client.warm.

        For a pool: `AsyncConnectionPool(url, configure=AsyncClient.warm)`.

        Args:
            connection: A connection without a running transaction, as a member of service_role.
        """
        with suppress(*REFUSALS), translated():
            async with (
                connection.transaction(force_rollback=True),
                psycopg.AsyncCursor(connection) as cursor,
            ):
                try:
                    await cursor.execute(WARM_UP)
                except psycopg.errors.InsufficientPrivilege as error:
                    raise missing_grant(error, "service_role", connection.info.user) from error

    async def execute(self, call: Call[T]) -> T:
        """Execute a call of ticketing_client.calls; see Client.execute.

        Args:
            call: The call.

        Returns:
            Its answer.
        """
        attempt = 0
        while True:
            async with self._borrow() as connection:
                joined = _in_transaction(connection)
                try:
                    with translated():
                        async with (
                            nullcontext()
                            if _is_transaction_by_itself(connection, self._identity, joined=joined)
                            else connection.transaction()
                        ):
                            answer = await _run_async(
                                connection, call, self._identity, joined=joined
                            )
                    return call.decode(answer)
                except TransientError as error:
                    pause = None if joined else pause_before_retry(error, attempt)
                    if pause is None:
                        raise
                finally:
                    if not joined and _in_transaction(connection):
                        await connection.close()
            await asyncio.sleep(pause)
            attempt += 1


def _run(
    connection: psycopg.Connection[Any], call: Call[Any], identity: Identity | None, *, joined: bool
) -> str:
    statements = transact(call, identity, connection.info.user, joined=joined)
    # not connection.cursor(): the caller may have configured its cursor class and row factory
    with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        try:
            statement = next(statements)
            while True:
                try:
                    row = cursor.execute(*statement).fetchone()
                except psycopg.errors.InsufficientPrivilege as error:
                    statements.throw(error)
                    raise
                statement = statements.send(row)
        except StopIteration as end:
            answer: str = end.value
            return answer


async def _run_async(
    connection: psycopg.AsyncConnection[Any],
    call: Call[Any],
    identity: Identity | None,
    *,
    joined: bool,
) -> str:
    statements = transact(call, identity, connection.info.user, joined=joined)
    async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
        try:
            statement = next(statements)
            while True:
                try:
                    await cursor.execute(*statement)
                    row = await cursor.fetchone()
                except psycopg.errors.InsufficientPrivilege as error:
                    statements.throw(error)
                    raise
                statement = statements.send(row)
        except StopIteration as end:
            answer: str = end.value
            return answer


def _in_transaction(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Return whether a transaction is running.

    A transaction of the client that is still running after its call could not be ended, for example
    because the rollback was interrupted. Its connection is closed: otherwise the next call would
    join the transaction, with its identity, and never be committed.
    """
    return connection.info.transaction_status != TransactionStatus.IDLE


def _is_transaction_by_itself(
    connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any],
    identity: Identity | None,
    *,
    joined: bool,
) -> bool:
    """Return whether the call is a single statement that the database commits by itself."""
    return connection.autocommit and identity is None and not joined


def _turns(
    connection: psycopg.Connection[Any],
) -> Callable[[], AbstractContextManager[psycopg.Connection[Any]]]:
    """Lend a connection to one call at a time: concurrent calls could mix up identities."""
    lock = threading.Lock()

    @contextmanager
    def borrow() -> Generator[psycopg.Connection[Any]]:
        with lock:
            yield connection

    return borrow


def _async_turns(
    connection: psycopg.AsyncConnection[Any],
) -> Callable[[], AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]]:
    """Lend a connection to one call at a time: concurrent calls could mix up identities."""
    lock = asyncio.Lock()

    @asynccontextmanager
    async def borrow() -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        async with lock:
            yield connection

    return borrow
