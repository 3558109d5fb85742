"""Every UPDATE and DELETE that a call executes has a WHERE.

Supabase loads pg-safeupdate for its API role, which refuses all others. tools/check_function_bodies
looks for them in our SQL; here PostgreSQL says what it executes, inside of all functions.
"""

import json
import re

import pglast
import psycopg
from pglast import ast
from psycopg.errors import Diagnostic
from tests.support.caller import Connection, service
from tests.support.example import Document
from tests.support.requests import RPCS
from tools.check_function_bodies import Query

SAY_WHAT_IS_EXECUTED = b"""
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_format = json;
SET auto_explain.log_level = notice;
"""


def parsed(statement: str) -> Query:
    """Parse a statement, or an expression or assignment of PL/pgSQL."""
    try:
        return Query(statement, 1)
    except pglast.parser.ParseError:
        return Query("SELECT " + re.sub(r"^[\w.]+ := ", "", statement), 1)


def executed_by_all_calls(db: Connection, calls: dict[str, Document]) -> set[str]:
    """Make each call, after a server start, and return all statements that are executed."""
    statements: set[str] = set()

    def note(notice: Diagnostic) -> None:
        plan = (notice.message_primary or "").partition("plan:\n")[2]
        statements.add(json.loads(plan)["Query Text"])

    with db.transaction(force_rollback=True):
        db.execute("UPDATE ticketing_internal.feed_epoch SET server_started_at = 'epoch'")
        db.execute(SAY_WHAT_IS_EXECUTED)
        db.add_notice_handler(note)
        for rpc in RPCS:
            with db.transaction(force_rollback=True):
                service(db).rows(rpc, **calls[rpc])
    return statements


def test_calls_execute_no_update_or_delete_without_where(
    stage_url: str, calls: dict[str, Document]
) -> None:
    with psycopg.connect(stage_url) as db:
        statements = executed_by_all_calls(db, calls)
    writes = {
        (type(write).__name__, write.relation.relname, write.whereClause is not None)
        for statement in statements
        for write in parsed(statement).of(ast.UpdateStmt, ast.DeleteStmt)
    }
    assert sorted(write for write in writes if not write[2]) == []
    # so many others that nothing of it can have been overlooked
    assert {table for kind, table, _ in writes if kind == "UpdateStmt"} >= {
        "attendees",
        "capacity_pools",
        "feed_epoch",
        "functions",
        "registrations",
        "tickets",
    }
    assert {table for kind, table, _ in writes if kind == "DeleteStmt"} >= {
        "capacity_allotments",
        "package_items",
    }
