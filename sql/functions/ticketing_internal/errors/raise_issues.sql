-- The one place where the package raises: the SQLSTATE for programs to branch on, a MESSAGE and
-- a HINT for people, and DETAIL as JSON with every issue.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_issues(p_sqlstate text, p_issues jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- a reader can use no more than this many, and a payload of thousands of rows can be wrong in
    -- every one
    c_most_issues CONSTANT integer := 100;
    v_total integer := jsonb_array_length(p_issues);
    v_message text;
    v_hint text;
BEGIN
    SELECT outcome.message, outcome.hint
    INTO STRICT v_message, v_hint
    FROM ticketing_internal.error_classes() AS outcome
    WHERE outcome.sqlstate = p_sqlstate;

    RAISE EXCEPTION USING
        ERRCODE = p_sqlstate,
        MESSAGE = v_message || CASE v_total WHEN 1 THEN ': ' ELSE format(' (%s problems); first: ', v_total) END
            || left(p_issues -> 0 ->> 'message', 500),
        HINT = v_hint,
        DETAIL = jsonb_build_object(
            'issues', jsonb_path_query_array(p_issues, format('$[0 to %s]', c_most_issues - 1)::jsonpath),
            'issues_total', v_total
        )::text;
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_issues IS
'Raises p_sqlstate (see error_classes) with p_issues, a non-empty array of {"code", "path", "message", …}, of which the
first 100 are listed. Never returns.';
