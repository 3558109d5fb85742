-- Deadlines for changes of what is paid that contradict each other, or that the function does not
-- live to see: allowed, but hardly ever meant. A document that has refunds_until alone lets owners
-- cancel, and nothing else, which may be meant.

CREATE OR REPLACE FUNCTION ticketing_internal.deadline_warnings(
    p_catalogue ticketing_internal.submitted_catalogue
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function CONSTANT ticketing.functions := p_catalogue.function;
BEGIN
    RETURN ARRAY(
        SELECT format(
            'After changes_until, %s, what is paid can only be cancelled as a whole: refunds_until, %s, is later.',
            ticketing_internal.local_time(v_function.changes_until, v_function.timezone),
            ticketing_internal.local_time(v_function.refunds_until, v_function.timezone)
        )
        WHERE v_function.refunds_until > v_function.changes_until
    ) || ARRAY(
        SELECT format(
            '%s, %s, is later than the end of %s, %s.',
            deadline.key,
            ticketing_internal.local_time(deadline.until, v_function.timezone),
            v_function.name,
            ticketing_internal.local_time(v_function.ends_at, v_function.timezone)
        )
        FROM (
            VALUES ('changes_until', v_function.changes_until), ('refunds_until', v_function.refunds_until)
        ) AS deadline (key, until)
        WHERE deadline.until > v_function.ends_at
        ORDER BY deadline.key
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.deadline_warnings IS
'A text for each of changes_until and refunds_until of p_catalogue that is later than the function, and one if refunds end after changes.';
