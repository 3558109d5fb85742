-- Issues that a change has not made: what was wrong before, because the organiser has changed the
-- rules since the sale, never forbids a correction. An issue has grown if a number is further from
-- what is allowed, or if the attendee gets another of what is at fault.

CREATE OR REPLACE FUNCTION ticketing_internal.grown_issues(
    p_issues jsonb,
    p_previous jsonb,
    p_plan ticketing_internal.planned_ticket[] DEFAULT '{}'
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    -- where the search has stopped, what has grown may not be among them
    IF jsonb_array_length(p_issues) >= ticketing_internal.most_issues() THEN
        RETURN p_issues;
    END IF;

    WITH listed AS (
        SELECT
            issue.is_previous,
            issue.number,
            issue.value,
            -- what a registration has too many of is named by the first attendee who has one
            issue.value - '{path,message,attendee_name,item_name,expected,actual}'::text[] - CASE issue.value ->> 'code'
                WHEN 'above_registration_maximum' THEN '{attendee_id,client_attendee_id}'
                ELSE '{}'
            END::text[] AS key,
            CASE
                WHEN jsonb_typeof(issue.value -> 'actual') = 'number'
                    THEN abs((issue.value -> 'actual')::numeric - (issue.value -> 'expected')::numeric)
            END AS size
        FROM (
            SELECT FALSE, issue.ordinality, issue.value
            FROM jsonb_array_elements(p_issues) WITH ORDINALITY AS issue
            UNION ALL
            SELECT TRUE, issue.ordinality, issue.value
            FROM jsonb_array_elements(p_previous) WITH ORDINALITY AS issue
        ) AS issue (is_previous, number, value)
    )
    SELECT jsonb_agg(listed.value ORDER BY listed.number)
    INTO v_issues
    FROM listed
    WHERE NOT listed.is_previous
        AND (
            NOT EXISTS (
                SELECT
                FROM listed AS previous
                WHERE previous.is_previous
                    AND previous.key = listed.key
                    AND coalesce(listed.size, 0) <= coalesce(previous.size, 0)
            )
            OR listed.size IS NULL AND EXISTS (
                SELECT
                FROM unnest(p_plan) AS ticket
                WHERE ticket.change = 'added'
                    AND ticket.attendee_id = (listed.value ->> 'attendee_id')::uuid
                    AND ticket.ticket_type_id = coalesce(
                        (listed.value ->> 'ticket_type_id')::uuid, ticket.ticket_type_id
                    )
                    AND ticket.package_id IS NOT DISTINCT FROM coalesce(
                        (listed.value ->> 'package_id')::uuid, ticket.package_id
                    )
            )
        );
    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.grown_issues IS
'Those of p_issues that are not in p_previous, or that p_plan makes worse: about another code, attendee or item, with a number
further from the expected one, or about an attendee who gets more of it; [] when there are none; all if there are more than are
looked for.';
