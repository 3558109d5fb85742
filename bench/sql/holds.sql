-- Generators for the section on holds: registrations that are still open, and full pools.

-- Registrations of one attendee each, as calls would have stored them: p_open open ones, and the
-- others expired hours ago. With ticket types each has one ticket, and the open holds end evenly
-- between two moments; without, they are empty. Foreign keys are not checked per row; the rows
-- satisfy them.
CREATE FUNCTION bench.fill_open(
    p_function_id uuid,
    p_ticket_type_ids uuid[],
    p_registrations integer,
    p_open integer,
    p_first_end timestamptz,
    p_last_end timestamptz,
    p_attendee_data jsonb
)
RETURNS void
LANGUAGE plpgsql
SET session_replication_role = 'replica'
AS $$
DECLARE
    v_types CONSTANT integer := cardinality(p_ticket_type_ids);
BEGIN
    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT
        gen_random_uuid() AS registration_id,
        gen_random_uuid() AS owner_id,
        gen_random_uuid() AS attendee_id,
        gen_random_uuid() AS ticket_id,
        ticket_type.event_id,
        ticket_type.ticket_type_id,
        coalesce(ticket_type.price, 0) AS price,
        number <= p_open AS is_open,
        CASE
            WHEN v_types = 0 THEN NULL
            WHEN number <= p_open THEN p_first_end + (p_last_end - p_first_end) * (number::double precision / p_open)
            ELSE least(p_first_end, now()) - interval '2 hours'
        END AS hold_expires_at
    FROM generate_series(1, p_registrations) AS number
    LEFT JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = p_function_id
        AND ticket_type.ticket_type_id = p_ticket_type_ids[1 + number % nullif(v_types, 0)];

    INSERT INTO ticketing.registration_index (registration_id, function_id)
    SELECT made.registration_id, p_function_id FROM made;

    INSERT INTO ticketing.registrations (
        function_id, registration_id, owner_id, registration_type, status, subtotal, currency,
        hold_expires_at, held_since, revision, last_change_epoch, last_change_transaction_id
    )
    SELECT
        p_function_id, made.registration_id, made.owner_id, 'individuals',
        CASE WHEN made.is_open THEN 'draft' ELSE 'expired' END, made.price, 'AUD', made.hold_expires_at,
        made.hold_expires_at - interval '30 minutes', least(v_types, 1), least(v_types, 1),
        CASE WHEN v_types > 0 THEN pg_current_xact_id() ELSE '0' END
    FROM made;

    INSERT INTO ticketing.attendees (
        function_id, attendee_id, registration_id, owner_id, client_attendee_id, attendee_type, is_primary,
        first_name, last_name, attendee_data
    )
    SELECT
        p_function_id, made.attendee_id, made.registration_id, made.owner_id, gen_random_uuid(), 'guest', TRUE,
        'Ines', 'Ashby',
        p_attendee_data || CASE
            WHEN v_types > 0
                THEN jsonb_build_object('selected_tickets', jsonb_build_object(
                    'packages', '[]'::jsonb, 'individualTickets', jsonb_build_array(
                        jsonb_build_object('ticketId', made.ticket_type_id, 'quantity', 1)
                    )
                ))
            ELSE '{}'
        END
    FROM made;

    INSERT INTO ticketing.tickets (
        function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, price_paid,
        original_price, currency
    )
    SELECT
        p_function_id, made.ticket_id, made.registration_id, made.owner_id, made.attendee_id, made.event_id,
        made.ticket_type_id, made.price, made.price, 'AUD'
    FROM made
    WHERE made.ticket_type_id IS NOT NULL;

    INSERT INTO ticketing.ticket_changes (
        function_id, change, registration_id, revision, ticket_id, attendee_id, event_id, ticket_type_id,
        price_paid, actor_role, changed_at
    )
    SELECT
        p_function_id, 'added', made.registration_id, 1, made.ticket_id, made.attendee_id, made.event_id,
        made.ticket_type_id, made.price, 'service_role', now()
    FROM made
    WHERE made.ticket_type_id IS NOT NULL;

    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved + taken.tickets
    FROM (
        SELECT membership.capacity_pool_id, count(*) AS tickets
        FROM made
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id AND membership.ticket_type_id = made.ticket_type_id
        WHERE made.is_open
        GROUP BY membership.capacity_pool_id
    ) AS taken
    WHERE pool.function_id = p_function_id AND pool.capacity_pool_id = taken.capacity_pool_id;
END
$$;

-- Leave nothing of the capacity of a ticket type's own pool.
CREATE FUNCTION bench.sell_out(p_function_id uuid, p_ticket_type_id uuid)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE ticketing.capacity_pools AS pool
    SET capacity = pool.reserved + pool.sold
    WHERE pool.function_id = p_function_id AND pool.capacity_pool_id = p_ticket_type_id;
END
$$;

-- A persist that is refused for lack of capacity, and must be. EXPLAIN counts only what succeeds.
CREATE FUNCTION bench.be_refused(p_registration_id uuid, p_tickets jsonb, p_attendee_updates jsonb)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM ticketing.persist_attendee_tickets(p_registration_id, p_tickets, p_attendee_updates);
    RAISE 'There is capacity left';
EXCEPTION
    WHEN SQLSTATE 'TK005' THEN
        RETURN;
END
$$;

-- How many rows and index entries this transaction has read in the tables of the package, and what
-- the session has read before and not reported yet: the difference of two answers counts.
CREATE FUNCTION bench.rows_read()
RETURNS bigint
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN (
        SELECT sum(pg_stat_get_xact_tuples_returned(relation.oid))
        FROM pg_class AS relation
        WHERE relation.relnamespace IN ('ticketing'::regnamespace, 'ticketing_internal'::regnamespace)
            AND relation.relkind IN ('r', 'i')
    );
END
$$;

GRANT USAGE ON SCHEMA bench TO authenticated;
