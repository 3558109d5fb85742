-- Infer the selections that a request leaves unsaid. An attendee named only by submitted tickets
-- selects what these amount to; one who is not named, but holds tickets whose hold is over, selects
-- these again.

CREATE OR REPLACE FUNCTION ticketing_internal.infer_selections(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue,
    p_overdue ticketing_internal.planned_ticket[]
)
RETURNS ticketing_internal.request
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request ticketing_internal.request := p_request;
    v_attendee_ids uuid [];
    v_lines ticketing_internal.selection_line [];
BEGIN
    WITH declared AS (
        SELECT unnest(p_request.attendee_ids) AS attendee_id
    ),
    submitted AS (
        SELECT (reference.attendee).attendee_id, ticket.package_id, ticket.ticket_type_id, ticket.path, ticket.position
        FROM unnest(p_request.submitted_tickets) AS ticket
        INNER JOIN ticketing_internal.attendee_references(p_attendees) AS reference
            ON reference.ref = ticket.attendee_ref
        LEFT JOIN declared ON declared.attendee_id = (reference.attendee).attendee_id
        WHERE declared.attendee_id IS NULL
    ),
    inferred AS (
        SELECT submitted.* FROM submitted
        UNION ALL
        SELECT ticket.attendee_id, ticket.package_id, ticket.ticket_type_id, 'p_registration_id', 0
        FROM unnest(p_overdue) AS ticket
        LEFT JOIN declared ON declared.attendee_id = ticket.attendee_id
        LEFT JOIN submitted ON submitted.attendee_id = ticket.attendee_id
        WHERE declared.attendee_id IS NULL AND submitted.attendee_id IS NULL
    ),
    counted AS (
        SELECT
            inferred.attendee_id,
            inferred.package_id,
            inferred.ticket_type_id,
            count(*)::integer AS quantity,
            (array_agg(inferred.path ORDER BY inferred.position))[1] AS path,
            min(inferred.position) AS position
        FROM inferred
        GROUP BY inferred.attendee_id, inferred.package_id, inferred.ticket_type_id
    ),
    line AS (
        SELECT
            counted.attendee_id, counted.package_id, counted.ticket_type_id, counted.quantity, counted.path,
            counted.position
        FROM counted
        WHERE counted.package_id IS NULL
        UNION ALL
        SELECT
            counted.attendee_id,
            counted.package_id,
            NULL,
            -- as many packages as explain every ticket, so that too few tickets show as an incomplete
            -- package
            max((counted.quantity + item.quantity - 1) / item.quantity),
            (array_agg(counted.path ORDER BY counted.position))[1],
            min(counted.position)
        FROM counted
        INNER JOIN unnest(p_catalogue.items) AS item
            ON item.package_id = counted.package_id AND item.ticket_type_id = counted.ticket_type_id
        GROUP BY counted.attendee_id, counted.package_id
    )
    SELECT
        (SELECT array_agg(ROW(
            line.attendee_id, line.package_id, line.ticket_type_id, line.quantity, NULL, line.path,
            cardinality(p_request.selection_lines) + line.index
        )::ticketing_internal.selection_line) FROM (
            SELECT line.*, row_number() OVER (ORDER BY line.position) AS index FROM line
        ) AS line),
        ARRAY(
            SELECT attendee.attendee_id
            FROM unnest(p_attendees) AS attendee
            WHERE attendee.attendee_id IN (
                SELECT inferred.attendee_id FROM inferred
                UNION ALL
                SELECT declared.attendee_id FROM declared
            )
            ORDER BY attendee.position
        )
    INTO v_lines, v_attendee_ids;

    v_request.attendee_ids := v_attendee_ids;
    v_request.inferred_lines := v_lines;
    v_request.lines := ARRAY(
        SELECT line
        FROM unnest(p_request.lines || v_lines) AS line
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = line.attendee_ref
        ORDER BY attendee.position, line.position
    );
    RETURN v_request;
END
$$;

COMMENT ON FUNCTION ticketing_internal.infer_selections IS
'p_request with the attendees and lines that its submitted tickets, and p_overdue (the tickets of the registration when
their hold is over), amount to.';
