-- What is paid stays paid: a change of it answers for the breaches that it makes, not for those
-- that were there before, such as of a rule that the organiser has tightened after the sale.

CREATE OR REPLACE FUNCTION ticketing_internal.grown_issues(p_issues jsonb, p_previous_issues jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    IF p_issues = '[]' OR p_previous_issues = '[]' THEN
        RETURN p_issues;
    END IF;

    SELECT jsonb_agg(issue.value ORDER BY issue.ordinality)
    INTO v_issues
    FROM jsonb_array_elements(p_issues) WITH ORDINALITY AS issue
    WHERE NOT EXISTS (
        SELECT
        FROM jsonb_array_elements(p_previous_issues) AS previous
        WHERE (
            previous.value -> 'code', previous.value -> 'attendee_id', previous.value -> 'ticket_type_id',
            previous.value -> 'package_id'
        ) IS NOT DISTINCT FROM (
            issue.value -> 'code', issue.value -> 'attendee_id', issue.value -> 'ticket_type_id',
            issue.value -> 'package_id'
        )
    );
    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.grown_issues IS
'The elements of p_issues of which p_previous_issues has none with the same code, attendee, ticket type and package.';
