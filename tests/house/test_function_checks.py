"""The house rules for SQL find what they forbid, on its line, and nothing in good code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tools import check_function_bodies as tool

ROOT = Path(__file__).resolve().parents[2]

Findings: TypeAlias = list[tuple[str, int]]
Check: TypeAlias = Callable[[dict[str, str]], Findings]

SCHEMA = "migrations/0001.schema.sql"
HELPER = "functions/ticketing_internal/count_tickets.sql"
RPC = "functions/ticketing/get_count.sql"
MARK = "-- !"

GOOD = {
    SCHEMA: """\
CREATE DOMAIN ticketing.label AS text CONSTRAINT label_length CHECK (length(value) < 9);
CREATE TABLE ticketing.functions (
    function_id uuid NOT NULL,
    slug text NOT NULL,
    CONSTRAINT functions_pkey PRIMARY KEY (function_id)
);
CREATE TABLE ticketing.registration_index (
    registration_id uuid NOT NULL,
    function_id uuid NOT NULL,
    CONSTRAINT registration_index_pkey PRIMARY KEY (registration_id)
);
CREATE TABLE ticketing.events (
    function_id uuid NOT NULL,
    event_id uuid NOT NULL,
    title ticketing.label,
    CONSTRAINT events_pkey PRIMARY KEY (function_id, event_id)
);
CREATE TABLE ticketing.tickets (
    function_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    event_id uuid NOT NULL,
    units integer NOT NULL,
    CONSTRAINT tickets_pkey PRIMARY KEY (function_id, ticket_id)
);
CREATE TYPE ticketing_internal.unit AS (event_id uuid, units integer);
""",
    HELPER: """\
-- Counts the tickets of a function, überall.
-- Locks nothing.

CREATE OR REPLACE FUNCTION ticketing_internal.count_tickets(
    p_function_id uuid,
    p_lines ticketing_internal.unit [],
    p_now timestamptz
)
RETURNS integer
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    c_most CONSTANT integer := 5;
    v_count integer := least(c_most, 1);
    v_id uuid;
    v_ids uuid[];
    v_label ticketing.label;
    v_function ticketing.functions%ROWTYPE;
    v_lines ticketing_internal.unit [] := p_lines;
    v_line ticketing_internal.unit;
    v_row record;
BEGIN
    SELECT count(*) INTO v_count FROM ticketing.tickets WHERE function_id = p_function_id;
    RETURN v_count;
END
$$;

COMMENT ON FUNCTION ticketing_internal.count_tickets IS 'Counts the tickets of a function.';
""",
    RPC: """\
-- Counts the tickets of a function for its staff.

CREATE OR REPLACE FUNCTION ticketing.get_count(p_function_id uuid)
RETURNS TABLE (tickets integer)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT ticketing_internal.count_tickets(p_function_id, NULL, now());
END
$$;

COMMENT ON FUNCTION ticketing.get_count IS 'Counts the tickets of a function.';

GRANT EXECUTE ON FUNCTION ticketing.get_count TO authenticated;
""",
}
SQL_FUNCTION = """\
-- Doubles a number.

CREATE OR REPLACE FUNCTION ticketing_internal.twice(p_number integer)
RETURNS integer
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 2 * p_number;
$$;

COMMENT ON FUNCTION ticketing_internal.twice IS 'Doubles a number.';
"""
TWICE = "functions/ticketing_internal/twice.sql"


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """A function that checks a project of the files given and returns rule and line of findings."""

    def run(files: dict[str, str]) -> Findings:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return [(finding.rule, finding.line) for finding in tool.check(tmp_path)]

    return run


def edit(file: str, old: str, new: str) -> dict[str, str]:
    """The good project with one passage of one file changed."""
    assert old in GOOD[file], f"{file} does not say {old!r} any more"
    return {**GOOD, file: GOOD[file].replace(old, new, 1)}


def with_body(statement: str) -> dict[str, str]:
    """The good project with a statement put into the helper."""
    return edit(HELPER, "    RETURN v_count;\n", f"    {statement}\n    RETURN v_count;\n")


def marked_line(files: dict[str, str]) -> int | None:
    """The line that carries the mark, in whichever file."""
    for text in files.values():
        for number, line in enumerate(text.splitlines(), start=1):
            if line.endswith(MARK):
                return number
    return None


def test_good_project(check: Check) -> None:
    assert check({**GOOD, TWICE: SQL_FUNCTION}) == []


@pytest.mark.parametrize(
    "statement",
    [
        "v_count := v_count + (SELECT sum(line.units) FROM unnest(p_lines) AS line);",
        "v_lines[1] := ROW(v_id, 1)::ticketing_internal.unit; v_line.units := 2;",
        "v_label := 'x'::ticketing.label; v_function.slug := v_label;",
        (
            "SELECT event_id, title INTO v_id, v_label FROM ticketing.events"
            " WHERE (function_id, event_id) = (p_function_id, v_id);"
        ),
        # through a join, an outer join, USING, a row, a list, a lateral or correlated query
        (
            "PERFORM FROM ticketing.tickets AS t JOIN ticketing.events AS e"
            " ON e.function_id = t.function_id AND e.event_id = t.event_id"
            " WHERE t.function_id = p_function_id;"
        ),
        (
            "PERFORM FROM ticketing.tickets LEFT JOIN ticketing.events"
            " USING (function_id, event_id) WHERE function_id = p_function_id;"
        ),
        (
            "PERFORM FROM ticketing.functions JOIN ticketing.events USING (function_id)"
            " WHERE functions.slug = 'x';"
        ),
        "PERFORM FROM ticketing.tickets WHERE function_id = ANY (v_ids) AND (units > 1 OR TRUE);",
        "PERFORM FROM ticketing.tickets WHERE function_id IN (SELECT unnest(v_ids));",
        (
            "PERFORM FROM ticketing.tickets AS t WHERE t.function_id = p_function_id AND EXISTS"
            " (SELECT FROM ticketing.events AS e WHERE e.function_id = t.function_id);"
        ),
        (
            "WITH line AS (SELECT p_function_id AS function_id)"
            " SELECT count(*) INTO v_count FROM line JOIN ticketing.tickets USING (function_id);"
        ),
        (
            "SELECT function_id INTO v_id FROM ticketing.registration_index"
            " WHERE registration_id = v_id;"
        ),
        "SELECT count(*) INTO v_count\n    FROM ticketing.tickets; -- all functions: an audit",
        (
            "SELECT count(*) INTO v_count\n    -- all functions: an audit\n    -- looks at all\n"
            "    FROM ticketing.tickets;"
        ),
        (
            "UPDATE ticketing.tickets AS t SET units = t.units + line.units"
            " FROM unnest(p_lines) AS line WHERE t.function_id = p_function_id;"
        ),
        (
            "DELETE FROM ticketing.tickets AS t USING ticketing.events AS e"
            " WHERE t.function_id = p_function_id AND e.function_id = t.function_id;"
        ),
        (
            "INSERT INTO ticketing.tickets (function_id, ticket_id)"
            " VALUES (p_function_id, gen_random_uuid()) RETURNING ticket_id INTO v_id;"
        ),
        (
            "PERFORM FROM ticketing.tickets AS t WHERE t.function_id = p_function_id"
            " ORDER BY t.ticket_id FOR NO KEY UPDATE OF t SKIP LOCKED;"
        ),
        (
            "WITH made AS (INSERT INTO ticketing.events (function_id, event_id)"
            " VALUES (p_function_id, gen_random_uuid()) RETURNING event_id)"
            " UPDATE ticketing.tickets SET event_id = made.event_id FROM made"
            " WHERE function_id = p_function_id;"
        ),
        (
            "FOR v_row IN SELECT ticket_id FROM ticketing.tickets WHERE function_id = p_function_id"
            " LOOP v_count := v_count + 1; END LOOP;"
        ),
        "RAISE EXCEPTION USING ERRCODE = 'TK001', MESSAGE = format('%s', v_count);",
        "BEGIN v_id := 'x'::uuid; EXCEPTION WHEN data_exception THEN v_id := NULL; END;",
        "v_count = CASE WHEN p_now > p_now - interval '1 day' THEN 1 ELSE 2 END;",
    ],
)
def test_good_statement(check: Check, statement: str) -> None:
    assert check(with_body(statement)) == []


FAULTY_STATEMENTS = [
    ("unreadable", "SELECT count(*) INTO v_count FROM FROM ticketing.events; -- !"),
    ("dynamic-sql", "EXECUTE 'SELECT 1'; -- !"),
    ("dynamic-sql", "FOR v_row IN EXECUTE 'SELECT 1' LOOP -- !\n    END LOOP;"),
    ("variables", "FOR i IN 1..2 LOOP -- !\n    END LOOP;"),
    ("variables", "DECLARE\n    total integer; -- !\n    BEGIN END;"),
    ("variables", "DECLARE\n    c_total integer; -- !\n    BEGIN END;"),
    ("qualified-tables", "PERFORM FROM\n    registration_index; -- !"),
    ("qualified-tables", "SELECT count(*) INTO v_count\n    FROM public.events; -- !"),
    ("qualified-tables", "INSERT INTO events (event_id) -- !\n    VALUES (v_id);"),
    ("qualified-functions", "v_count :=\n    count_tickets(v_id, v_lines, p_now); -- !"),
    ("qualified-functions", "v_count := ticketing_internal.no_such(1); -- !"),
    ("qualified-functions", "IF extensions.is_full(v_id) THEN -- !\n    NULL;\n    END IF;"),
    ("qualified-functions", "RAISE EXCEPTION USING\n    MESSAGE = get_count(v_id); -- !"),
    ("qualified-types", "v_line := ROW(v_id,\n    1)::unit; -- !"),
    ("qualified-types", "v_lines := '{}'::unit []; -- !"),
    (
        "statements",
        (
            "MERGE INTO ticketing.registration_index AS r USING ticketing.functions AS f -- !\n"
            "    ON r.function_id = f.function_id WHEN MATCHED THEN DELETE;"
        ),
    ),
    ("statements", "NOTIFY changes; -- !"),
    ("statements", "SET LOCAL enable_nestloop = off; -- !"),
    ("statements", "CREATE TEMP TABLE ticketing.scratch (id uuid); -- !"),
    ("statements", "LOCK TABLE ticketing.tickets; -- !"),
    ("statements", "TRUNCATE ticketing.tickets; -- !"),
    ("statements", "CALL ticketing_internal.count_tickets(v_id, v_lines, p_now); -- !"),
    ("calls", "PERFORM pg_notify('changes', ''); -- !"),
    ("calls", "PERFORM pg_catalog.pg_sleep(1); -- !"),
    ("calls", "PERFORM set_config('role', 'anon', TRUE); -- !"),
    ("clock", "v_row := ROW(now()); -- !"),
    ("clock", "v_row := ROW(pg_catalog.clock_timestamp()); -- !"),
    ("clock", "v_row := ROW(CURRENT_TIMESTAMP); -- !"),
    ("clock", "v_row := ROW(CURRENT_DATE, CURRENT_USER); -- !"),
    ("clock", "v_row := ROW(LOCALTIMESTAMP(0)); -- !"),
    ("locks", "PERFORM FROM ticketing.functions FOR UPDATE; -- !"),
    (
        "returning",
        "INSERT INTO ticketing.functions (slug) VALUES ('x') RETURNING * INTO v_row; -- !",
    ),
    (
        "returning",
        (
            "INSERT INTO ticketing.functions AS f (slug) VALUES ('x')\n"
            "    RETURNING f.* INTO v_row; -- !"
        ),
    ),
    (
        "returning",
        (
            "INSERT INTO ticketing.functions (slug) VALUES ('x')\n"
            "    RETURNING upper(slug) INTO v_label; -- !"
        ),
    ),
    ("where", "UPDATE ticketing.functions SET slug = ''; -- !"),
    ("where", "DELETE FROM ticketing.functions; -- !"),
    (
        "volatile-update",
        "UPDATE ticketing.functions SET\n    slug = gen_random_uuid()::text -- !\n    WHERE TRUE;",
    ),
    ("volatile-update", "UPDATE ticketing.functions SET slug = ''\n    WHERE random() < 0.5; -- !"),
    (
        "volatile-update",
        (
            "UPDATE ticketing.functions SET\n    slug = ticketing.get_count(function_id)::text -- !"
            "\n    WHERE slug = '';"
        ),
    ),
    (
        "volatile-update",
        (
            "INSERT INTO ticketing.functions (slug) VALUES ('x')\n"
            "    ON CONFLICT (function_id) DO UPDATE SET function_id = gen_random_uuid(); -- !"
        ),
    ),
    ("function-id", "PERFORM FROM\n    ticketing.tickets; -- !"),
    ("function-id", "SELECT count(*)\n    INTO\n    v_count\n    FROM ticketing.tickets; -- !"),
    ("function-id", "PERFORM FROM ticketing.tickets -- !\n    WHERE ticket_id = v_id;"),
    (
        "function-id",
        (
            "PERFORM FROM ticketing.tickets -- !\n"
            "    WHERE function_id = p_function_id OR p_function_id IS NULL;"
        ),
    ),
    (
        "function-id",
        "PERFORM FROM ticketing.tickets AS t -- !\n    WHERE t.function_id <> p_function_id;",
    ),
    (
        "function-id",
        (
            "PERFORM FROM ticketing.tickets AS t -- !\n"
            "    JOIN ticketing.functions AS f ON f.slug = 'x' WHERE f.function_id = p_function_id;"
        ),
    ),
    (
        "function-id",
        (
            "PERFORM FROM ticketing.tickets AS t\n"
            "    JOIN ticketing.events AS e -- !\n"
            "    ON e.event_id = t.event_id WHERE t.function_id = p_function_id;"
        ),
    ),
    (
        "function-id",
        (
            "PERFORM FROM ticketing.tickets AS t WHERE t.function_id = p_function_id\n"
            "    AND EXISTS (SELECT FROM ticketing.events AS e -- !\n"
            "    WHERE e.event_id = t.event_id);"
        ),
    ),
    (
        "function-id",
        (
            "UPDATE ticketing.tickets AS t SET units = 1 -- !\n"
            "    FROM unnest(p_lines) AS line WHERE t.event_id = line.event_id;"
        ),
    ),
    ("function-id", "DELETE FROM ticketing.tickets -- !\n    WHERE ticket_id = v_id;"),
    (
        "function-id",
        (
            "INSERT INTO ticketing.events (function_id)\n"
            "    SELECT function_id FROM ticketing.tickets; -- !"
        ),
    ),
    (
        "function-id",
        (
            "-- all functions: a comment elsewhere does not count\n"
            "    SELECT count(*) INTO v_count\n    FROM ticketing.tickets; -- !"
        ),
    ),
    (
        "function-id",
        "SELECT count(*) INTO v_count\n    -- all functions:\n    FROM ticketing.tickets; -- !",
    ),
]


@pytest.mark.parametrize(("rule", "statement"), FAULTY_STATEMENTS)
def test_faulty_statement(check: Check, rule: str, statement: str) -> None:
    files = with_body(statement)
    line = marked_line(files)
    findings = check(files)
    if rule == "unreadable":  # PL/pgSQL errors come without a line
        assert [found for found, _ in findings] == [rule]
    else:
        assert findings == [(rule, line)]


def test_tables_joined_to_nothing_else_are_all_functions(check: Check) -> None:
    join = "PERFORM FROM ticketing.tickets -- !\n    JOIN ticketing.events USING (function_id);"
    files = with_body(join)
    line = marked_line(files)
    assert line is not None
    assert check(files) == [("function-id", line), ("function-id", line + 1)]


@pytest.mark.parametrize(
    "files",
    [
        edit(RPC, "BEGIN\n", "BEGIN IF\n"),
        {**GOOD, TWICE: SQL_FUNCTION.replace("2 *", "2 ** ,")},
    ],
)
def test_unreadable_body_is_found(check: Check, files: dict[str, str]) -> None:
    assert [found for found, _ in check(files)] == ["unreadable"]


def test_body_rules_all_have_a_fault() -> None:
    proven = {rule for rule, _ in FAULTY_STATEMENTS}
    assert proven == {*tool.RULES, "dynamic-sql", "variables", "unreadable"}


def test_command_line(tmp_path: Path) -> None:
    def run() -> tuple[int, str]:
        command = [sys.executable, tool.__file__, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    code, output = run()
    assert code == 2
    assert str(tmp_path) in output

    for name, text in GOOD.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert run() == (0, "")

    path = tmp_path / RPC
    path.write_text(GOOD[RPC].replace("now()", "now(), pg_sleep(1)"), encoding="utf-8")
    code, output = run()
    assert code == 1
    assert output.startswith(f"{path}:10: calls: ")
    assert output.count("\n") == 1


def test_sql_of_the_package_has_no_findings() -> None:
    assert [str(finding) for finding in tool.check(ROOT / "sql")] == []
