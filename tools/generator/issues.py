"""The issues that the functions of the package raise, and their keys, as their SQL says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pglast
from pglast import ast
from tools.check_function_bodies import Query, qualified, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SQL: Final = Path(__file__).resolve().parents[2] / "sql"

ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "p_code": (),
    "p_path": (),
    "p_message": (),
    "p_attendee": ("attendee_id", "client_attendee_id", "attendee_name"),
    "p_ticket_type_id": ("ticket_type_id",),
    "p_package_id": ("package_id",),
    "p_item_name": ("item_name",),
    "p_expected": ("expected",),
    "p_actual": ("actual",),
}
"""The parameters of ticketing_internal.issue, and the keys that each adds to an issue."""


@dataclass(frozen=True)
class InternalCall:
    """A call of a function of ours in the body of another.

    Attributes:
        where: File and line.
        texts: What its first argument can be.
        keys: For a call of issue: the keys that its issue can have beside code, path and message.
    """

    where: str
    texts: set[str]
    keys: set[str]


def calls_of(function: str) -> Iterator[InternalCall]:
    """Yield all calls of a function of schema ticketing_internal."""
    for each in read_project(SQL).functions:
        for query in each.queries:
            for called in query.of(ast.FuncCall):
                if qualified(called.funcname) == ("ticketing_internal", function):
                    yield InternalCall(
                        f"{each.path.name}:{query.line_of(called)}",
                        _Scope(query, each.statement).texts(called.args[0]),
                        {*_argument_keys(called), *_appended_keys(query, called)},
                    )


def keys_of_codes() -> dict[str, set[str]]:
    """Return the keys that issues of each code can have beside code, path and message."""
    found: dict[str, set[str]] = {}
    for call in calls_of("issue"):
        for code in call.texts:
            found.setdefault(code, set()).update(call.keys)
    return found


@dataclass(frozen=True)
class _Scope:
    """A query, and the source of the function in which it stands."""

    query: Query
    source: str

    def texts(self, expression: Any) -> set[str]:  # noqa: ANN401 - a syntax tree
        """Return what an expression can be: constants, by way of CASE, columns and variables."""
        match expression:
            case ast.A_Const(val=ast.String(sval=str(text))):
                return {text}
            case ast.CaseExpr(args=tuple(whens), defresult=otherwise):
                results = [*(when.result for when in whens), otherwise]
            case ast.ColumnRef(fields=(ast.String(sval=str(name)),)):
                results = list(self._values_of_variable(name))
            case ast.ColumnRef(fields=(_, ast.String(sval=str(name)))):
                results = list(self._values_of_column(name))
            case _:
                results = []
        return set().union(*(self.texts(result) for result in results))

    def _values_of_variable(self, name: str) -> Iterator[Any]:
        for initial in re.findall(rf"\b{name}\b [^;]*?:=(.*?);", self.source, re.DOTALL):
            statement: Any = pglast.parse_sql(f"SELECT {initial}")[0].stmt
            yield statement.targetList[0].val

    def _values_of_column(self, name: str) -> Iterator[Any]:
        for select in self.query.of(ast.SelectStmt):
            first, *others = _branches(select)
            for position, target in enumerate(first):
                if target.name == name:
                    yield from (branch[position].val for branch in (first, *others))


def _branches(select: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a syntax tree
    """Yield the target list of a SELECT, or of each branch of a UNION, in their order."""
    if select.larg is None:
        yield select.targetList or ()
    else:
        yield from _branches(select.larg)
        yield from _branches(select.rarg)


def _argument_keys(called: Any) -> Iterator[str]:  # noqa: ANN401 - a syntax tree
    """Yield the keys that the arguments of a call of issue add."""
    for name, argument in zip(ARGUMENTS, called.args, strict=False):
        match argument:
            case ast.A_Const(isnull=True):
                pass
            case ast.NamedArgExpr(name=str(named)):
                yield from ARGUMENTS[named]
            case _:
                yield from ARGUMENTS[name]


def _appended_keys(query: Query, called: Any) -> Iterator[str]:  # noqa: ANN401 - a syntax tree
    """Yield the keys that ``issue(…) || jsonb_build_object('key', …)`` adds."""
    for joined in query.of(ast.A_Expr):
        match joined.rexpr:
            case ast.FuncCall(args=tuple(arguments)) if joined.lexpr is called:
                yield from (key.val.sval for key in arguments[::2])
            case _:
                pass
