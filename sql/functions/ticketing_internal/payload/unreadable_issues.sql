-- Names every fault of the JSON arguments of a call after a reader has refused one of them.
--
-- The values are in an array, because one jsonb object of them would be built value by value, which
-- takes as much memory as parsing them.

CREATE OR REPLACE FUNCTION ticketing_internal.unreadable_issues(
    p_arguments text[], p_values jsonb[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := '[]';
BEGIN
    FOR v_index IN 1..cardinality(p_arguments) LOOP
        v_issues := v_issues || ticketing_internal.payload_issues(p_arguments[v_index], p_values[v_index]);
    END LOOP;

    IF v_issues = '[]' THEN
        -- only if a reader should be stricter than the schema: the call is refused even so
        SELECT jsonb_agg(ticketing_internal.issue(
            'invalid_value', argument, format('%s is not of the documented shape.', argument)
        ))
        INTO v_issues
        FROM unnest(p_arguments) AS argument;
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.unreadable_issues IS
'All issues of the arguments with these names and values; never none.';
