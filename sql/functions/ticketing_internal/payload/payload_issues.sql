-- Names every fault of one JSON argument. Runs only when its reader has refused it, or where a call
-- is rare.

CREATE OR REPLACE FUNCTION ticketing_internal.payload_issues(p_argument text, p_value jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    IF p_value IS NULL OR p_value = 'null' THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'missing_key', p_argument, format('%s is required.', p_argument)
        ));
    END IF;
    -- before anything reads it element by element
    v_issues := ticketing_internal.bound_issues(p_argument, p_value);
    IF v_issues <> '[]' THEN
        RETURN v_issues;
    END IF;
    RETURN ticketing_internal.schema_issues(p_value, ticketing_internal.payload_schema(p_argument), p_argument);
END
$$;

COMMENT ON FUNCTION ticketing_internal.payload_issues IS
'All issues of a required JSON argument: absent, beyond its bounds, or not of its documented shape; [] when there are none.';
