-- Compare the submitted tickets with the plan, as multisets: a ticket listed twice is two tickets.
-- An attendee for whom something is named that does not exist is left out: that is an issue
-- already, and comparing on would only repeat it.

CREATE OR REPLACE FUNCTION ticketing_internal.compare_submitted_tickets(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue,
    p_plan ticketing_internal.planned_ticket[]
)
RETURNS ticketing_internal.ticket_comparison[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which do not match nulls
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    v_comparisons ticketing_internal.ticket_comparison [];
BEGIN
    WITH reference AS (
        SELECT reference.ref, (reference.attendee).attendee_id
        FROM ticketing_internal.attendee_references(p_attendees) AS reference
    ),
    submitted AS (
        SELECT
            reference.attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            ticket.path,
            ticket.position,
            terms.ticket_type_id IS NOT NULL
            AND (ticket.package_id IS NULL OR item.package_id IS NOT NULL) AS is_known
        FROM unnest(p_request.submitted_tickets) AS ticket
        INNER JOIN reference ON reference.ref = ticket.attendee_ref
        LEFT JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = ticket.ticket_type_id
        LEFT JOIN unnest(p_catalogue.items) AS item
            ON item.package_id = ticket.package_id AND item.ticket_type_id = ticket.ticket_type_id
    ),
    compared AS (
        SELECT named.attendee_id
        FROM (
            SELECT submitted.attendee_id, submitted.is_known FROM submitted
            UNION ALL
            SELECT reference.attendee_id, TRUE
            FROM unnest(p_request.selections) AS selection
            INNER JOIN reference ON reference.ref = selection.attendee_ref
        ) AS named
        GROUP BY named.attendee_id
        HAVING bool_and(named.is_known)
    ),
    expected_group AS (
        SELECT
            ticket.attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            count(*) AS quantity
        FROM unnest(p_plan) AS ticket
        INNER JOIN compared ON compared.attendee_id = ticket.attendee_id
        WHERE ticket.change <> 'removed'
        GROUP BY ticket.attendee_id, coalesce(ticket.package_id, c_none), ticket.ticket_type_id
    ),
    submitted_group AS (
        SELECT
            submitted.attendee_id,
            submitted.package_key,
            submitted.ticket_type_id,
            count(*) AS quantity,
            min(submitted.position) AS position,
            (array_agg(submitted.path ORDER BY submitted.position))[1] AS path
        FROM submitted
        INNER JOIN compared ON compared.attendee_id = submitted.attendee_id
        GROUP BY submitted.attendee_id, submitted.package_key, submitted.ticket_type_id
    )
    SELECT array_agg(ROW(
        coalesce(expected.attendee_id, submitted.attendee_id),
        coalesce(expected.package_key, submitted.package_key),
        coalesce(expected.ticket_type_id, submitted.ticket_type_id),
        coalesce(expected.quantity, 0),
        coalesce(submitted.quantity, 0),
        submitted.path,
        submitted.position
    )::ticketing_internal.ticket_comparison)
    INTO v_comparisons
    FROM expected_group AS expected
    FULL JOIN submitted_group AS submitted
        ON submitted.attendee_id = expected.attendee_id
        AND submitted.package_key = expected.package_key
        AND submitted.ticket_type_id = expected.ticket_type_id;

    RETURN coalesce(v_comparisons, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.compare_submitted_tickets IS
'One comparison for each attendee, package and ticket type that the submitted tickets of p_request or p_plan have.';
