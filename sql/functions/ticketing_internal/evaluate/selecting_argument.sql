-- The argument that selects something: the path of issues that are about a request as a whole.

CREATE OR REPLACE FUNCTION ticketing_internal.selecting_argument(
    p_request ticketing_internal.request
)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- lines in the order of the arguments; those of p_request.lines are in the order of the attendees
    RETURN substring(
        coalesce(p_request.selection_lines[1].path, p_request.inferred_lines[1].path) FROM '^[a-z_]+'
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.selecting_argument IS
'The name of the first argument that a resolved request has lines of; null if it has none.';
