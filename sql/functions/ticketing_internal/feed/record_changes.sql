-- The only writer of the change feed.
--
-- Lock order: the caller has locked the registration, on which it stores the returned epoch and
-- transaction id.

CREATE OR REPLACE FUNCTION ticketing_internal.record_changes(
    p_registration ticketing.registrations,
    p_revision integer,
    p_tickets ticketing_internal.planned_ticket[],
    p_now timestamptz
)
RETURNS ticketing_internal.feed_cursor
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_last ticketing_internal.feed_cursor := ticketing_internal.next_position(p_registration);
    v_actor_id uuid := ticketing_internal.caller_id();
    v_actor_role text := ticketing_internal.caller_role();
BEGIN
    INSERT INTO ticketing.ticket_changes (
        function_id, epoch, transaction_id, change, registration_id, revision, ticket_id, attendee_id, event_id,
        ticket_type_id, package_id, price_paid, actor_id, actor_role, changed_at
    )
    SELECT
        p_registration.function_id, v_last.epoch, v_last.transaction_id, ticket.change, p_registration.registration_id,
        p_revision, ticket.ticket_id, ticket.attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id,
        ticket.price_paid, v_actor_id, v_actor_role, p_now
    FROM unnest(p_tickets) AS ticket
    WHERE ticket.change NOT IN ('kept', 'retaken');

    RETURN v_last;
END
$$;

COMMENT ON FUNCTION ticketing_internal.record_changes IS
'Records the tickets whose change is neither kept nor retaken, with the caller as actor. Returns the
epoch and transaction id to store as those of the last change of p_registration.';
