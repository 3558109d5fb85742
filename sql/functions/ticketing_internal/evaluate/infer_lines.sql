-- What attendees declare without saying so. One who is named only by the tickets given for him
-- declares what these amount to; one who is not named at all, but holds tickets whose hold is over,
-- declares them again.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.infer_lines(
    p_attendees ticketing_internal.attendee[],
    p_named uuid[],
    p_tickets ticketing_internal.submitted_ticket[],
    p_stored ticketing_internal.planned_ticket[],
    p_items ticketing.package_items[],
    OUT r_lines ticketing_internal.selection_line[],
    OUT r_named uuid[]
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH reference AS (
        SELECT person.attendee_id AS ref, person.attendee_id FROM unnest(p_attendees) AS person
        UNION
        SELECT person.client_attendee_id, person.attendee_id FROM unnest(p_attendees) AS person
    ),
    declared AS (
        SELECT unnest(p_named) AS attendee_id
    ),
    given AS (
        SELECT reference.attendee_id, ticket.package_id, ticket.ticket_type_id, ticket.path, ticket.position
        FROM unnest(p_tickets) WITH ORDINALITY AS ticket (
            path, ticket_id, registration_id, attendee_ref, client_attendee_ref, event_id, ticket_type_id, package_id,
            price_paid, original_price, currency, position
        )
        INNER JOIN reference ON reference.ref = ticket.attendee_ref
        LEFT JOIN declared ON declared.attendee_id = reference.attendee_id
        WHERE declared.attendee_id IS NULL
    ),
    implied AS (
        SELECT given.attendee_id, given.package_id, given.ticket_type_id, given.path, given.position
        FROM given
        UNION ALL
        SELECT ticket.attendee_id, ticket.package_id, ticket.ticket_type_id, 'p_registration_id', 0
        FROM unnest(p_stored) AS ticket
        LEFT JOIN declared ON declared.attendee_id = ticket.attendee_id
        LEFT JOIN given ON given.attendee_id = ticket.attendee_id
        WHERE declared.attendee_id IS NULL AND given.attendee_id IS NULL
    ),
    counted AS (
        SELECT
            implied.attendee_id,
            implied.package_id,
            implied.ticket_type_id,
            count(*)::integer AS quantity,
            (array_agg(implied.path ORDER BY implied.position))[1] AS path,
            min(implied.position) AS position
        FROM implied
        GROUP BY implied.attendee_id, implied.package_id, implied.ticket_type_id
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
            -- as many packages as explain every ticket: too few tickets then show as an incomplete
            -- package
            max((counted.quantity + item.quantity - 1) / item.quantity),
            (array_agg(counted.path ORDER BY counted.position))[1],
            min(counted.position)
        FROM counted
        INNER JOIN unnest(p_items) AS item
            ON item.package_id = counted.package_id AND item.ticket_type_id = counted.ticket_type_id
        GROUP BY counted.attendee_id, counted.package_id
    )
    SELECT
        (SELECT array_agg(ROW(
            line.attendee_id, line.package_id, line.ticket_type_id, line.quantity, NULL, line.path
        )::ticketing_internal.selection_line ORDER BY line.position) FROM line),
        (SELECT array_agg(DISTINCT implied.attendee_id) FROM implied)
    INTO r_lines, r_named;
END
$$;

COMMENT ON FUNCTION ticketing_internal.infer_lines IS
'The lines, by attendee id, of attendees who are not in p_named, as p_tickets and p_stored (null while it is held) amount
to them (r_lines), and who these attendees are (r_named).';
