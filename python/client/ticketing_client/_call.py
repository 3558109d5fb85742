"""What a call is: what is sent, in which statements, and how the answer is decoded.

Pure: the clients execute it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_origin
from uuid import UUID

import msgspec
import psycopg

from ticketing_client.errors import (
    InvalidPayload,
    UnexpectedAnswerError,
    is_of_package,
    missing_grant,
)
from ticketing_client.models import ExportAnswer, Issue, QuoteAnswer
from ticketing_client.selections import TicketSelections

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import LiteralString

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Argument:
    """A named argument of an RPC, encoded.

    Attributes:
        name: Its name in SQL.
        type: Its type in SQL.
        value: The encoded value.
    """

    name: LiteralString
    type: LiteralString
    value: str | int


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A call of an RPC, ready to be executed.

    Attributes:
        function: Name of the RPC in schema ticketing.
        arguments: The arguments to send; for all others the default in SQL applies.
        answer: Type of the decoded answer: a dataclass of ticketing_client.models, or a tuple of it
            when the RPC returns rows.
    """

    function: LiteralString
    arguments: tuple[Argument, ...]
    answer: type[T]

    @property
    def sql(self) -> LiteralString:
        """The statement: it returns one row with one column, the answer as text.

        As text, so that decoding does not depend on the JSON loader of the connection.
        """
        given = ", ".join(f"{a.name} => %({a.name})s::{a.type}" for a in self.arguments)
        called = f"ticketing.{self.function}({given})"
        if get_origin(self.answer) is tuple:
            return (
                "SELECT coalesce(pg_catalog.jsonb_agg(answer), '[]')::text"  # noqa: S608 - literals
                f" FROM {called} AS answer"
            )
        return f"SELECT {called}::text"

    @property
    def params(self) -> dict[str, str | int]:
        """The parameters of the statement, by name."""
        return {argument.name: argument.value for argument in self.arguments}

    def decode(self, text: str) -> T:
        """Decode the answer. Unknown keys are ignored, and absent ones that may be null are None.

        Args:
            text: The JSON returned by the statement.

        Returns:
            The answer.

        Raises:
            UnexpectedAnswerError: When the answer is of an incompatible version.
        """
        try:
            answer: T = _decoder(cast("Hashable", self.answer)).decode(text)
        # beside what msgspec refuses: numbers of too many digits, too many levels
        except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
            message = (
                f"The database's answer to {self.function} is not the one that this client knows "
                f"({error}): install the same version of the package in both."
            )
            raise UnexpectedAnswerError(message) from error
        return answer


@cache
def _decoder(answer: Hashable) -> msgspec.json.Decoder[Any]:
    # Numbers without a type of their own are exact in issues and catalogues; in the wizard's own
    # objects they are the doubles of JavaScript.
    is_exact = answer is QuoteAnswer or answer is ExportAnswer
    return msgspec.json.Decoder(answer, float_hook=Decimal if is_exact else None)


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def to_json(answer: object) -> str:
    """Encode an answer, or a part of one, as JSON.

    Args:
        answer: A dataclass of ticketing_client.models, or a tuple of them.

    Returns:
        The JSON of the database: the same keys and values, amounts as numbers with their decimals.
        Keys that an issue lacks are null, or an empty list.
    """
    return _ENCODER.encode(answer).decode()


def from_json(rpc: Callable[..., Call[T]], body: bytes | str, *given: object) -> Call[T]:
    """Make a call from the JSON of its arguments, such as the body of a request over HTTP.

    Args:
        rpc: A function of ticketing_client.calls.
        body: A JSON object with the arguments by their names in SQL, such as `p_tickets`: the body
            that PostgREST takes, and the names with which the paths of issues begin.
        *given: The first arguments of the function, when they come from elsewhere, such as a path.

    Returns:
        The call, for `execute`.

    Raises:
        InvalidPayload: When the body is not such an object: not JSON, a key twice, an unknown or
            missing argument, a value that cannot be sent. What is in the arguments, the database
            checks.
    """
    try:
        parsed: object = json.loads(body, object_pairs_hook=_unique)
        text = json.dumps(parsed, allow_nan=False, ensure_ascii=False)
        text.encode()  # fails for half a surrogate pair, which Python reads
    except (ValueError, RecursionError) as error:
        message = f"The arguments are not JSON: {error}"
        raise InvalidPayload(message, "TK001") from error
    if _NUL.search(text) or not isinstance(parsed, dict):
        message = "The arguments must be a JSON object, without the character NUL"
        raise InvalidPayload(message, "TK001")
    arguments = cast("dict[str, Any]", parsed)
    names = {
        f"p_{name}": parameter.default is inspect.Parameter.empty
        for name, parameter in list(inspect.signature(rpc).parameters.items())[len(given) :]
    }
    issues = [
        Issue(code="unknown_key", path=name, message=f"There is no argument {name}.")
        for name in arguments
        if name not in names
    ] + [
        Issue(code="missing_key", path=name, message=f"The argument {name} is missing.")
        for name, is_required in names.items()
        if is_required and name not in arguments
    ]
    if issues:
        message = "The keys of the body are not the arguments of this call"
        raise InvalidPayload(message, "TK001", None, tuple(issues[:100]), len(issues))
    try:
        return rpc(*given, **{name.removeprefix("p_"): arguments[name] for name in arguments})
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(str(error), "TK001") from error


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""The character that JSON has and PostgreSQL has not, in JSON text."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its keys and values, of which otherwise the last of a key would count."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            message = f"an object has the key {key!a} twice"
            raise ValueError(message)
        found[key] = value
    return found


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a caller, as PostgREST sets it.

    Attributes:
        role: The database role.
        claims: The claims of the user's token as JSON text; empty without claims.
    """

    role: str
    claims: str

    @classmethod
    def of(cls, user: Mapping[str, Any] | UUID | str, role: str) -> Identity:
        """Make the identity of a user.

        Args:
            user: The claims of the token, or the id of the user.
            role: The database role.

        Returns:
            The identity.

        Raises:
            ValueError: When the id is not one that a token can have as its sub.
        """
        if isinstance(user, Mapping):
            return cls(role, _encode(user))
        sub = _uuid_text("user", user)
        if UUID(sub).version == _DERIVED:
            message = (
                f"user {sub} is an id that is derived from the sub of a token:"
                " pass the claims of that token, with sub and iss"
            )
            raise ValueError(message)
        return cls(role, _encode({"sub": sub}))


_DERIVED = 8
"""The version of UUIDs that ticketing.user_id derives; the database takes none over from a sub."""


def transact(
    call: Call[Any], identity: Identity | None, login: str, *, joined: bool
) -> Generator[tuple[LiteralString, Mapping[str, str | int]], Any, str]:
    """Yield the statements of one call, to be executed in one transaction or savepoint.

    The identity is set for the transaction only and ends with it. Settings made in a savepoint do
    outlive the savepoint, so they are restored in a joined transaction. (After an error the
    savepoint is rolled back, and its settings with it.)

    Args:
        call: The call.
        identity: The identity to call with; None for the role of the connection.
        login: The role that the connection has logged in as.
        joined: Whether the transaction was running before.

    Yields:
        A statement and its parameters; the executor sends back its only row, or throws 42501.

    Returns:
        The answer, for Call.decode.

    Raises:
        NotConfigured: When a role lacks the grants that a back end needs.
    """
    previous = None
    if identity:
        if joined:
            previous = Identity(*(yield _WHO, {}))
        try:
            yield _BECOME, {"role": identity.role, "claims": identity.claims}
        except psycopg.errors.InsufficientPrivilege as error:
            raise missing_grant(error, identity.role, login) from error
    try:
        (answer,) = yield call.sql, call.params
    except psycopg.errors.InsufficientPrivilege as error:
        if is_of_package(error):
            raise
        if identity is None:
            raise missing_grant(error, "service_role", login) from error
        if identity.role not in _ROLES:
            raise missing_grant(error, "authenticated", identity.role) from error
        raise
    if previous:
        yield _BECOME, {"role": previous.role, "claims": previous.claims}
    return cast("str", answer)


_ROLES = {"anon", "authenticated", "service_role", "ticketing_reader"}
"""The roles of the package: what they may not call is not for them."""

_WHO: LiteralString = (
    "SELECT pg_catalog.current_setting('role'),"
    " coalesce(pg_catalog.current_setting('request.jwt.claims', true), '')"
)
_BECOME: LiteralString = (
    "SELECT pg_catalog.set_config('role', %(role)s, true),"
    " pg_catalog.set_config('request.jwt.claims', %(claims)s, true)"
)


def argument(name: LiteralString, type_: LiteralString, value: object) -> Argument:
    """Encode an argument.

    Args:
        name: Its name in SQL.
        type_: Its type in SQL.
        value: Its value in Python.

    Returns:
        The argument.

    Raises:
        ValueError: When the value is not a UUID where one is needed, a time without a zone, or a
            number that is too large.
        TypeError: When the value is of another type, or cannot be sent as JSON.
    """
    match type_:
        case "jsonb":
            return Argument(name, type_, _encode(value))
        case "uuid":
            return Argument(name, type_, _uuid_text(name.removeprefix("p_"), value))
        case "text":
            return Argument(name, type_, _checked(name, value, str))
        case "integer":
            number = _checked(name, value, int)
            if not -(2**31) <= number < 2**31:
                message = f"{name.removeprefix('p_')} must be an integer of 32 bits"
                raise ValueError(message)
            return Argument(name, type_, number)
        case _:
            if isinstance(value, datetime) and not value.tzinfo:
                message = f"{name.removeprefix('p_')} must have a time zone: {value}"
                raise ValueError(message)
            return Argument(name, type_, str(value))


def optional(name: LiteralString, type_: LiteralString, value: object) -> tuple[Argument, ...]:
    """Encode an optional argument; None is not sent, so that the default in SQL applies."""
    return () if value is None else (argument(name, type_, value),)


def _checked(name: str, value: object, type_: type[T]) -> T:
    if not isinstance(value, type_) or isinstance(value, bool):
        message = f"{name.removeprefix('p_')} must be {type_.__name__}, not {type(value).__name__}"
        raise TypeError(message)
    return value


def _uuid_text(name: str, value: object) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        message = f"{name} must be a UUID, not {value!r}"
        raise ValueError(message) from None


def _encode(value: object) -> str:
    if isinstance(value, Mapping):
        # keys may be ids; JSON allows only strings as keys
        items = cast("Mapping[object, object]", value).items()
        value = {str(key) if isinstance(key, UUID) else key: item for key, item in items}
    return json.dumps(value, default=_encodable, allow_nan=False)


def _encodable(value: object) -> object:  # noqa: PLR0911 - one for each kind of value
    """Convert ids, amounts, times, answers and collections to JSON."""
    match value:
        case UUID():
            return str(value)
        case Decimal():
            return format(value, "f")
        case datetime() if value.tzinfo:
            return value.isoformat()
        case TicketSelections():
            return value.to_json()
        case Mapping():
            return dict(cast("Mapping[str, Any]", value))
        case Iterable():
            return list(cast("Any", value))
        case _ if is_dataclass(value):
            return {f.name: getattr(value, f.name) for f in fields(value)}
        case _:
            message = f"{value!r} cannot be sent as JSON"
            raise TypeError(message)
