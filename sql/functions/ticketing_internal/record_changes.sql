-- Write what has happened to tickets into the change feed: the one place that does.

CREATE OR REPLACE FUNCTION ticketing_internal.record_changes(
    p_function_id uuid,
    p_registration_id uuid,
    p_revision integer,
    p_tickets ticketing_internal.planned_ticket[],
    p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_epoch integer := ticketing_internal.feed_epoch();
    v_transaction_id xid8 := pg_current_xact_id();
    v_actor_id uuid := ticketing_internal.caller_id();
    v_actor_role text := ticketing_internal.caller_role();
BEGIN
    -- The feed is in the order of transaction ids, and a transaction that began earlier can come to
    -- a registration later: its changes then stand under the id of the one before. Nothing is
    -- skipped by that, since the feed shows no id as long as an earlier one is running.
    UPDATE ticketing.registrations AS registration
    SET
        last_change_epoch = v_epoch,
        last_change_transaction_id = CASE registration.last_change_epoch
            WHEN v_epoch THEN greatest(registration.last_change_transaction_id, v_transaction_id)
            ELSE v_transaction_id
        END
    WHERE registration.function_id = p_function_id
        AND registration.registration_id = p_registration_id
    RETURNING registration.last_change_transaction_id INTO v_transaction_id;

    INSERT INTO ticketing.ticket_changes (
        function_id, epoch, transaction_id, change, registration_id, revision, ticket_id, attendee_id, event_id,
        ticket_type_id, package_id, price_paid, actor_id, actor_role, changed_at
    )
    SELECT
        p_function_id, v_epoch, v_transaction_id, ticket.change, p_registration_id, p_revision, ticket.ticket_id,
        ticket.attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id, ticket.price_paid, v_actor_id,
        v_actor_role, p_now
    FROM unnest(p_tickets) AS ticket
    WHERE ticket.change NOT IN ('kept', 'retaken');
END
$$;

COMMENT ON FUNCTION ticketing_internal.record_changes(
    uuid,
    uuid,
    integer,
    ticketing_internal.planned_ticket[],
    timestamptz
) IS
'Records the tickets whose change is not kept or retaken, with the caller as the actor.';

REVOKE ALL ON FUNCTION ticketing_internal.record_changes(
    uuid,
    uuid,
    integer,
    ticketing_internal.planned_ticket[],
    timestamptz
) FROM public;
