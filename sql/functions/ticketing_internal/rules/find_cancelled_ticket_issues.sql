-- Whether the tickets that a call cancels by name are there, and are whole packages.

CREATE OR REPLACE FUNCTION ticketing_internal.find_cancelled_ticket_issues(
    p_registration ticketing.registrations,
    p_ticket_ids uuid[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    WITH stored AS (
        SELECT
            ticket.ticket_id,
            ticket.attendee_id,
            ticket.package_id,
            ticket.package_number,
            ticket.status = 'Active' AS is_active,
            ticket.status = 'Active' AND ticket.ticket_id = ANY(p_ticket_ids) AS is_cancelled
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = p_registration.function_id
            AND ticket.registration_id = p_registration.registration_id
            AND (ticket.status = 'Active' OR ticket.ticket_id = ANY(p_ticket_ids))
    ),
    named AS (
        SELECT named.ticket_id, min(named.ordinality) - 1 AS index
        FROM unnest(p_ticket_ids) WITH ORDINALITY AS named (ticket_id, ordinality)
        GROUP BY named.ticket_id
    ),
    part AS (
        SELECT
            stored.attendee_id,
            stored.package_id,
            stored.package_number,
            min(named.index) AS index,
            jsonb_agg(stored.ticket_id ORDER BY stored.ticket_id) AS all_ids
        FROM stored
        LEFT JOIN named ON named.ticket_id = stored.ticket_id AND stored.is_cancelled
        -- one that is cancelled already may have the number of another
        WHERE stored.package_id IS NOT NULL AND stored.is_active
        GROUP BY stored.attendee_id, stored.package_id, stored.package_number
        HAVING bool_or(stored.is_cancelled) AND NOT bool_and(stored.is_cancelled)
    )
    SELECT jsonb_agg(fault.issue ORDER BY fault.index)
    INTO v_issues
    FROM (
        SELECT
            named.index,
            ticketing_internal.issue(
                'ticket_not_found', format('p_ticket_ids[%s]', named.index),
                'The registration has no ticket with this id.', p_actual => to_jsonb(named.ticket_id)
            )
        FROM named
        LEFT JOIN stored ON stored.ticket_id = named.ticket_id
        WHERE stored.ticket_id IS NULL
        UNION ALL
        SELECT
            part.index,
            ticketing_internal.issue(
                'package_incomplete', format('p_ticket_ids[%s]', part.index),
                format('The tickets of %s can only be cancelled together.', package.name),
                p_package_id => part.package_id, p_item_name => package.name, p_expected => part.all_ids
            )
        FROM part
        INNER JOIN ticketing.packages AS package
            ON package.function_id = p_registration.function_id AND package.package_id = part.package_id
    ) AS fault (index, issue);
    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_cancelled_ticket_issues IS
'Issues of p_ticket_ids, which a call cancels: tickets not of p_registration, and packages of which only a part is named.';
