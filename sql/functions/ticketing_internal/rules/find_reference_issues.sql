-- Does everything that a request names exist, and do the given rows agree with the catalogue
-- about what belongs to what?
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.find_reference_issues(
    p_registration_id uuid,
    p_currency text,
    p_attendees ticketing_internal.attendee[],
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_tickets ticketing_internal.submitted_ticket[],
    p_plan ticketing_internal.planned_ticket[],
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.ticket_type_terms[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    WITH reference AS (
        SELECT person.attendee_id AS ref, person FROM unnest(p_attendees) AS person
        UNION ALL
        SELECT person.client_attendee_id, person FROM unnest(p_attendees) AS person
        WHERE person.client_attendee_id <> person.attendee_id
    ),
    selection AS (
        SELECT
            selection.path,
            selection.position,
            selection.attendee_ref,
            reference.ref,
            reference.person,
            row_number() OVER (
                PARTITION BY (reference.person).attendee_id ORDER BY selection.position
            ) AS occurrence
        FROM unnest(p_selections) WITH ORDINALITY AS selection (attendee_ref, selected_tickets, path, position)
        LEFT JOIN reference ON reference.ref = selection.attendee_ref
    ),
    contents AS (
        SELECT item.package_id, array_agg(item.ticket_type_id ORDER BY item.ticket_type_id) AS ticket_type_ids
        FROM unnest(p_items) AS item
        GROUP BY item.package_id
    ),
    -- the given rows that something is wrong with, so that only these are looked at closely
    suspect AS (
        SELECT
            ticket.*,
            reference.ref AS known_ref,
            reference.person,
            offer.event_id AS offer_event_id,
            offer.name AS offer_name,
            package.name AS package_name,
            item.ticket_type_id IS NOT NULL AS is_in_package,
            stored.ticket_id AS stored_id
        FROM (
            SELECT
                given.*,
                row_number() OVER (PARTITION BY given.ticket_id ORDER BY given.position) AS occurrence
            FROM unnest(p_tickets) WITH ORDINALITY AS given (
                path, ticket_id, registration_id, attendee_ref, client_attendee_ref, event_id, ticket_type_id,
                package_id, price_paid, original_price, currency, position
            )
        ) AS ticket
        LEFT JOIN reference ON reference.ref = ticket.attendee_ref
        LEFT JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = ticket.ticket_type_id
        LEFT JOIN unnest(p_packages) AS package ON package.package_id = ticket.package_id
        LEFT JOIN unnest(p_items) AS item
            ON item.package_id = ticket.package_id AND item.ticket_type_id = ticket.ticket_type_id
        LEFT JOIN unnest(p_plan) AS stored
            ON stored.ticket_id = ticket.ticket_id
            AND stored.attendee_id = (reference.person).attendee_id
            AND stored.ticket_type_id = ticket.ticket_type_id
            AND stored.package_id IS NOT DISTINCT FROM ticket.package_id
            AND ticket.occurrence = 1
        WHERE reference.ref IS NULL
            OR ticket.client_attendee_ref <> (reference.person).client_attendee_id
            OR (ticket.ticket_id IS NOT NULL AND stored.ticket_id IS NULL)
            OR ticket.currency <> p_currency
            OR ticket.registration_id <> p_registration_id
            OR offer.ticket_type_id IS NULL
            OR ticket.event_id <> offer.event_id
            OR (ticket.package_id IS NOT NULL AND item.ticket_type_id IS NULL)
    ),
    problem (source, position, issue) AS (
        SELECT 1, selection.position, CASE
            WHEN selection.ref IS NULL THEN ticketing_internal.issue(
                'attendee_not_found', regexp_replace(selection.path, '[.]selected_tickets$', '.attendee_id'),
                'There is no such attendee in this registration.',
                p_actual => to_jsonb(selection.attendee_ref)
            )
            ELSE ticketing_internal.issue(
                'attendee_named_twice', regexp_replace(selection.path, '[.]selected_tickets$', '.attendee_id'),
                format('%s is named twice; say everything about one attendee once.', (selection.person).name),
                selection.person
            )
        END
        FROM selection
        WHERE selection.ref IS NULL OR selection.occurrence > 1

        UNION ALL
        SELECT 2, line.position, fault.issue
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_ref, package_id, ticket_type_id, quantity, contents, path, position
        )
        LEFT JOIN reference ON reference.ref = line.attendee_ref
        LEFT JOIN unnest(p_packages) AS package ON package.package_id = line.package_id
        LEFT JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = line.ticket_type_id
        LEFT JOIN contents ON contents.package_id = line.package_id
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN line.package_id IS NOT NULL AND package.package_id IS NULL THEN ticketing_internal.issue(
                    'package_not_found', line.path || '.packageId', 'There is no such package in this function.',
                    reference.person, p_package_id => line.package_id, p_actual => to_jsonb(line.package_id)
                )
                WHEN line.ticket_type_id IS NOT NULL AND offer.ticket_type_id IS NULL THEN ticketing_internal.issue(
                    'ticket_type_not_found', line.path || '.ticketId', 'There is no such ticket type in this function.',
                    reference.person, line.ticket_type_id, p_actual => to_jsonb(line.ticket_type_id)
                )
                WHEN NOT (line.contents @> contents.ticket_type_ids AND line.contents <@ contents.ticket_type_ids)
                    THEN ticketing_internal.issue(
                        'package_contents_mismatch', line.path || '.tickets',
                        format('%s does not consist of these ticket types.', package.name),
                        reference.person, NULL, line.package_id, package.name,
                        to_jsonb(contents.ticket_type_ids), to_jsonb(line.contents)
                    )
            END AS issue
        ) AS fault
        WHERE fault.issue IS NOT NULL

        UNION ALL
        SELECT 3, ticket.position, fault.issue
        FROM suspect AS ticket
        CROSS JOIN LATERAL (
            SELECT ticketing_internal.issue(
                'attendee_not_found', ticket.path || '.attendee_id', 'There is no such attendee in this registration.',
                p_actual => to_jsonb(ticket.attendee_ref)
            ) AS issue
            WHERE ticket.known_ref IS NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'attendee_mismatch', ticket.path || '.client_attendee_id',
                format('attendee_id is that of %s, client_attendee_id is not.', (ticket.person).name),
                ticket.person, p_expected => to_jsonb((ticket.person).client_attendee_id),
                p_actual => to_jsonb(ticket.client_attendee_ref)
            )
            WHERE ticket.client_attendee_ref <> (ticket.person).client_attendee_id
            UNION ALL
            SELECT ticketing_internal.issue(
                'ticket_not_found', ticket.path || '.ticket_id',
                format('%s holds no such ticket, or it stands here already; leave ticket_id out to add one.', (ticket.person).name),
                ticket.person, ticket.ticket_type_id, ticket.package_id, p_actual => to_jsonb(ticket.ticket_id)
            )
            WHERE ticket.ticket_id IS NOT NULL AND ticket.stored_id IS NULL
                AND ticket.known_ref IS NOT NULL AND ticket.offer_event_id IS NOT NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'currency_mismatch', ticket.path || '.currency',
                format('Prices are in %s.', p_currency),
                ticket.person, ticket.ticket_type_id, ticket.package_id, ticket.offer_name,
                to_jsonb(p_currency), to_jsonb(left(ticket.currency, 40))
            )
            WHERE ticket.currency <> p_currency
            UNION ALL
            SELECT ticketing_internal.issue(
                'registration_mismatch', ticket.path || '.registration_id',
                'The ticket names another registration than the call.',
                ticket.person, ticket.ticket_type_id, ticket.package_id, ticket.offer_name,
                to_jsonb(p_registration_id), to_jsonb(ticket.registration_id)
            )
            WHERE ticket.registration_id <> p_registration_id
            UNION ALL
            SELECT ticketing_internal.issue(
                'ticket_type_not_found', ticket.path || '.ticket_type_id',
                'There is no such ticket type in this function.',
                ticket.person, ticket.ticket_type_id, p_actual => to_jsonb(ticket.ticket_type_id)
            )
            WHERE ticket.offer_event_id IS NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'event_mismatch', ticket.path || '.event_id', format('%s admits to another event.', ticket.offer_name),
                ticket.person, ticket.ticket_type_id, ticket.package_id, ticket.offer_name,
                to_jsonb(ticket.offer_event_id), to_jsonb(ticket.event_id)
            )
            WHERE ticket.event_id <> ticket.offer_event_id
            UNION ALL
            SELECT ticketing_internal.issue(
                'package_not_found', ticket.path || '.package_id', 'There is no such package in this function.',
                ticket.person, p_package_id => ticket.package_id, p_actual => to_jsonb(ticket.package_id)
            )
            WHERE ticket.package_id IS NOT NULL AND ticket.package_name IS NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'not_in_package', ticket.path || '.ticket_type_id',
                format('%s is not in the package %s.', ticket.offer_name, ticket.package_name),
                ticket.person, ticket.ticket_type_id, ticket.package_id, ticket.offer_name,
                (
                    SELECT to_jsonb(contents.ticket_type_ids) FROM contents
                    WHERE contents.package_id = ticket.package_id
                ),
                to_jsonb(ticket.ticket_type_id)
            )
            WHERE ticket.package_name IS NOT NULL AND ticket.offer_event_id IS NOT NULL AND NOT ticket.is_in_package
        ) AS fault
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.source, problem.position)
    INTO v_issues
    FROM problem;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_reference_issues IS
'Issues of a request that names what does not exist or does not belong together; [] when there are none.';
