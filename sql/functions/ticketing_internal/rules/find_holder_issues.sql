-- Can every ticket that p_holders names get a holder: is it in force, in this registration, and
-- named once?

CREATE OR REPLACE FUNCTION ticketing_internal.find_holder_issues(
    p_registration ticketing.registrations,
    p_holders ticketing_internal.submitted_holder[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    SELECT jsonb_agg(
        CASE
            WHEN named.status IS NULL THEN ticketing_internal.issue(
                'ticket_not_found', format('p_holders[%s].ticket_id', named.position),
                'There is no such ticket in this registration.', p_actual => to_jsonb(named.ticket_id)
            )
            WHEN named.occurrence > 1 THEN ticketing_internal.issue(
                'ticket_named_twice', format('p_holders[%s].ticket_id', named.position),
                'The ticket is listed twice; send one entry per ticket.', p_actual => to_jsonb(named.ticket_id)
            )
            ELSE ticketing_internal.issue(
                'ticket_cancelled', format('p_holders[%s].ticket_id', named.position),
                'The ticket is cancelled.', p_actual => to_jsonb(named.ticket_id)
            )
        END ORDER BY named.position
    )
    INTO v_issues
    FROM (
        SELECT
            submitted.position,
            submitted.ticket_id,
            ticket.status,
            row_number() OVER (PARTITION BY submitted.ticket_id ORDER BY submitted.position) AS occurrence
        FROM (
            -- without the holders, which can be large
            SELECT
                each.position,
                each.ticket_id
            FROM unnest(p_holders) AS each
        ) AS submitted
        LEFT JOIN ticketing.tickets AS ticket
            ON ticket.function_id = p_registration.function_id
            AND ticket.registration_id = p_registration.registration_id
            AND ticket.ticket_id = submitted.ticket_id
    ) AS named
    WHERE named.status IS NULL OR named.status = 'Cancelled' OR named.occurrence > 1;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_holder_issues IS
'Issues of elements of p_holders whose ticket p_registration does not have, is cancelled, or is named before; [] when there are
none.';
