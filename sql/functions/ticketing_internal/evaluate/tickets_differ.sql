-- Is there anything in the submitted tickets that the plan does not say as well? Both are counted
-- against each other as multisets, where tickets_match has compared them one by one. What exactly
-- is wrong is left to find_ticket_reference_issues and find_ticket_issues.

CREATE OR REPLACE FUNCTION ticketing_internal.tickets_differ(
    p_currency text,
    p_registration_id uuid,
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_plan ticketing_internal.planned_ticket[]
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- either every ticket has a price or none has
    v_has_price CONSTANT boolean := p_request.submitted_tickets[1].price_paid IS NOT NULL;
    v_has_original_price CONSTANT boolean := p_request.submitted_tickets[1].original_price IS NOT NULL;
    -- a list of hundreds is slow to search for each ticket
    v_are_all_named CONSTANT boolean := cardinality(p_request.attendee_ids) = cardinality(p_attendees);
BEGIN
    RETURN EXISTS (
        SELECT
        FROM (
            SELECT
                coalesce(attendee.attendee_id, ticket.attendee_ref) AS attendee_id,
                ticket.event_id,
                ticket.ticket_type_id,
                ticket.package_id,
                ticket.price_paid,
                ticket.original_price,
                1 AS count,
                ticket.ticket_id IS NOT NULL
                OR ticket.currency <> p_currency
                OR ticket.registration_id <> p_registration_id
                OR (ticket.client_attendee_ref IS NOT NULL AND coalesce(
                    ticket.attendee_ref NOT IN (attendee.attendee_id, attendee.client_attendee_id), TRUE
                )) AS is_suspect
            FROM unnest(p_request.submitted_tickets) AS ticket
            LEFT JOIN unnest(p_attendees) AS attendee
                ON attendee.client_attendee_id = coalesce(ticket.client_attendee_ref, ticket.attendee_ref)
            UNION ALL
            SELECT
                ticket.attendee_id,
                ticket.event_id,
                ticket.ticket_type_id,
                ticket.package_id,
                CASE WHEN v_has_price THEN ticket.price_paid END,
                CASE WHEN v_has_original_price THEN ticket.original_price END,
                -1,
                FALSE
            FROM unnest(p_plan) AS ticket
            WHERE ticket.change <> 'removed' AND (v_are_all_named OR ticket.attendee_id = ANY(p_request.attendee_ids))
        ) AS compared
        GROUP BY
            compared.attendee_id, compared.event_id, compared.ticket_type_id, compared.package_id, compared.price_paid,
            compared.original_price
        HAVING sum(compared.count) <> 0 OR bool_or(compared.is_suspect)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.tickets_differ IS
'False when the submitted tickets of p_request are, ticket for ticket, what p_plan leaves its attendees with; true when
they need a closer look.';
