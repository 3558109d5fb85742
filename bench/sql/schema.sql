-- The benchmark's schema: the two SQL baselines, and set-based generators of rows.
--
-- The baselines write into the same tables, with the same indexes and constraints, and their plans
-- are cached like those of the package (see ticketing.persist_attendee_tickets).

CREATE SCHEMA bench;

CREATE TABLE bench.bookings (
    booking integer PRIMARY KEY,
    registration_id uuid NOT NULL,
    tickets jsonb NOT NULL,
    attendee_updates jsonb NOT NULL
);

COMMENT ON TABLE bench.bookings IS 'Requests of pgbench clients, each used once.';

CREATE TABLE bench.questions (
    question integer PRIMARY KEY,
    function_id uuid NOT NULL,
    selections jsonb NOT NULL,
    attendees jsonb NOT NULL
);

COMMENT ON TABLE bench.questions IS 'Quotes that pgbench clients request.';

-- The floor: writes the rows and nothing else. No check, no counter, no record of changes. The
-- settings ensure a good plan: PostgreSQL expects 100 rows of any JSON and would scan all attendees
-- when few are stored.
CREATE FUNCTION bench.floor(
    p_function_id uuid, p_registration_id uuid, p_owner_id uuid, p_tickets jsonb, p_attendee_updates jsonb
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    INSERT INTO ticketing.tickets (
        function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, package_id,
        package_number, price_paid, original_price, currency
    )
    SELECT
        p_function_id, gen_random_uuid(), p_registration_id, p_owner_id, ticket.attendee_id, ticket.event_id,
        ticket.ticket_type_id, ticket.package_id, CASE WHEN ticket.package_id IS NOT NULL THEN 1 END,
        ticket.price_paid, ticket.original_price, 'AUD'
    FROM jsonb_to_recordset(p_tickets) AS ticket (
        attendee_id uuid, event_id uuid, ticket_type_id uuid, package_id uuid, price_paid numeric,
        original_price numeric
    );

    UPDATE ticketing.attendees AS attendee
    SET attendee_data = attendee.attendee_data || jsonb_build_object('selected_tickets', updated.selected_tickets)
    FROM jsonb_to_recordset(p_attendee_updates) AS updated (attendee_id uuid, selected_tickets jsonb)
    WHERE attendee.function_id = p_function_id AND attendee.attendee_id = updated.attendee_id;
END
$$;

-- A common form of such functions: the same rows, one statement per row. No checks either.
CREATE FUNCTION bench.naive_loop(
    p_function_id uuid, p_registration_id uuid, p_owner_id uuid, p_tickets jsonb, p_attendee_updates jsonb
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_element jsonb;
BEGIN
    FOR v_element IN SELECT element.value FROM jsonb_array_elements(p_tickets) AS element LOOP
        INSERT INTO ticketing.tickets (
            function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, package_id,
            package_number, price_paid, original_price, currency
        )
        VALUES (
            p_function_id, gen_random_uuid(), p_registration_id, p_owner_id, (v_element ->> 'attendee_id')::uuid,
            (v_element ->> 'event_id')::uuid, (v_element ->> 'ticket_type_id')::uuid,
            (v_element ->> 'package_id')::uuid, CASE WHEN v_element ->> 'package_id' IS NOT NULL THEN 1 END,
            (v_element ->> 'price_paid')::numeric, (v_element ->> 'original_price')::numeric, 'AUD'
        );
    END LOOP;

    FOR v_element IN SELECT element.value FROM jsonb_array_elements(p_attendee_updates) AS element LOOP
        UPDATE ticketing.attendees AS attendee
        SET attendee_data = jsonb_set(
            attendee.attendee_data, '{selected_tickets}', v_element -> 'selected_tickets'
        )
        WHERE attendee.function_id = p_function_id
            AND attendee.attendee_id = (v_element ->> 'attendee_id')::uuid;
    END LOOP;
END
$$;

-- Delete the rows that a baseline has written, because it updates no counters.
CREATE FUNCTION bench.forget(p_function_id uuid, p_registration_ids uuid[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM ticketing.tickets AS ticket
    WHERE ticket.function_id = p_function_id AND ticket.registration_id = ANY(p_registration_ids);

    UPDATE ticketing.attendees AS attendee
    SET attendee_data = attendee.attendee_data - 'selected_tickets'
    WHERE attendee.function_id = p_function_id AND attendee.registration_id = ANY(p_registration_ids);
END
$$;

-- A registration without tickets, and its attendees.
CREATE FUNCTION bench.make_registration(
    p_function_id uuid,
    p_attendees integer,
    p_attendee_data jsonb,
    OUT o_registration_id uuid,
    OUT o_owner_id uuid,
    OUT o_attendee_ids uuid[]
)
LANGUAGE plpgsql
AS $$
BEGIN
    o_registration_id := gen_random_uuid();
    o_owner_id := gen_random_uuid();
    o_attendee_ids := ARRAY(SELECT gen_random_uuid() FROM generate_series(1, p_attendees));

    INSERT INTO ticketing.registration_index (registration_id, function_id)
    VALUES (o_registration_id, p_function_id);

    INSERT INTO ticketing.registrations (function_id, registration_id, owner_id, registration_type, currency)
    VALUES (p_function_id, o_registration_id, o_owner_id, 'individuals', 'AUD');

    INSERT INTO ticketing.attendees (
        function_id, attendee_id, registration_id, owner_id, client_attendee_id, position, attendee_type,
        is_primary, first_name, last_name, attendee_data
    )
    SELECT
        p_function_id, made.attendee_id, o_registration_id, o_owner_id, gen_random_uuid(), made.number - 1,
        'guest', made.number = 1, 'Ines', 'Ashby', p_attendee_data
    FROM unnest(o_attendee_ids) WITH ORDINALITY AS made (attendee_id, number);
END
$$;

-- Bookings of one attendee each, without tickets yet, that request p_tickets tickets of one type. A
-- hash chooses the type, so that clients do not go through the types in step. Replaces the rows of
-- bench.bookings.
CREATE FUNCTION bench.make_bookings(
    p_function_id uuid, p_ticket_type_ids uuid[], p_count integer, p_tickets integer, p_attendee_data jsonb
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    TRUNCATE bench.bookings;

    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT
        number - 1 AS booking,
        gen_random_uuid() AS registration_id,
        gen_random_uuid() AS owner_id,
        gen_random_uuid() AS attendee_id,
        p_ticket_type_ids[1 + (hashint4(number) & 65535) % cardinality(p_ticket_type_ids)] AS ticket_type_id
    FROM generate_series(1, p_count) AS number;

    INSERT INTO ticketing.registration_index (registration_id, function_id)
    SELECT made.registration_id, p_function_id FROM made;

    INSERT INTO ticketing.registrations (
        function_id, registration_id, owner_id, registration_type, currency, booking_contact
    )
    SELECT
        p_function_id, made.registration_id, made.owner_id, 'individuals', 'AUD',
        '{"firstName": "Ines", "emailAddress": "ines@example.org"}'
    FROM made;

    INSERT INTO ticketing.attendees (
        function_id, attendee_id, registration_id, owner_id, client_attendee_id, attendee_type, is_primary,
        first_name, last_name, attendee_data
    )
    SELECT
        p_function_id, made.attendee_id, made.registration_id, made.owner_id, gen_random_uuid(), 'guest', TRUE,
        'Ines', 'Ashby', p_attendee_data
    FROM made;

    INSERT INTO bench.bookings (booking, registration_id, tickets, attendee_updates)
    SELECT
        made.booking,
        made.registration_id,
        (
            SELECT jsonb_agg(ticket.row)
            FROM (
                SELECT jsonb_build_object(
                    'attendee_id', made.attendee_id, 'event_id', ticket_type.event_id,
                    'ticket_type_id', ticket_type.ticket_type_id, 'price_paid', ticket_type.price
                ) AS row
                FROM generate_series(1, p_tickets)
            ) AS ticket
        ),
        jsonb_build_array(jsonb_build_object(
            'attendee_id', made.attendee_id,
            'selected_tickets', jsonb_build_object(
                'packages', '[]'::jsonb,
                'individualTickets', jsonb_build_array(
                    jsonb_build_object('ticketId', ticket_type.ticket_type_id, 'quantity', p_tickets)
                )
            )
        ))
    FROM made
    INNER JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = p_function_id AND ticket_type.ticket_type_id = made.ticket_type_id;
END
$$;

-- One attempt to buy: false when sold out, because pgbench stops a client whose call fails.
CREATE FUNCTION bench.buy(p_booking integer)
RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM ticketing.persist_attendee_tickets(
        wanted.registration_id, wanted.tickets, wanted.attendee_updates
    )
    FROM bench.bookings AS wanted
    WHERE wanted.booking = p_booking;
    RETURN TRUE;
EXCEPTION
    WHEN SQLSTATE 'TK005' THEN
        RETURN FALSE;
END
$$;

-- Paid registrations of two attendees with five tickets each, as calls would have stored them: with
-- counters, payment and both entries of each ticket in the change feed. Foreign keys are not checked
-- per row; the rows satisfy them.
CREATE FUNCTION bench.fill(
    p_function_id uuid, p_ticket_type_ids uuid[], p_registrations integer, p_attendee_data jsonb
)
RETURNS void
LANGUAGE plpgsql
SET session_replication_role = 'replica'
AS $$
DECLARE
    v_price numeric;
    v_selection jsonb;
BEGIN
    SELECT
        sum(ticket_type.price),
        jsonb_build_object('packages', '[]'::jsonb, 'individualTickets', jsonb_agg(
            jsonb_build_object('ticketId', ticket_type.ticket_type_id, 'quantity', 1)
        ))
    INTO v_price, v_selection
    FROM ticketing.ticket_types AS ticket_type
    WHERE ticket_type.function_id = p_function_id AND ticket_type.ticket_type_id = ANY(p_ticket_type_ids);

    CREATE TEMPORARY TABLE made ON COMMIT DROP AS
    SELECT gen_random_uuid() AS registration_id, gen_random_uuid() AS owner_id
    FROM generate_series(1, p_registrations);

    CREATE TEMPORARY TABLE made_attendee ON COMMIT DROP AS
    SELECT made.registration_id, made.owner_id, gen_random_uuid() AS attendee_id, position
    FROM made
    CROSS JOIN generate_series(0, 1) AS position;

    CREATE TEMPORARY TABLE made_ticket ON COMMIT DROP AS
    SELECT
        made.registration_id, made.owner_id, made.attendee_id, gen_random_uuid() AS ticket_id,
        ticket_type.event_id, ticket_type.ticket_type_id, ticket_type.price
    FROM made_attendee AS made
    CROSS JOIN ticketing.ticket_types AS ticket_type
    WHERE ticket_type.function_id = p_function_id AND ticket_type.ticket_type_id = ANY(p_ticket_type_ids);

    INSERT INTO ticketing.registration_index (registration_id, function_id)
    SELECT made.registration_id, p_function_id FROM made;

    INSERT INTO ticketing.registrations (
        function_id, registration_id, owner_id, registration_type, status, payment_status, subtotal, currency,
        confirmation_number, revision, last_change_epoch, last_change_transaction_id
    )
    SELECT
        p_function_id, made.registration_id, made.owner_id, 'individuals', 'completed', 'Paid', 2 * v_price,
        'AUD', 'B' || made.registration_id, 2, 1, pg_current_xact_id()
    FROM made;

    INSERT INTO ticketing.payments (
        function_id, payment_id, registration_id, provider, reference, kind, amount, currency, paid_at
    )
    SELECT
        p_function_id, gen_random_uuid(), made.registration_id, 'bench', made.registration_id::text, 'payment',
        2 * v_price, 'AUD', now()
    FROM made;

    INSERT INTO ticketing.attendees (
        function_id, attendee_id, registration_id, owner_id, client_attendee_id, position, attendee_type,
        is_primary, first_name, last_name, attendee_data
    )
    SELECT
        p_function_id, made.attendee_id, made.registration_id, made.owner_id, gen_random_uuid(), made.position,
        'guest', made.position = 0, 'Ines', 'Ashby',
        p_attendee_data || jsonb_build_object('selected_tickets', v_selection)
    FROM made_attendee AS made;

    INSERT INTO ticketing.tickets (
        function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, price_paid,
        original_price, currency, payment_status
    )
    SELECT
        p_function_id, made.ticket_id, made.registration_id, made.owner_id, made.attendee_id, made.event_id,
        made.ticket_type_id, made.price, made.price, 'AUD', 'Paid'
    FROM made_ticket AS made;

    INSERT INTO ticketing.ticket_changes (
        function_id, change, registration_id, revision, ticket_id, attendee_id, event_id, ticket_type_id,
        price_paid, actor_role, changed_at
    )
    SELECT
        p_function_id, happened.change, made.registration_id, happened.revision, made.ticket_id,
        made.attendee_id, made.event_id, made.ticket_type_id, made.price, 'service_role', now()
    FROM made_ticket AS made
    CROSS JOIN (VALUES (1, 'added'), (2, 'paid')) AS happened (revision, change)
    ORDER BY happened.revision;

    UPDATE ticketing.capacity_pools AS pool
    SET sold = pool.sold + taken.tickets
    FROM (
        SELECT membership.capacity_pool_id, count(*) AS tickets
        FROM made_ticket AS made
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id AND membership.ticket_type_id = made.ticket_type_id
        GROUP BY membership.capacity_pool_id
    ) AS taken
    WHERE pool.function_id = p_function_id AND pool.capacity_pool_id = taken.capacity_pool_id;
END
$$;
