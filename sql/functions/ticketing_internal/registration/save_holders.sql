-- Makes p_holders the holders of their tickets, as a difference.
--
-- Lock order: the caller has locked the registration.

CREATE OR REPLACE FUNCTION ticketing_internal.save_holders(
    p_registration ticketing.registrations,
    p_holders ticketing_internal.submitted_holder[],
    p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := p_registration.function_id;
    v_registration_id CONSTANT uuid := p_registration.registration_id;
BEGIN
    DELETE FROM ticketing.ticket_holders AS holder
    WHERE holder.function_id = v_function_id
        AND holder.registration_id = v_registration_id
        AND holder.ticket_id IN (
            SELECT submitted.ticket_id FROM unnest(p_holders) AS submitted WHERE submitted.holder IS NULL
        );

    INSERT INTO ticketing.ticket_holders AS holder (
        function_id, ticket_id, registration_id, owner_id, attendee_id, title, first_name, last_name, email, phone,
        holder_data, created_at, updated_at
    )
    SELECT
        v_function_id, ticket.ticket_id, v_registration_id, ticket.owner_id, ticket.attendee_id,
        submitted.holder ->> 'title', submitted.holder ->> 'firstName', submitted.holder ->> 'lastName',
        submitted.holder ->> 'email', submitted.holder ->> 'phone', submitted.holder, p_now, p_now
    FROM unnest(p_holders) AS submitted
    INNER JOIN ticketing.tickets AS ticket
        ON ticket.function_id = v_function_id
        AND ticket.registration_id = v_registration_id
        AND ticket.ticket_id = submitted.ticket_id
    WHERE submitted.holder IS NOT NULL
    ON CONFLICT (function_id, ticket_id) DO UPDATE
    SET
        title = excluded.title,
        first_name = excluded.first_name,
        last_name = excluded.last_name,
        email = excluded.email,
        phone = excluded.phone,
        holder_data = excluded.holder_data,
        updated_at = excluded.updated_at
    WHERE holder.holder_data <> excluded.holder_data;
END
$$;

COMMENT ON FUNCTION ticketing_internal.save_holders IS
'Stores p_holders for tickets of p_registration (locked); a ticket whose holder is null then admits its attendee.';
