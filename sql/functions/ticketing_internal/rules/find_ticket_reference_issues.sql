-- Do the submitted tickets name what exists, and what belongs together by registration and
-- catalogue?

CREATE OR REPLACE FUNCTION ticketing_internal.find_ticket_reference_issues(
    p_registration_id uuid,
    p_currency text,
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
    v_issues jsonb;
BEGIN
    WITH reference AS (
        SELECT reference.* FROM ticketing_internal.attendee_references(p_attendees) AS reference
    ),
    -- tickets that something is wrong with: only these are looked at closely
    suspect AS (
        SELECT
            ticket.*,
            reference.ref AS known_ref,
            reference.attendee,
            terms.event_id AS terms_event_id,
            terms.name AS terms_name,
            package.name AS package_name,
            coalesce(terms.name, package.name) AS item_name,
            item.ticket_type_id IS NOT NULL AS is_in_package,
            stored.ticket_id AS stored_id
        FROM (
            SELECT
                submitted.*,
                row_number() OVER (PARTITION BY submitted.ticket_id ORDER BY submitted.position) AS occurrence
            FROM unnest(p_request.submitted_tickets) AS submitted
        ) AS ticket
        LEFT JOIN reference ON reference.ref = ticket.attendee_ref
        LEFT JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = ticket.ticket_type_id
        LEFT JOIN unnest(p_catalogue.packages) AS package ON package.package_id = ticket.package_id
        LEFT JOIN unnest(p_catalogue.items) AS item
            ON item.package_id = ticket.package_id AND item.ticket_type_id = ticket.ticket_type_id
        LEFT JOIN unnest(p_plan) AS stored
            ON stored.ticket_id = ticket.ticket_id
            AND stored.attendee_id = (reference.attendee).attendee_id
            AND stored.ticket_type_id = ticket.ticket_type_id
            AND stored.package_id IS NOT DISTINCT FROM ticket.package_id
            AND ticket.occurrence = 1
        WHERE reference.ref IS NULL
            OR ticket.client_attendee_ref <> (reference.attendee).client_attendee_id
            OR (ticket.ticket_id IS NOT NULL AND stored.ticket_id IS NULL)
            OR ticket.currency <> p_currency
            OR ticket.registration_id <> p_registration_id
            OR terms.ticket_type_id IS NULL
            OR ticket.event_id <> terms.event_id
            OR (ticket.package_id IS NOT NULL AND item.ticket_type_id IS NULL)
        ORDER BY ticket.position
        LIMIT ticketing_internal.most_issues()
    ),
    problem (position, issue) AS (
        SELECT ticket.position, fault.issue
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
                format('attendee_id is that of %s, client_attendee_id is not.', (ticket.attendee).name),
                ticket.attendee, p_expected => to_jsonb((ticket.attendee).client_attendee_id),
                p_actual => to_jsonb(ticket.client_attendee_ref)
            )
            WHERE ticket.client_attendee_ref <> (ticket.attendee).client_attendee_id
            UNION ALL
            SELECT ticketing_internal.issue(
                'ticket_not_found', ticket.path || '.ticket_id',
                format('%s holds no such ticket, or it stands here already; leave ticket_id out to add one.', (ticket.attendee).name),
                ticket.attendee, ticket.ticket_type_id, ticket.package_id, ticket.terms_name,
                p_actual => to_jsonb(ticket.ticket_id)
            )
            WHERE ticket.ticket_id IS NOT NULL AND ticket.stored_id IS NULL
                AND ticket.known_ref IS NOT NULL AND ticket.terms_event_id IS NOT NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'currency_mismatch', ticket.path || '.currency',
                format('Prices are in %s.', p_currency),
                ticket.attendee, ticket.ticket_type_id, ticket.package_id, ticket.item_name,
                to_jsonb(p_currency), to_jsonb(left(ticket.currency, 40))
            )
            WHERE ticket.currency <> p_currency
            UNION ALL
            SELECT ticketing_internal.issue(
                'registration_mismatch', ticket.path || '.registration_id',
                'The ticket names another registration than the call.',
                ticket.attendee, ticket.ticket_type_id, ticket.package_id, ticket.item_name,
                to_jsonb(p_registration_id), to_jsonb(ticket.registration_id)
            )
            WHERE ticket.registration_id <> p_registration_id
            UNION ALL
            SELECT ticketing_internal.issue(
                'ticket_type_not_found', ticket.path || '.ticket_type_id',
                'There is no such ticket type in this function.',
                ticket.attendee, ticket.ticket_type_id, p_actual => to_jsonb(ticket.ticket_type_id)
            )
            WHERE ticket.terms_event_id IS NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'event_mismatch', ticket.path || '.event_id', format('%s admits to another event.', ticket.terms_name),
                ticket.attendee, ticket.ticket_type_id, ticket.package_id, ticket.terms_name,
                to_jsonb(ticket.terms_event_id), to_jsonb(ticket.event_id)
            )
            WHERE ticket.event_id <> ticket.terms_event_id
            UNION ALL
            SELECT ticketing_internal.issue(
                'package_not_found', ticket.path || '.package_id', 'There is no such package in this function.',
                ticket.attendee, p_package_id => ticket.package_id, p_actual => to_jsonb(ticket.package_id)
            )
            WHERE ticket.package_id IS NOT NULL AND ticket.package_name IS NULL
            UNION ALL
            SELECT ticketing_internal.issue(
                'not_in_package', ticket.path || '.ticket_type_id',
                format('%s is not in the package %s.', ticket.terms_name, ticket.package_name),
                ticket.attendee, ticket.ticket_type_id, ticket.package_id, ticket.terms_name,
                (
                    SELECT jsonb_agg(item.ticket_type_id ORDER BY item.ticket_type_id)
                    FROM unnest(p_catalogue.items) AS item
                    WHERE item.package_id = ticket.package_id
                ),
                to_jsonb(ticket.ticket_type_id)
            )
            WHERE ticket.package_name IS NOT NULL AND ticket.terms_event_id IS NOT NULL AND NOT ticket.is_in_package
        ) AS fault
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM problem;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_ticket_reference_issues IS
'Issues of submitted tickets that name an attendee, ticket, ticket type, event, package, currency or registration that
is unknown or does not belong to the rest; [] when there are none.';
