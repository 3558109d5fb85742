-- The only writer of registration_changes: what changes in a registration that is not a ticket.
--
-- Lock order: the caller has locked the registration.

CREATE OR REPLACE FUNCTION ticketing_internal.record_registration_change(
    p_registration ticketing.registrations,
    p_change text,
    p_old_values jsonb,
    p_new_values jsonb,
    p_now timestamptz,
    p_reason text DEFAULT NULL,
    p_attendee_id uuid DEFAULT NULL,
    p_ticket_id uuid DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_position CONSTANT ticketing_internal.feed_cursor := ticketing_internal.next_position(p_registration);
BEGIN
    INSERT INTO ticketing.registration_changes (
        function_id, registration_id, epoch, transaction_id, change, revision, attendee_id, ticket_id, old_values,
        new_values, reason, actor_id, actor_role, changed_at
    )
    VALUES (
        p_registration.function_id, p_registration.registration_id, v_position.epoch, v_position.transaction_id,
        p_change, p_registration.revision, p_attendee_id, p_ticket_id, p_old_values, p_new_values, p_reason,
        ticketing_internal.caller_id(), ticketing_internal.caller_role(), p_now
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.record_registration_change IS
'Records p_change of p_registration, whose revision is that after the change, with the caller as actor. Old and new values are
objects of the values that differ; null: there were or are none. p_attendee_id, p_ticket_id: what it is about; null: the
registration.';
