"""The house rules for SQL find what they forbid, on its line, and nothing in good code."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "check_function_bodies.py"

Findings: TypeAlias = list[tuple[str, int]]
Check: TypeAlias = Callable[[dict[str, str]], Findings]


def load_tool() -> ModuleType:
    """Import the tool, which is no part of the package."""
    spec = spec_from_file_location(TOOL.stem, TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load_tool()

SCHEMA = "migrations/0001.schema.sql"
HELPER = "functions/ticketing_internal/count_tickets.sql"
RPC = "functions/ticketing/get_count.sql"
MARK = "-- !"

GOOD = {
    SCHEMA: """\
-- Not all is ASCII: Zuständigkeit.
DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['anon']
    LOOP
        EXECUTE format('CREATE ROLE %I', v_role);
    END LOOP;
END
$$;
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
    CONSTRAINT events_pkey PRIMARY KEY (function_id, event_id),
    CONSTRAINT events_function_fkey FOREIGN KEY (function_id)
    REFERENCES ticketing.functions (function_id) ON DELETE CASCADE
);
CREATE TABLE ticketing.tickets (
    function_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    event_id uuid NOT NULL,
    units integer NOT NULL,
    CONSTRAINT tickets_pkey PRIMARY KEY (function_id, ticket_id)
);
CREATE TYPE ticketing_internal.unit AS (event_id uuid, units integer);
CREATE POLICY tickets_select ON ticketing.tickets USING (ticketing.get_count(function_id) > 0);
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


def test_functions_may_be_in_folders_of_stages(check: Check) -> None:
    assert check({**GOOD, "functions/ticketing_internal/numbers/twice.sql": SQL_FUNCTION}) == []


def test_what_a_policy_calls_is_granted_to_its_readers(check: Check) -> None:
    definer = SQL_FUNCTION.replace("IMMUTABLE\n", "IMMUTABLE\nSECURITY DEFINER\n")
    granted = f"{definer}GRANT EXECUTE ON FUNCTION ticketing_internal.twice TO anon;\n"
    policy = "CREATE POLICY few ON ticketing.tickets USING (units < ticketing_internal.twice(2));\n"
    assert check({**GOOD, TWICE: granted, SCHEMA: GOOD[SCHEMA] + policy}) == []
    assert {rule for rule, _ in check({**GOOD, TWICE: granted})} == {"grants", "definer"}


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
    ("variables", "DECLARE\n    v_other unit; -- !\n    BEGIN END;"),
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
    (
        "volatile-update",
        "UPDATE ticketing.functions SET\n    function_id = gen_random_uuid(); -- !",
    ),
    ("volatile-update", "UPDATE ticketing.functions SET slug = ''\n    WHERE random() < 0.5; -- !"),
    (
        "volatile-update",
        "UPDATE ticketing.functions SET\n    slug = ticketing.get_count(function_id)::text; -- !",
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


GRANT = "GRANT EXECUTE ON FUNCTION ticketing.get_count TO authenticated;\n"
REVOKE = "REVOKE ALL ON FUNCTION ticketing.get_count FROM PUBLIC;\n"
ARGUMENTS = "COMMENT ON FUNCTION ticketing.get_count(uuid)"
FAULTY_FILES = [
    ("unreadable", edit(SCHEMA, "CREATE POLICY", "CREATE POLICE")),
    ("unreadable", edit(RPC, "BEGIN\n", "BEGIN IF\n")),
    ("unreadable", {**GOOD, TWICE: SQL_FUNCTION.replace("2 *", "2 ** ,")}),
    ("unreadable", {**GOOD, TWICE: SQL_FUNCTION.replace("LANGUAGE sql", "LANGUAGE plperl")}),
    ("unreadable", {**GOOD, TWICE: SQL_FUNCTION.replace("$$", "'")}),
    ("functions-live-once", {**GOOD, "migrations/0002.twice.sql": SQL_FUNCTION}),
    ("header", edit(RPC, "-- Counts the tickets of a function for its staff.\n", "")),
    ("one-function", {**GOOD, TWICE: "-- Nothing yet.\n"}),
    ("one-function", {**GOOD, "functions/ticketing/twice.sql": SQL_FUNCTION}),
    ("one-function", {**GOOD, "functions/ticketing_internal/double.sql": SQL_FUNCTION}),
    ("one-function", {**GOOD, TWICE: SQL_FUNCTION + SQL_FUNCTION.replace("(integer", "(uuid")}),
    ("one-function", edit(RPC, "OR REPLACE ", "")),
    ("one-function", edit(RPC, GRANT, f"{GRANT}ANALYZE ticketing.tickets;\n")),
    ("one-function", edit(RPC, "COMMENT ON FUNCTION ticketing.get_count", ARGUMENTS)),
    ("one-function", edit(RPC, GRANT, GRANT.replace("get_count", "get_count(uuid)"))),
    ("search-path", edit(RPC, "SET search_path = pg_catalog, pg_temp\n", "")),
    ("search-path", edit(RPC, "pg_catalog, pg_temp", "pg_catalog, public, pg_temp")),
    ("search-path", edit(RPC, "pg_catalog, pg_temp", "'pg_catalog, pg_temp'")),
    (
        "search-path",
        edit(RPC, "SET search_path = pg_catalog, pg_temp", "SET search_path TO DEFAULT"),
    ),
    ("comment", edit(RPC, "COMMENT ON FUNCTION ticketing.get_count", "COMMENT ON SCHEMA x")),
    ("comment", edit(RPC, "'Counts the tickets of a function.'", "NULL")),
    ("grants", edit(RPC, GRANT, GRANT + REVOKE)),
    ("grants", edit(RPC, "TO authenticated", "TO authenticated, PUBLIC")),
    (
        "grants",
        edit(RPC, GRANT, ""),
    ),
    (
        "grants",
        {
            **GOOD,
            TWICE: f"{SQL_FUNCTION}GRANT EXECUTE ON FUNCTION ticketing_internal.twice TO anon;\n",
        },
    ),
    ("definer", edit(RPC, "SECURITY DEFINER\n", "")),
    ("definer", edit(HELPER, "STABLE\n", "STABLE\nSECURITY DEFINER\n")),
    (
        "sql-tables",
        {**GOOD, TWICE: SQL_FUNCTION.replace("2 * p_number;", "2 FROM ticketing.functions;")},
    ),
    ("variables", edit(RPC, "p_function_id uuid", "function_id uuid")),
    (
        "variables",
        {**GOOD, TWICE: SQL_FUNCTION.replace("r integer)", "r integer, OUT twice integer)")},
    ),
    ("qualified-tables", edit(SCHEMA, "CREATE TABLE ticketing.tickets", "CREATE TABLE tickets")),
    ("qualified-tables", edit(SCHEMA, "REFERENCES ticketing.functions", "REFERENCES functions")),
    ("qualified-functions", edit(SCHEMA, "ticketing.get_count", "get_count")),
    ("qualified-functions", edit(SCHEMA, "EXECUTE format", "EXECUTE get_count")),
    ("qualified-types", edit(SCHEMA, "title ticketing.label", "title label")),
    ("qualified-types", edit(HELPER, "p_lines ticketing_internal.unit []", "p_lines unit []")),
    ("set-null", edit(SCHEMA, "ON DELETE CASCADE", "ON DELETE SET NULL")),
    ("set-null", edit(SCHEMA, "ON DELETE CASCADE", "ON DELETE SET DEFAULT")),
]


@pytest.mark.parametrize(("rule", "files"), FAULTY_FILES)
def test_faulty_file(check: Check, rule: str, files: dict[str, str]) -> None:
    assert rule in {found for found, _ in check(files)}


def test_every_rule_is_proven() -> None:
    rules = {
        *tool.MIGRATION_RULES,
        *tool.FILE_RULES,
        *tool.FUNCTION_RULES,
        *tool.QUERY_RULES,
        *tool.BODY_RULES,
    }
    assert rules == {rule for rule, _ in FAULTY_STATEMENTS + FAULTY_FILES} - {"unreadable"}


def test_overloads_are_refused_in_one_file_and_in_two(check: Check) -> None:
    overload = SQL_FUNCTION.replace("(integer", "(uuid").replace("p_number integer", "p_id uuid")
    other_folder = {"functions/ticketing_internal/more/twice.sql": overload}
    assert "one-function" in dict(check({**GOOD, TWICE: SQL_FUNCTION + overload}))
    assert "one-function" in dict(check({**GOOD, TWICE: SQL_FUNCTION, **other_folder}))


def test_command_line(tmp_path: Path) -> None:
    def run() -> tuple[int, str]:
        command = [sys.executable, str(TOOL), str(tmp_path)]
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


def test_the_sql_of_the_package() -> None:
    assert [str(finding) for finding in tool.check(ROOT / "sql")] == []
