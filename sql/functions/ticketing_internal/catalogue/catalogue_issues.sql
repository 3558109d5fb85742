-- All issues of a catalogue document that conforms to its schema, so that an import that is refused
-- names every problem. Capacities are compared with what is in use by save_pools, under its locks.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_issues(
    p_catalogue jsonb, p_rows ticketing_internal.submitted_catalogue, p_submitted jsonb
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(found.issue ORDER BY found.path), '[]')
        FROM (
            SELECT reference.path, reference.issue
            FROM ticketing_internal.catalogue_reference_issues(p_catalogue, p_submitted) AS reference
            UNION ALL
            SELECT wrong.path, wrong.issue
            FROM ticketing_internal.catalogue_value_issues(p_catalogue, p_rows.function) AS wrong
            UNION ALL
            SELECT conflict.path, conflict.issue
            FROM ticketing_internal.catalogue_conflict_issues(p_catalogue, p_rows) AS conflict
        ) AS found
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_issues IS
'All issues of p_catalogue, read as p_rows, by itself and against what is stored; [] when there are none. p_submitted: the document
as it was sent, with slugs where p_catalogue has ids.';
