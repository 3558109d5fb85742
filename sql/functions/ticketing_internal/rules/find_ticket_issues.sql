-- Do the submitted tickets equal those that the selections amount to, in number and in price?

CREATE OR REPLACE FUNCTION ticketing_internal.find_ticket_issues(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue,
    p_plan ticketing_internal.planned_ticket[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_comparisons CONSTANT ticketing_internal.ticket_comparison [] := ticketing_internal.compare_submitted_tickets(
        p_attendees, p_request, p_catalogue, p_plan
    );
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(found.issue ORDER BY found.position), '[]')
        FROM unnest(
            ticketing_internal.find_ticket_price_issues(p_attendees, p_request, p_catalogue, p_plan, v_comparisons)
            || ticketing_internal.find_ticket_count_issues(p_attendees, p_request, p_catalogue, v_comparisons)
        ) AS found
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_ticket_issues IS
'Issues of submitted tickets that differ from the plan in number or in price, in the order of the tickets; [] when
there are none.';
