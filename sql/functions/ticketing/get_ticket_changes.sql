-- Guarantees: a reader that continues from its last cursor gets every change exactly once, in the
-- order (epoch, transaction id, change id). That includes transactions that were running at the
-- last read: a change is shown once all transactions with a lower id have ended. A long
-- transaction delays the feed but never makes it skip a change, and neither does a failover or a
-- restore: a cursor that would skip changes is refused. Read-only, also on a hot standby.
-- Locks: none.
-- Errors: 42501, TK001.

CREATE OR REPLACE FUNCTION ticketing.get_ticket_changes(
    p_after text DEFAULT NULL, p_limit integer DEFAULT 1000
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_limit integer := coalesce(p_limit, 1000);
    v_epoch bigint;
    v_after ticketing_internal.feed_cursor;
    v_answer ticketing_internal.ticket_changes_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    PERFORM ticketing_internal.require_limit('p_limit', v_limit, 10000);
    v_epoch := ticketing_internal.current_epoch();
    v_after := ticketing_internal.start_reading(p_after, v_epoch);

    -- The primary key has the changes of each function in this order, so the first p_limit of all are
    -- among the first p_limit of each.
    SELECT
        coalesce(array_agg(
            ROW(
                change.epoch, change.change_id, change.change, change.function_id, change.registration_id,
                change.revision, change.ticket_id, change.attendee_id, change.event_id, change.ticket_type_id,
                change.package_id, ticketing_internal.scale_amount(change.price_paid, change.currency),
                change.actor_id, change.actor_role, change.changed_at
            )::ticketing_internal.ticket_change ORDER BY change.epoch, change.transaction_id, change.change_id
        ), '{}'),
        coalesce(ticketing_internal.write_cursor((array_agg(
            ROW(change.epoch, change.transaction_id, change.change_id)::ticketing_internal.feed_cursor
            ORDER BY change.epoch DESC, change.transaction_id DESC, change.change_id DESC
        ))[1]), p_after)
    INTO v_answer.changes, v_answer.cursor
    FROM (
        SELECT
            change.*,
            function.currency
        -- all functions: one feed for the whole database
        FROM ticketing.functions AS function
        CROSS JOIN LATERAL (
            SELECT change.*
            FROM ticketing.ticket_changes AS change
            WHERE change.function_id = function.function_id
                AND (change.epoch, change.transaction_id, change.change_id)
                > ((v_after).epoch, (v_after).transaction_id, (v_after).change_id)
                -- all transactions that wrote in earlier epochs have ended, and their ids may be higher
                AND (
                    change.epoch < v_epoch
                    OR change.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
                )
            ORDER BY change.epoch, change.transaction_id, change.change_id
            LIMIT v_limit
        ) AS change
        ORDER BY change.epoch, change.transaction_id, change.change_id
        LIMIT v_limit
    ) AS change;

    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.get_ticket_changes IS
'The change feed: every ticket added, removed, paid, assigned, cancelled or refunded, in commit order.

The order is that of commits as far as they depend on each other. Call it repeatedly with the cursor
of the last answer: no change is skipped or repeated. A change appears once all transactions that
began before its own have ended. It can also be read on a hot standby.

A ticket is assigned when it admits another person than before; the feed says which ticket, not
whom: `get_registration` tells.

`epoch` rises after a failover or a restore. Changes of earlier epochs that were read before may not
exist any more; all later ones follow.

### Callers
- `service_role`: all changes

### Parameters
- `p_after`: the cursor of the last answer; absent: from the beginning.
- `p_limit`: the maximum number of changes, 1 to 10,000.

### Returns
`ticket_changes_answer`: the next changes, and the cursor after them.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK001` invalid_payload: `p_after` is no cursor of this feed, or `p_limit` is out of range; the server does not have the
  change at the cursor (`cursor_ahead`), or the changes after it have been deleted (`cursor_expired`)

### Retry
The same cursor gets the same changes again, and new ones after them. After `cursor_ahead` repeat the
call later: a standby catches up, and the next change after a failover continues the feed.';

GRANT EXECUTE ON FUNCTION ticketing.get_ticket_changes TO service_role;
