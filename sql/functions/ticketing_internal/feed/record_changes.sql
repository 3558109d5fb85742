-- Write what has happened to tickets into the change feed: the one place that does.
--
-- The feed is in the order of transaction ids, and a transaction that began earlier can come to a
-- registration later: its changes then stand under the id of the one before. Nothing is skipped by
-- that, since the feed shows no id as long as an earlier one is running. The caller, who has locked
-- the registration, stores which id that is.

CREATE OR REPLACE FUNCTION ticketing_internal.record_changes(
    p_registration ticketing.registrations,
    p_revision integer,
    p_tickets ticketing_internal.planned_ticket[],
    p_now timestamptz
)
RETURNS ticketing.registrations
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration ticketing.registrations := p_registration;
    v_epoch integer;
    v_transaction_id xid8 := pg_current_xact_id();
    v_actor_id uuid := ticketing_internal.caller_id();
    v_actor_role text := ticketing_internal.caller_role();
BEGIN
    SELECT stored.epoch
    INTO v_epoch
    FROM ticketing_internal.feed_epoch AS stored
    WHERE stored.server_started_at = pg_postmaster_start_time();
    IF NOT found THEN
        v_epoch := ticketing_internal.feed_epoch();
    END IF;
    IF p_registration.last_change_epoch = v_epoch THEN
        v_transaction_id := greatest(p_registration.last_change_transaction_id, v_transaction_id);
    END IF;

    INSERT INTO ticketing.ticket_changes (
        function_id, epoch, transaction_id, change, registration_id, revision, ticket_id, attendee_id, event_id,
        ticket_type_id, package_id, price_paid, actor_id, actor_role, changed_at
    )
    SELECT
        p_registration.function_id, v_epoch, v_transaction_id, ticket.change, p_registration.registration_id,
        p_revision, ticket.ticket_id, ticket.attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id,
        ticket.price_paid, v_actor_id, v_actor_role, p_now
    FROM unnest(p_tickets) AS ticket
    WHERE ticket.change NOT IN ('kept', 'retaken');

    v_registration.last_change_epoch := v_epoch;
    v_registration.last_change_transaction_id := v_transaction_id;
    RETURN v_registration;
END
$$;

COMMENT ON FUNCTION ticketing_internal.record_changes IS
'Records the tickets whose change is not kept or retaken, with the caller as the actor. Returns
p_registration with the last_change_epoch and last_change_transaction_id that the caller is to store.';
