-- The registrations that hold capacity of some pools unpaid, found by their tickets: the short way
-- to what is overdue in a pool, unless the pool is large.

CREATE OR REPLACE FUNCTION ticketing_internal.holding_registrations(
    p_function_id uuid, p_pool_ids uuid[]
)
RETURNS uuid[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- beyond this, what is overdue in all pools is likely to be less
    c_most CONSTANT integer := 2000;
    v_reserved bigint;
    v_used bigint;
    v_event_ids uuid[];
    v_ticket_type_ids uuid[];
    v_package_ids uuid[];
    v_registration_ids uuid[];
    v_read bigint;
BEGIN
    SELECT coalesce(sum(pool.reserved), 0), coalesce(sum(pool.reserved + pool.sold), 0)
    INTO v_reserved, v_used
    FROM ticketing_internal.pool_availability(p_function_id) AS pool
    WHERE pool.capacity_pool_id = ANY(p_pool_ids);
    IF v_reserved = 0 THEN
        RETURN '{}';
    ELSIF v_used > c_most THEN
        RETURN NULL;
    END IF;

    v_package_ids := ARRAY(
        SELECT membership.package_id
        FROM ticketing.package_pools AS membership
        WHERE membership.function_id = p_function_id
            AND membership.capacity_pool_id = ANY(p_pool_ids)
    );
    SELECT array_agg(DISTINCT ticket_type.event_id), array_agg(ticket_type.ticket_type_id)
    INTO v_event_ids, v_ticket_type_ids
    FROM ticketing.ticket_type_pools AS membership
    INNER JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = membership.function_id
        AND ticket_type.ticket_type_id = membership.ticket_type_id
    WHERE membership.function_id = p_function_id
        AND membership.capacity_pool_id = ANY(p_pool_ids);

    -- no more than that of any status: those of expired and cancelled registrations, whose number has no
    -- limit, are there as well
    SELECT array_agg(DISTINCT ticket.registration_id) FILTER (WHERE ticket.is_unpaid), count(*)
    INTO v_registration_ids, v_read
    FROM (
        (
            SELECT ticket.registration_id, ticket.status = 'Active' AND ticket.payment_status = 'Unpaid' AS is_unpaid
            FROM ticketing.tickets AS ticket
            WHERE ticket.function_id = p_function_id
                AND ticket.event_id = ANY(v_event_ids)
                AND ticket.ticket_type_id = ANY(v_ticket_type_ids)
            LIMIT c_most + 1
        )
        UNION ALL
        (
            SELECT ticket.registration_id, ticket.status = 'Active' AND ticket.payment_status = 'Unpaid'
            FROM ticketing.tickets AS ticket
            WHERE ticket.function_id = p_function_id
                AND ticket.package_id = ANY(v_package_ids)
            LIMIT c_most + 1
        )
    ) AS ticket;
    RETURN CASE WHEN v_read <= c_most THEN coalesce(v_registration_ids, '{}') END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.holding_registrations IS
'Ids of the registrations with unpaid tickets of the ticket types and packages of p_pool_ids; null if there are more
tickets of these than are worth reading.';
