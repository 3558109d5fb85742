-- Packages of the same kind are kept by their numbers, the lowest first: those that are cancelled
-- by name get the highest.
--
-- Lock order: the caller has locked the registration.

CREATE OR REPLACE FUNCTION ticketing_internal.number_packages(
    p_registration ticketing.registrations,
    p_cancelled_ids uuid[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE ticketing.tickets AS ticket
    SET package_number = numbered.number
    FROM (
        SELECT
            stored.ticket_id,
            dense_rank() OVER (
                PARTITION BY stored.attendee_id, stored.package_id
                ORDER BY stored.ticket_id = ANY(p_cancelled_ids), stored.package_number
            )::integer AS number
        FROM ticketing.tickets AS stored
        WHERE stored.function_id = p_registration.function_id
            AND stored.registration_id = p_registration.registration_id
            AND stored.status = 'Active'
            AND stored.package_id IS NOT NULL
    ) AS numbered
    WHERE ticket.function_id = p_registration.function_id
        AND ticket.ticket_id = numbered.ticket_id
        AND ticket.package_number <> numbered.number;
END
$$;

COMMENT ON FUNCTION ticketing_internal.number_packages IS
'Numbers the packages of p_registration, whose tickets are in p_cancelled_ids as a whole or not at all, so that those come
last.';
