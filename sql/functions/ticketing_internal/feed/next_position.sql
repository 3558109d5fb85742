-- Where in the feed the changes stand that a transaction makes to a registration.
--
-- Guarantees: the changes of one registration stand in the order in which they were made. The feed
-- is ordered by transaction id, and a transaction with a lower id can reach a registration later;
-- its changes are then recorded under the id of the previous change. No reader skips them: the feed
-- shows no id while a transaction with a lower id is running.
-- Lock order: the caller has locked the registration; see feed_epoch.

CREATE OR REPLACE FUNCTION ticketing_internal.next_position(p_registration ticketing.registrations)
RETURNS ticketing_internal.feed_cursor
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_position ticketing_internal.feed_cursor;
BEGIN
    SELECT stored.epoch
    INTO v_position.epoch
    FROM ticketing_internal.feed_epoch AS stored
    WHERE stored.server_started_at = pg_postmaster_start_time();
    IF NOT found THEN
        v_position.epoch := ticketing_internal.feed_epoch();
    END IF;
    v_position.transaction_id := pg_current_xact_id();
    IF p_registration.last_change_epoch = v_position.epoch THEN
        v_position.transaction_id := greatest(p_registration.last_change_transaction_id, v_position.transaction_id);
    END IF;
    RETURN v_position;
END
$$;

COMMENT ON FUNCTION ticketing_internal.next_position IS
'Epoch and transaction id under which the next changes of p_registration (locked) are recorded.';
