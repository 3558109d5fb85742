"""The migrated database keeps the house rules, as PostgreSQL's own catalogs tell.

Every rule is a query for what breaks it. It is asked of the database as it is, and then of one
with a specimen of everything we may create: of the specimen as it should be, which no rule
minds, and of the specimen with one fault, which its rule finds. Who has which rights, the product
itself judges: see tests/security/test_doctor.py.
"""

import re
from collections import Counter
from pathlib import Path
from typing import LiteralString, TypeAlias

import psycopg
import pytest
from pglast import ast
from psycopg.rows import TupleRow
from tools.check_function_bodies import names, read_project

Connection: TypeAlias = psycopg.Connection[TupleRow]

SQL = Path(__file__).resolve().parents[2] / "sql"

RULES: dict[str, LiteralString] = {
    # -- functions
    # a disabled plan node adds so much to the cost that a server with JIT compiles every plan
    "who disables plan nodes disables JIT": """
        SELECT oid::regprocedure FROM functions
        WHERE
            EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting ~ '^enable_.*=off$')
            AND 'jit=off' <> ALL (proconfig)
    """,
    "functions are commented": """
        SELECT oid::regprocedure FROM functions
        WHERE coalesce(obj_description(oid, 'pg_proc'), '') = ''
    """,
    "functions have one signature": """
        SELECT pronamespace::regnamespace || '.' || proname FROM functions
        GROUP BY pronamespace, proname HAVING count(*) > 1
    """,
    "RPCs have the rights of their owner; apart from them, only what policies call may": """
        SELECT oid::regprocedure FROM functions
        WHERE prosecdef <> (pronamespace = 'ticketing'::regnamespace)
            AND oid NOT IN (SELECT oid FROM policy_functions)
    """,
    "arguments are named p_, results r_": """
        SELECT oid::regprocedure FROM functions
        WHERE EXISTS (
            SELECT FROM unnest(coalesce(proargmodes, array_fill('i'::"char", ARRAY[pronargs])),
                coalesce(proargnames, '{}')) AS argument (mode, name)
            WHERE mode <> 't'
                AND coalesce(name, '') !~ CASE mode WHEN 'o' THEN '^r_' ELSE '^p_' END
        )
    """,
    # Citus cannot plan SQL functions
    "functions that name a table are in plpgsql": """
        SELECT functions.oid::regprocedure FROM functions
        INNER JOIN pg_language ON pg_language.oid = prolang
        WHERE lanname <> 'plpgsql' AND EXISTS (
            SELECT FROM relations
            WHERE prosrc ~ format('\\m%s\\.%s\\M', relnamespace::regnamespace, relname)
        )
    """,
    "RPCs that read are STABLE": """
        SELECT oid::regprocedure FROM functions
        WHERE pronamespace = 'ticketing'::regnamespace
            AND proname ~ '^(get|quote|check)_' AND provolatile <> 's'
    """,
    # -- comments
    "tables and views are commented": """
        SELECT oid::regclass FROM relations
        WHERE relkind <> 'S' AND coalesce(obj_description(oid, 'pg_class'), '') = ''
    """,
    "columns are commented": """
        SELECT attrelid::regclass || '.' || attname FROM columns
        WHERE coalesce(col_description(attrelid, attnum), '') = ''
    """,
    "types are commented": """
        SELECT oid::regtype FROM types WHERE coalesce(obj_description(oid, 'pg_type'), '') = ''
    """,
    "schemas are commented": """
        SELECT oid::regnamespace FROM schemas
        WHERE coalesce(obj_description(oid, 'pg_namespace'), '') = ''
    """,
    "nothing is in schema public": """
        SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT oid::regtype::text FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e')
    """,
    # -- keys, checks and indexes
    "tables have a primary key": """
        SELECT oid::regclass FROM tables
        WHERE NOT EXISTS (SELECT FROM constraints WHERE conrelid = tables.oid AND contype = 'p')
    """,
    "constraints are named <table>_<what>": """
        SELECT owner || ' ' || conname
        FROM (
            SELECT *, coalesce(relname, typname) AS owner
            FROM constraints
            LEFT JOIN tables ON tables.oid = conrelid
            LEFT JOIN types ON types.oid = contypid
        ) AS named
        WHERE contype <> 'n' -- PostgreSQL 18 has these of its own, by names of its own
            AND conname !~ ('^' || owner || CASE contype
                WHEN 'p' THEN '_pkey$'
                WHEN 'u' THEN '_[a-z_]+_key$'
                WHEN 'f' THEN '_[a-z_]+_fkey$'
                WHEN 'c' THEN '_(?!check$)[a-z_]+$'
                ELSE '_[a-z_]+_excl$'
            END)
    """,
    "indexes are named <table>_..._idx": """
        SELECT indexrelid::regclass FROM indexes
        INNER JOIN pg_class ON pg_class.oid = indexrelid
        INNER JOIN tables ON tables.oid = indrelid
        WHERE NOT EXISTS (SELECT FROM constraints WHERE conindid = indexrelid)
            AND pg_class.relname !~ ('^' || tables.relname || '_[a-z_]+_idx$')
    """,
    "no index begins another": """
        SELECT spare.indexrelid::regclass
        FROM indexes AS spare
        INNER JOIN indexes AS longer
            ON longer.indrelid = spare.indrelid
            AND longer.indexrelid <> spare.indexrelid
            AND longer.definition[:cardinality(spare.keys)] = spare.definition
            AND longer.predicate IS NOT DISTINCT FROM spare.predicate
        WHERE NOT spare.indisunique
            -- of two that are the same, the one made later is too many
            AND (cardinality(longer.keys) > cardinality(spare.keys)
                OR longer.indisunique OR longer.indexrelid < spare.indexrelid)
    """,
    "primary and unique keys start with function_id": """
        SELECT indexrelid::regclass FROM indexes
        INNER JOIN columns ON attrelid = indrelid AND attname = 'function_id'
        WHERE indisunique AND keys[1] <> attnum
            -- a function has a slug among all, and registrations are looked up by their id alone
            AND indrelid NOT IN (
                'ticketing.functions'::regclass, 'ticketing.registration_index'::regclass
            )
    """,
    "foreign keys start with function_id on both sides": """
        SELECT conrelid::regclass || ' ' || conname FROM constraints
        INNER JOIN columns AS here ON here.attrelid = conrelid AND here.attname = 'function_id'
        LEFT JOIN columns AS there ON there.attrelid = confrelid AND there.attname = 'function_id'
        WHERE contype = 'f' AND conrelid <> 'ticketing.functions'::regclass
            AND (conkey[1] <> here.attnum OR confkey[1] <> there.attnum)
    """,
    # what is computed of columns that refuse it is none either, since none of them is infinite
    "numeric columns refuse NaN": """
        SELECT attrelid::regclass || '.' || attname FROM numeric_columns
        WHERE NOT is_checked AND NOT (attgenerated = 's' AND NOT EXISTS (
            SELECT FROM pg_attrdef
            INNER JOIN pg_depend
                ON classid = 'pg_attrdef'::regclass AND objid = pg_attrdef.oid
                AND refclassid = 'pg_class'::regclass AND refobjid = adrelid
            INNER JOIN numeric_columns AS part
                ON part.attrelid = adrelid AND part.attnum = refobjsubid
            WHERE adrelid = numeric_columns.attrelid AND adnum = numeric_columns.attnum
                AND refobjsubid <> adnum
                AND NOT (part.is_checked AND part.is_finite)
        ))
    """,
    "nothing is set to null or default when its parent goes": """
        SELECT conrelid::regclass || ' ' || conname FROM constraints
        WHERE confdeltype IN ('n', 'd') OR confupdtype IN ('n', 'd')
    """,
    # -- triggers
    "nothing below a function has a trigger": """
        SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger
        INNER JOIN columns ON attrelid = tgrelid AND attname = 'function_id'
        WHERE NOT tgisinternal AND tgrelid <> 'ticketing.functions'::regclass
    """,
}

# What the rules look at: only what is ours.
OURS: LiteralString = """
    WITH schemas AS (
        SELECT * FROM pg_namespace WHERE nspname IN ('ticketing', 'ticketing_internal')
    ),
    functions AS (
        SELECT * FROM pg_proc WHERE pronamespace IN (SELECT oid FROM schemas)
    ),
    relations AS ( -- tables, views and sequences
        SELECT * FROM pg_class
        WHERE relnamespace IN (SELECT oid FROM schemas)
            AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    ),
    tables AS (
        SELECT * FROM relations WHERE relkind IN ('r', 'p', 'f')
    ),
    columns AS (
        SELECT * FROM pg_attribute
        WHERE attrelid IN (SELECT oid FROM relations WHERE relkind <> 'S')
            AND attnum > 0 AND NOT attisdropped
    ),
    types AS (
        SELECT * FROM pg_type
        WHERE typnamespace IN (SELECT oid FROM schemas)
            AND typtype IN ('c', 'd', 'e', 'r')
            AND (typrelid = 0 OR typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
    ),
    policy_functions AS (
        SELECT functions.* FROM functions
        INNER JOIN pg_depend
            ON refobjid = functions.oid
            AND refclassid = 'pg_proc'::regclass AND classid = 'pg_policy'::regclass
    ),
    constraints AS (
        SELECT * FROM pg_constraint WHERE connamespace IN (SELECT oid FROM schemas)
    ),
    numeric_columns AS (
        SELECT
            attrelid, attnum, attname, attgenerated,
            -- one with a number of digits
            greatest(atttypmod, typtypmod) > 0 AS is_finite,
            EXISTS (
                SELECT FROM constraints
                WHERE contype = 'c'
                    AND (conrelid = attrelid OR contypid = atttypid)
                    AND pg_get_constraintdef(constraints.oid) LIKE format(
                        '%%(%s <> ''NaN''::numeric)%%',
                        CASE contypid WHEN 0 THEN quote_ident(attname) ELSE 'VALUE' END
                    )
                    AND pg_get_constraintdef(constraints.oid) NOT LIKE '% OR %'
            ) AS is_checked
        FROM columns
        INNER JOIN tables ON tables.oid = attrelid
        INNER JOIN pg_type ON pg_type.oid = atttypid
        WHERE 'numeric'::regtype IN (pg_type.oid, typbasetype)
    ),
    indexes AS (
        SELECT
            *,
            (indkey::smallint [])[:indnkeyatts - 1] AS keys,
            pg_get_expr(indpred, indrelid) AS predicate,
            ARRAY(
                SELECT concat_ws(
                    ' ', pg_get_indexdef(indexrelid, number, FALSE),
                    indclass[number - 1], indcollation[number - 1], indoption[number - 1]
                )
                FROM generate_series(1, indnkeyatts) AS number
            ) AS definition
        FROM pg_index WHERE indrelid IN (SELECT oid FROM tables)
    )
"""


def breaches(db: Connection, rule: str) -> set[str]:
    """What breaks a rule."""
    return {str(row[0]) for row in db.execute(OURS + RULES[rule])}


@pytest.mark.parametrize("rule", RULES)
def test_catalog_keeps_rule(db: Connection, rule: str) -> None:
    assert breaches(db, rule) == set()


# -- the rules, tried on a specimen ----------------------------------------------------------------

SPECIMEN: LiteralString = """
    SET LOCAL ROLE ticketing_owner;

    CREATE DOMAIN ticketing.specimen_word AS text
    CONSTRAINT specimen_word_length_check CHECK (length(value) < 9);
    COMMENT ON DOMAIN ticketing.specimen_word IS 'A domain.';

    CREATE TYPE ticketing_internal.specimen_row AS (id uuid, price numeric);
    COMMENT ON TYPE ticketing_internal.specimen_row IS 'A composite type.';

    CREATE TABLE ticketing.specimens (
        function_id uuid NOT NULL,
        specimen_id uuid NOT NULL,
        event_id uuid NOT NULL,
        number bigint GENERATED ALWAYS AS IDENTITY,
        price numeric(12, 2),
        fee ticketing.amount,
        total numeric GENERATED ALWAYS AS (price + fee) STORED,
        CONSTRAINT specimens_pkey PRIMARY KEY (function_id, specimen_id),
        CONSTRAINT specimens_number_key UNIQUE (function_id, number),
        CONSTRAINT specimens_event_fkey FOREIGN KEY (function_id, event_id)
        REFERENCES ticketing.events (function_id, event_id),
        CONSTRAINT specimens_price_check CHECK (price > 0 AND price <> 'NaN')
    );
    CREATE INDEX specimens_event_idx ON ticketing.specimens (event_id, function_id)
    WHERE event_id IS NOT NULL;
    CREATE INDEX specimens_price_idx ON ticketing.specimens (price) INCLUDE (number);
    COMMENT ON TABLE ticketing.specimens IS 'A table.';
    COMMENT ON COLUMN ticketing.specimens.function_id IS 'The function.';
    COMMENT ON COLUMN ticketing.specimens.specimen_id IS 'Its id.';
    COMMENT ON COLUMN ticketing.specimens.event_id IS 'The event.';
    COMMENT ON COLUMN ticketing.specimens.number IS 'Its number.';
    COMMENT ON COLUMN ticketing.specimens.price IS 'Its price.';
    COMMENT ON COLUMN ticketing.specimens.fee IS 'Its fee.';
    COMMENT ON COLUMN ticketing.specimens.total IS 'Price and fee.';
    ALTER TABLE ticketing.specimens ENABLE ROW LEVEL SECURITY;
    CREATE POLICY specimens_select ON ticketing.specimens FOR SELECT TO anon USING (TRUE);
    GRANT SELECT ON ticketing.specimens TO anon;

    CREATE VIEW ticketing.specimen_prices WITH (security_invoker = TRUE) AS
    SELECT price FROM ticketing.specimens;
    COMMENT ON VIEW ticketing.specimen_prices IS 'A view.';
    COMMENT ON COLUMN ticketing.specimen_prices.price IS 'Its price.';

    CREATE FUNCTION ticketing.get_specimen(p_id uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    AS $$ BEGIN RETURN ticketing_internal.name_specimen(p_id); END $$;
    COMMENT ON FUNCTION ticketing.get_specimen(uuid) IS 'An RPC.';
    REVOKE ALL ON FUNCTION ticketing.get_specimen(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION ticketing.get_specimen(uuid) TO anon;

    CREATE FUNCTION ticketing_internal.name_specimen(p_id uuid) RETURNS uuid
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT p_id $$;
    COMMENT ON FUNCTION ticketing_internal.name_specimen(uuid) IS 'A helper.';
    REVOKE ALL ON FUNCTION ticketing_internal.name_specimen(uuid) FROM PUBLIC;

    RESET ROLE;
"""

FAULTS: list[tuple[str, LiteralString, str]] = [
    (
        "who disables plan nodes disables JIT",
        "ALTER FUNCTION ticketing.get_specimen SET enable_seqscan = off",
        "ticketing.get_specimen(uuid)",
    ),
    (
        "functions are commented",
        "COMMENT ON FUNCTION ticketing_internal.name_specimen IS NULL",
        "ticketing_internal.name_specimen(uuid)",
    ),
    (
        "functions have one signature",
        "CREATE FUNCTION ticketing.get_specimen() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
        "ticketing.get_specimen",
    ),
    *(
        (
            "RPCs have the rights of their owner; apart from them, only what policies call may",
            *fault,
        )
        for fault in (
            (
                "ALTER FUNCTION ticketing_internal.name_specimen SECURITY DEFINER",
                "ticketing_internal.name_specimen(uuid)",
            ),
            (
                "ALTER FUNCTION ticketing.get_specimen SECURITY INVOKER",
                "ticketing.get_specimen(uuid)",
            ),
        )
    ),
    *(
        ("arguments are named p_, results r_", fault, "ticketing_internal.add(uuid)")
        for fault in (
            (
                "CREATE FUNCTION ticketing_internal.add(id uuid) RETURNS uuid"
                " LANGUAGE sql AS 'SELECT id'"
            ),
            (
                "CREATE FUNCTION ticketing_internal.add(p_id uuid, OUT id uuid)"
                " LANGUAGE sql AS 'SELECT p_id'"
            ),
            "CREATE FUNCTION ticketing_internal.add(uuid) RETURNS uuid LANGUAGE sql AS 'SELECT $1'",
        )
    ),
    (
        "functions that name a table are in plpgsql",
        (
            "CREATE OR REPLACE FUNCTION ticketing_internal.name_specimen(p_id uuid) RETURNS uuid"
            " LANGUAGE sql AS 'SELECT specimen_id FROM ticketing.specimens'"
        ),
        "ticketing_internal.name_specimen(uuid)",
    ),
    (
        "RPCs that read are STABLE",
        "ALTER FUNCTION ticketing.get_specimen VOLATILE",
        "ticketing.get_specimen(uuid)",
    ),
    (
        "tables and views are commented",
        "COMMENT ON TABLE ticketing.specimens IS NULL",
        "ticketing.specimens",
    ),
    (
        "tables and views are commented",
        "COMMENT ON VIEW ticketing.specimen_prices IS NULL",
        "ticketing.specimen_prices",
    ),
    (
        "columns are commented",
        "ALTER TABLE ticketing.specimens ADD COLUMN name text",
        "ticketing.specimens.name",
    ),
    (
        "columns are commented",
        "COMMENT ON COLUMN ticketing.specimen_prices.price IS NULL",
        "ticketing.specimen_prices.price",
    ),
    (
        "types are commented",
        "COMMENT ON TYPE ticketing_internal.specimen_row IS NULL",
        "ticketing_internal.specimen_row",
    ),
    (
        "types are commented",
        "CREATE TYPE ticketing.specimen_kind AS ENUM ('good', 'bad')",
        "ticketing.specimen_kind",
    ),
    ("schemas are commented", "COMMENT ON SCHEMA ticketing_internal IS NULL", "ticketing_internal"),
    ("nothing is in schema public", "CREATE TABLE public.stray ()", "stray"),
    ("nothing is in schema public", "CREATE DOMAIN public.stray AS text", "stray"),
    (
        "tables have a primary key",
        "ALTER TABLE ticketing.specimens DROP CONSTRAINT specimens_pkey",
        "ticketing.specimens",
    ),
    (
        "constraints are named <table>_<what>",
        "ALTER TABLE ticketing.specimens ADD CHECK (price > 1)",
        "specimens specimens_price_check1",
    ),
    (
        "constraints are named <table>_<what>",
        "ALTER TABLE ticketing.specimens ADD CHECK (price > number)",
        "specimens specimens_check",
    ),
    (
        "constraints are named <table>_<what>",
        "ALTER TABLE ticketing.specimens RENAME CONSTRAINT specimens_event_fkey TO event_fkey",
        "specimens event_fkey",
    ),
    (
        "constraints are named <table>_<what>",
        (
            "ALTER TABLE ticketing.specimens"
            " RENAME CONSTRAINT specimens_number_key TO specimens_number"
        ),
        "specimens specimens_number",
    ),
    (
        "constraints are named <table>_<what>",
        "ALTER DOMAIN ticketing.specimen_word ADD CHECK (value <> '')",
        "specimen_word specimen_word_check",
    ),
    (
        "indexes are named <table>_..._idx",
        "CREATE INDEX ON ticketing.specimens (price, number);" * 2,
        "ticketing.specimens_price_number_idx1",
    ),
    (
        "no index begins another",
        "CREATE INDEX specimens_function_idx ON ticketing.specimens (function_id)",
        "ticketing.specimens_function_idx",
    ),
    (
        "no index begins another",
        (
            "CREATE INDEX specimens_second_idx ON ticketing.specimens (event_id, function_id)"
            " WHERE event_id IS NOT NULL"
        ),
        "ticketing.specimens_second_idx",
    ),
    (
        "primary and unique keys start with function_id",
        "ALTER TABLE ticketing.specimens ADD CONSTRAINT specimens_id_key UNIQUE (specimen_id)",
        "ticketing.specimens_id_key",
    ),
    (
        "primary and unique keys start with function_id",
        "CREATE UNIQUE INDEX specimens_price_key ON ticketing.specimens (price, function_id)",
        "ticketing.specimens_price_key",
    ),
    (
        "foreign keys start with function_id on both sides",
        (
            "ALTER TABLE ticketing.specimens ADD CONSTRAINT specimens_other_event_fkey"
            " FOREIGN KEY (event_id, function_id)"
            " REFERENCES ticketing.events (event_id, function_id)"
        ),
        "ticketing.specimens specimens_other_event_fkey",
    ),
    (
        "foreign keys start with function_id on both sides",
        (
            "ALTER TABLE ticketing.specimens ADD CONSTRAINT specimens_slug_fkey"
            " FOREIGN KEY (specimen_id) REFERENCES ticketing.registration_index (registration_id)"
        ),
        "ticketing.specimens specimens_slug_fkey",
    ),
    (
        "numeric columns refuse NaN",
        "ALTER TABLE ticketing.specimens ADD COLUMN tip numeric CHECK (tip >= 0)",
        "ticketing.specimens.tip",
    ),
    (
        "numeric columns refuse NaN",
        "ALTER TABLE ticketing.specimens ADD COLUMN tip numeric CHECK (tip >= 0 OR tip <> 'NaN')",
        "ticketing.specimens.tip",
    ),
    # the infinite less the infinite is NaN
    (
        "numeric columns refuse NaN",
        """
        ALTER TABLE ticketing.specimens
        ADD COLUMN tip numeric CHECK (tip <> 'NaN'),
        ADD COLUMN tips numeric GENERATED ALWAYS AS (tip - tip) STORED
        """,
        "ticketing.specimens.tips",
    ),
    (
        "numeric columns refuse NaN",
        """
        CREATE DOMAIN ticketing.specimen_tip AS numeric(12, 2)
        CONSTRAINT specimen_tip_range CHECK (value >= 0);
        ALTER TABLE ticketing.specimens ADD COLUMN tip ticketing.specimen_tip
        """,
        "ticketing.specimens.tip",
    ),
    (
        "nothing is set to null or default when its parent goes",
        (
            "ALTER TABLE ticketing.specimens ADD CONSTRAINT specimens_other_event_fkey"
            " FOREIGN KEY (function_id, event_id) REFERENCES ticketing.events ON DELETE SET NULL"
        ),
        "ticketing.specimens specimens_other_event_fkey",
    ),
    (
        "nothing below a function has a trigger",
        (
            "CREATE TRIGGER specimens_same BEFORE UPDATE ON ticketing.specimens FOR EACH ROW"
            " EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
        ),
        "ticketing.specimens specimens_same",
    ),
]


@pytest.mark.parametrize("rule", RULES)
def test_catalog_rule_accepts_the_specimen(db: Connection, rule: str) -> None:
    before = breaches(db, rule)
    db.execute(SPECIMEN)
    assert breaches(db, rule) == before


@pytest.mark.parametrize(("rule", "fault", "breach"), FAULTS)
def test_catalog_rule_finds_the_fault(
    db: Connection, rule: str, fault: LiteralString, breach: str
) -> None:
    db.execute(SPECIMEN)
    before = breaches(db, rule)
    db.execute(fault)
    assert breaches(db, rule) - before == {breach}


def test_catalog_rules_all_have_a_fault() -> None:
    assert {rule for rule, _, _ in FAULTS} == set(RULES)


# -- what takes more than a query ------------------------------------------------------------------

FUNCTION_NAMES: LiteralString = """
    SELECT pronamespace::regnamespace || '.' || proname FROM functions
"""


def unlike_the_files(db: Connection) -> set[str]:
    """Functions of the database that have not exactly one file, and files without a function."""
    stored = Counter(str(row[0]) for row in db.execute(OURS + FUNCTION_NAMES))
    files = Counter(
        f"{path.relative_to(SQL / 'functions').parts[0]}.{path.stem}"
        for path in SQL.rglob("functions/**/*.sql")
    )
    return {name for name in stored | files if (stored[name], files[name]) != (1, 1)}


def test_functions_are_those_of_the_files(db: Connection) -> None:
    assert unlike_the_files(db) == set()
    db.execute(SPECIMEN)
    assert unlike_the_files(db) == {"ticketing.get_specimen", "ticketing_internal.name_specimen"}


def test_file_without_its_function_is_found(db: Connection) -> None:
    db.execute("ALTER FUNCTION ticketing_internal.is_uuid RENAME TO is_a_uuid")
    names = {"ticketing_internal.is_uuid", "ticketing_internal.is_a_uuid"}
    assert unlike_the_files(db) == names


def no_built_ins(db: Connection, names: set[str]) -> set[str]:
    """Those of the names that are no functions of PostgreSQL."""
    query = "SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
    return names - {str(row[0]) for row in db.execute(query)}


def test_bare_names_are_built_ins(db: Connection) -> None:
    called = {
        names(call.funcname)
        for function in read_project(SQL).functions
        for query in function.queries
        for call in query.of(ast.FuncCall)
    }
    bare = {name[0] for name in called if len(name) == 1}
    assert no_built_ins(db, {"count", "no_such"}) == {"no_such"}
    assert len(bare) > 10
    assert no_built_ins(db, bare) == set()


def has_the_form(schema: str, name: str, text: str) -> bool:
    """Whether a file is a comment, one function that can be replaced, its COMMENT and its GRANT.

    Names are unique in a schema, so COMMENT and GRANT need no argument lists.
    """
    function = rf"{schema}\.{name}"
    header, *others = re.split(r"^(?:AS )?\$\$;?\n", text, flags=re.MULTILINE)
    return bool(
        re.fullmatch(rf"-- \S.*\n(--.*\n)*\nCREATE OR REPLACE FUNCTION {function}\([^;]*", header)
        and len(others) == 2
        and re.fullmatch(
            rf"\nCOMMENT ON FUNCTION {function} IS\n'([^']|'')+';\n"
            rf"(\n(-- .*\n)*GRANT EXECUTE ON FUNCTION {function}\sTO [a-z_, ]+;\n)?",
            others[1],
        )
    )


def test_function_files_have_one_form() -> None:
    paths = list((SQL / "functions").rglob("*.sql"))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    schema_of = {path: path.relative_to(SQL / "functions").parts[0] for path in paths}
    assert [
        path for path in paths if not has_the_form(schema_of[path], path.stem, texts[path])
    ] == []


GOOD_FILE = """\
-- Doubles a number.

CREATE OR REPLACE FUNCTION ticketing.twice(p_number integer)
RETURNS integer
LANGUAGE sql
AS $$
    SELECT 2 * p_number;
$$;

COMMENT ON FUNCTION ticketing.twice IS
'Doubles a number.';

GRANT EXECUTE ON FUNCTION ticketing.twice TO anon, authenticated;
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-- Doubles a number.\n\n", ""),
        ("OR REPLACE ", ""),
        ("FUNCTION ticketing.twice(", "FUNCTION ticketing_internal.twice("),
        ("FUNCTION ticketing.twice(", "FUNCTION ticketing.double("),
        ("$$", "'"),
        ("CREATE", "DROP FUNCTION ticketing.twice;\nCREATE"),
        ("COMMENT", GOOD_FILE + "COMMENT"),
        ("twice IS", "twice(integer) IS"),
        ("'Doubles a number.'", "NULL"),
        ("twice TO", "twice(integer) TO"),
        ("anon, authenticated;\n", "PUBLIC;\n"),
        ("authenticated;\n", "authenticated;\nANALYZE;\n"),
    ],
)
def test_file_of_another_form_is_found(old: str, new: str) -> None:
    assert has_the_form("ticketing", "twice", GOOD_FILE)
    assert old in GOOD_FILE
    assert not has_the_form("ticketing", "twice", GOOD_FILE.replace(old, new))


def test_migrations_create_no_function() -> None:
    creates = re.compile(r"^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b", re.MULTILINE)
    assert creates.search(GOOD_FILE)
    paths = (SQL / "migrations").glob("*.sql")
    assert [path for path in paths if creates.search(path.read_text(encoding="utf-8"))] == []
