-- Is there anything about the rows that the caller gave that the plan does not say as well? Both
-- are counted against each other as multisets, since tickets_match has found that they are not the
-- same row by row. What exactly is wrong where is left to find_reference_issues and
-- find_ticket_issues.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.tickets_differ(
    p_currency text,
    p_registration_id uuid,
    p_attendees ticketing_internal.attendee[],
    p_named uuid[],
    p_tickets ticketing_internal.submitted_ticket[],
    p_plan ticketing_internal.planned_ticket[]
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- rows say what they cost all of them or none
    v_says_price CONSTANT boolean := p_tickets[1].price_paid IS NOT NULL;
    v_says_original_price CONSTANT boolean := p_tickets[1].original_price IS NOT NULL;
    -- a list of hundreds is slow to look through for each ticket
    v_is_everyone CONSTANT boolean := cardinality(p_named) = cardinality(p_attendees);
BEGIN
    RETURN EXISTS (
        SELECT
        FROM (
            SELECT
                coalesce(person.attendee_id, ticket.attendee_ref) AS attendee_id,
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
                    ticket.attendee_ref NOT IN (person.attendee_id, person.client_attendee_id), TRUE
                )) AS is_odd
            FROM unnest(p_tickets) AS ticket
            LEFT JOIN unnest(p_attendees) AS person
                ON person.client_attendee_id = coalesce(ticket.client_attendee_ref, ticket.attendee_ref)
            UNION ALL
            SELECT
                ticket.attendee_id,
                ticket.event_id,
                ticket.ticket_type_id,
                ticket.package_id,
                CASE WHEN v_says_price THEN ticket.price_paid END,
                CASE WHEN v_says_original_price THEN ticket.original_price END,
                -1,
                FALSE
            FROM unnest(p_plan) AS ticket
            WHERE ticket.change <> 'removed' AND (v_is_everyone OR ticket.attendee_id = ANY(p_named))
        ) AS compared
        GROUP BY
            compared.attendee_id, compared.event_id, compared.ticket_type_id, compared.package_id, compared.price_paid,
            compared.original_price
        HAVING sum(compared.count) <> 0 OR bool_or(compared.is_odd)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.tickets_differ IS
'Whether p_tickets need a closer look: false when they are, ticket for ticket, what p_plan leaves the attendees in p_named
with.';
