-- The only function that raises errors of the package: a SQLSTATE for programs to branch on, a
-- MESSAGE and a HINT for users, and all issues as JSON in DETAIL.
--
-- Errors: the class in p_sqlstate.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_issues(
    p_sqlstate text, p_issues jsonb, p_hint text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_total integer := jsonb_array_length(p_issues);
    v_message text;
    v_hint text;
BEGIN
    SELECT class.message, class.hint
    INTO STRICT v_message, v_hint
    FROM ticketing_internal.error_classes() AS class
    WHERE class.sqlstate = p_sqlstate;

    RAISE EXCEPTION USING
        ERRCODE = p_sqlstate,
        MESSAGE = v_message || CASE v_total
            WHEN 1 THEN ': '
            ELSE format(' (%s problems%s); first: ', v_total, CASE
                WHEN v_total >= ticketing_internal.most_issues() THEN ' or more'
            END)
        END
            || left(p_issues -> 0 ->> 'message', 500),
        HINT = coalesce(p_hint, v_hint),
        DETAIL = jsonb_build_object(
            'issues', ticketing_internal.first_issues(p_issues),
            'issues_total', v_total,
            'issues_truncated', v_total >= ticketing_internal.most_issues()
        )::text;
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_issues IS
'Raises p_sqlstate (see error_classes) with p_issues, a non-empty array of {"code", "path", "message", …}; DETAIL lists
the first 100, and how many there are (issues_total), or at least are (issues_truncated). p_hint: instead of the
hint of the class. Never returns.';
