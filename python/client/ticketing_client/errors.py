"""Exceptions for the refusals of RPCs: one class per SQLSTATE, mapped in this module only."""
# ruff: noqa: N818 - the classes carry the names of the outcomes in the contract

from __future__ import annotations

import random
import re
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql

from ticketing_client._problems import PROBLEMS, Problem
from ticketing_client.models import Issue  # noqa: TC001 - the decoder reads it

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

RETRIES = 5
"""How often a transaction of the client's own is repeated."""

_REPEATED = {"40001", "40P01"}

_OVERTAKEN = {
    "42883": re.compile(""),
    "42704": re.compile(""),
    "42846": re.compile("cannot cast type record to "),
    "XX000": re.compile(
        "cache lookup failed for |could not open relation with OID "
        "|function in FROM has unsupported return type"
    ),
}
"""What a call in flight may end with when an upgrade of the package commits: SQLSTATE, and how the
message begins. A function or type that it was about to use has just been replaced."""


class UnexpectedAnswerError(Exception):
    """The answer of the database cannot be decoded by this version of the client, or at all."""


class TicketingError(Exception):
    """A call that the database refused. It has written nothing.

    Attributes:
        message: The problem in words.
        sqlstate: The class of the refusal; callers branch on it or on the class of the exception.
        hint: The remedy, or None.
        issues: Every problem found, up to 100; empty when the refusal has no details.
        issues_total: Number of problems, including those not listed.
        issues_truncated: Whether there may be more problems than issues_total.
    """

    def __init__(
        self,
        message: str,
        sqlstate: str,
        hint: str | None = None,
        issues: tuple[Issue, ...] = (),
        issues_total: int = 0,
        *,
        issues_truncated: bool = False,
    ) -> None:
        """Store the fields of the database error.

        Args:
            message: The problem in words.
            sqlstate: Five characters, such as "TK004".
            hint: The remedy.
            issues: The problems.
            issues_total: Number of problems, including those not listed.
            issues_truncated: Whether there may be more problems than issues_total.
        """
        super().__init__(message, sqlstate, hint, issues, issues_total)
        self.message = message
        self.sqlstate = sqlstate
        self.hint = hint
        self.issues = issues
        self.issues_total = issues_total
        self.issues_truncated = issues_truncated

    @property
    def http_status(self) -> int:
        """The HTTP status that says the same."""
        return self._problem.status

    @property
    def http_headers(self) -> Mapping[str, str]:
        """The headers that a response of this status has."""
        return self._problem.headers

    def to_problem(self) -> dict[str, Any]:
        """Return the refusal as a problem document (RFC 9457), ready for json.dumps.

        Returns:
            `type`, the same for all refusals of a kind; `title`, `status`; `detail`, the problem in
            words; and of this package `code`, the SQLSTATE; `hint`, the remedy or None; `issues`,
            as the database lists them; `issues_total` and `issues_truncated`.
        """
        return {
            "type": f"urn:ticketing-sql:problem:{self._problem.name}",
            "title": self._problem.title,
            "status": self.http_status,
            "detail": self.message,
            "code": self.sqlstate,
            "hint": self.hint,
            "issues": [_plain(issue) for issue in self.issues],
            "issues_total": self.issues_total,
            "issues_truncated": self.issues_truncated,
        }

    @property
    def _problem(self) -> Problem:
        return PROBLEMS[self.sqlstate]

    def __str__(self) -> str:
        """Return the message, every issue with its path, and the hint, one per line."""
        lines = [self.message]
        if len(self.issues) == 1:
            lines.append(f"  at {self.issues[0].path}")  # its text is the message
        else:
            lines += [f"  at {issue.path}: {issue.message}" for issue in self.issues]
        if self.issues_total > len(self.issues):
            more = self.issues_total - len(self.issues)
            lines.append(f"  and {more} more" + (", at least" if self.issues_truncated else ""))
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class InvalidPayload(TicketingError):
    """TK001: an argument does not have the documented shape."""


class RegistrationNotFound(TicketingError):
    """TK002: no such registration, or not accessible to the caller."""


class RegistrationNotEditable(TicketingError):
    """TK003: the registration is completed or cancelled."""


class SelectionInvalid(TicketingError):
    """TK004: the selection breaks at least one rule."""


class SoldOut(TicketingError):
    """TK005: only capacity is missing."""


class RevisionConflict(TicketingError):
    """TK006: the registration was changed by another request."""

    @property
    def current_revision(self) -> int | None:
        """The stored revision; None when the error does not contain it."""
        return next((issue.actual for issue in self.issues if isinstance(issue.actual, int)), None)


class PaymentConflict(TicketingError):
    """TK007: amount, currency or reference of a payment differs."""


class FunctionNotFound(TicketingError):
    """TK008: no such event function, or not published to the caller."""


class NotSignedIn(TicketingError):
    """42501 with the issue not_authenticated: the call needs a user."""

    @property
    def _problem(self) -> Problem:
        return PROBLEMS["not_authenticated"]


class NotAllowed(TicketingError):
    """42501: this caller may never make this call."""

    @property
    def _problem(self) -> Problem:
        return PROBLEMS["not_allowed"]


class NotConfigured(TicketingError):
    """42501: a database role of the back end lacks a privilege; the hint is the GRANT to run.

    A fault of the deployment and not of the user, who learns nothing of it from to_problem().
    """

    @property
    def _problem(self) -> Problem:
        return Problem("not_configured", 500, "The service is not set up correctly", {})

    def to_problem(self) -> dict[str, Any]:
        """Return the problem without what only operators may know."""
        return super().to_problem() | {"detail": self._problem.title, "hint": None}


class TransientError(TicketingError):
    """40001, 40P01, 55P03 or 57014: the call may be right; repeat the whole transaction.

    Also 42883, 42704, 42846 or XX000 of a call that an upgrade of the package has overtaken.
    """

    @property
    def _problem(self) -> Problem:
        return PROBLEMS.get(self.sqlstate, PROBLEMS["40001"])


_CLASSES: dict[str, type[TicketingError]] = {
    "TK001": InvalidPayload,
    "TK002": RegistrationNotFound,
    "TK003": RegistrationNotEditable,
    "TK004": SelectionInvalid,
    "TK005": SoldOut,
    "TK006": RevisionConflict,
    "TK007": PaymentConflict,
    "TK008": FunctionNotFound,
    "42501": NotAllowed,
    "40001": TransientError,
    "40P01": TransientError,
    "55P03": TransientError,
    "57014": TransientError,
}


@contextmanager
def translated() -> Generator[None]:
    """Translate refusals of the database inside the block into exceptions of this module.

    Raises:
        TicketingError: The subclass of the SQLSTATE, with the original error as its cause.
        psycopg.Error: Unchanged, when its SQLSTATE is not part of the contract.
    """
    try:
        yield
    except psycopg.Error as error:
        sqlstate = error.sqlstate or ""
        message = error.diag.message_primary or str(error)
        pattern = _OVERTAKEN.get(sqlstate)
        class_ = TransientError if pattern and pattern.match(message) else _CLASSES.get(sqlstate)
        if class_ is None:
            raise
        detail = _details(error.diag.message_detail)
        if class_ is NotAllowed and any(i.code == "not_authenticated" for i in detail.issues):
            class_ = NotSignedIn
        raise class_(
            message,
            sqlstate,
            error.diag.message_hint,
            detail.issues,
            detail.issues_total,
            issues_truncated=detail.issues_truncated,
        ) from error


def is_of_package(error: psycopg.Error) -> bool:
    """Return whether it is the package that refuses, with issues, and not PostgreSQL itself."""
    return bool(_details(error.diag.message_detail).issues)


def missing_grant(error: psycopg.Error, role: str, login: str) -> NotConfigured:
    """Return what to raise for a database role without its grants.

    Args:
        error: The refusal with SQLSTATE 42501.
        role: The role whose rights are missing.
        login: The role that needs them.

    Returns:
        The exception, whose hint is the GRANT to run.
    """
    grant = sql.SQL("GRANT {} TO {};").format(sql.Identifier(role), sql.Identifier(login))
    return NotConfigured(
        f"The back end lacks a database role: {error.diag.message_primary}",
        "42501",
        grant.as_string(),
    )


def pause_before_retry(error: TransientError, attempt: int) -> float | None:
    """Decide whether to repeat a transaction that was the client's own.

    After a serialization failure or a deadlock the database has rolled it back, and repeating is
    what to do; the same after an upgrade has overtaken it. 55P03 and 57014 are the caller's own
    timeouts: the caller has decided how long to wait.

    Args:
        error: What came of it.
        attempt: How often it has been repeated already.

    Returns:
        How many seconds to wait first, at random so that rivals do not meet again; None to give up.

    Raises:
        psycopg.Error: The original, when a function or type is really missing: no upgrade is under
            way, and repeating does not help.
    """
    if error.sqlstate not in _REPEATED | _OVERTAKEN.keys():
        return None
    if attempt >= RETRIES:
        if error.sqlstate in _OVERTAKEN and error.__cause__:
            raise error.__cause__
        return None
    return random.uniform(0, 0.01 * 2**attempt)  # noqa: S311 - spreads load, keeps no secret


@dataclass(frozen=True)
class _Detail:
    issues: tuple[Issue, ...]
    issues_total: int = 0
    issues_truncated: bool = False


_DETAIL = msgspec.json.Decoder(_Detail, float_hook=Decimal)


def _details(text: str | None) -> _Detail:
    """Read the issues from a DETAIL; those of PostgreSQL itself, such as a deadlock, have none."""
    try:
        return _DETAIL.decode(text or "")
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        return _Detail(())


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _plain(issue: Issue) -> dict[str, Any]:
    """Return the keys of an issue that apply, as plain JSON."""
    found: dict[str, Any] = msgspec.json.decode(_ENCODER.encode(issue))
    return {key: value for key, value in found.items() if getattr(issue, key) not in (None, ())}
