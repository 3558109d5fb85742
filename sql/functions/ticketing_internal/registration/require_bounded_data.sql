-- What is stored for one registration is bounded like what one call may send: reading it takes
-- memory, and calls that add to it could add without limit.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.require_bounded_data(
    p_registration ticketing.registrations, p_argument text
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_max_bytes CONSTANT integer := 2097152;
    v_bytes bigint;
BEGIN
    -- removing a key makes a new value: that of a stored one would be its compressed size
    SELECT
        pg_column_size(p_registration.registration_data - 'selected_tickets')
        + coalesce((
            SELECT sum(pg_column_size(attendee.attendee_data - 'selected_tickets'))
            FROM ticketing.attendees AS attendee
            WHERE attendee.function_id = p_registration.function_id
                AND attendee.registration_id = p_registration.registration_id
        ), 0)
        + coalesce((
            SELECT sum(pg_column_size(holder.holder_data - 'selected_tickets'))
            FROM ticketing.ticket_holders AS holder
            WHERE holder.function_id = p_registration.function_id
                AND holder.registration_id = p_registration.registration_id
        ), 0)
    INTO v_bytes;

    IF v_bytes > c_max_bytes THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'too_large', p_argument, 'All data of one registration together is larger than 2 MiB.',
            p_expected => to_jsonb(c_max_bytes), p_actual => to_jsonb(v_bytes)
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_bounded_data IS
'Raises TK001 about p_argument if the JSON of p_registration, of its attendees and of its holders is larger than 2 MiB together.';
