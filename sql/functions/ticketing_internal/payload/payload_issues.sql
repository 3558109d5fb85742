-- Names every fault of one JSON argument. Runs only when its reader has refused it, or where a call
-- is rare.

CREATE OR REPLACE FUNCTION ticketing_internal.payload_issues(p_argument text, p_value jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_max_bytes CONSTANT integer := 1048576;
BEGIN
    IF p_value IS NULL OR p_value = 'null' THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'missing_key', p_argument, format('%s is required.', p_argument)
        ));
    END IF;
    -- before anything reads it element by element
    IF pg_column_size(p_value) > c_max_bytes THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'too_large', p_argument, format('%s is larger than 1 MiB; send it in several calls.', p_argument),
            p_expected => to_jsonb(c_max_bytes), p_actual => to_jsonb(pg_column_size(p_value))
        ));
    END IF;
    RETURN ticketing_internal.schema_issues(p_value, ticketing_internal.payload_schema(p_argument), p_argument);
END
$$;

COMMENT ON FUNCTION ticketing_internal.payload_issues IS
'All issues of a required JSON argument: absent, too large, or not of its documented shape; [] when there are none.';
