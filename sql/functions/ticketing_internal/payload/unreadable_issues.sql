-- Names every fault of the JSON arguments of a call after a reader has refused one of them.

CREATE OR REPLACE FUNCTION ticketing_internal.unreadable_issues(p_arguments jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_argument text;
    v_value jsonb;
    v_issues jsonb := '[]';
BEGIN
    FOR v_argument, v_value IN SELECT argument.key, argument.value FROM jsonb_each(p_arguments) AS argument
    LOOP
        v_issues := v_issues || ticketing_internal.payload_issues(v_argument, v_value);
    END LOOP;

    IF v_issues = '[]' THEN
        -- only if a reader should be stricter than the schema: the call is refused even so
        SELECT jsonb_agg(ticketing_internal.issue(
            'invalid_value', argument, format('%s is not of the documented shape.', argument)
        ))
        INTO v_issues
        FROM jsonb_object_keys(p_arguments) AS argument;
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.unreadable_issues IS
'All issues of the arguments, passed as {"argument name": value}; never none.';
