-- Guarantees: expires overdue registrations and never waits for a registration that another
-- transaction has locked. Correctness does not depend on this call, because calls that need the
-- capacity reclaim it themselves; regular calls keep the stored counters and statuses up to date.
-- Lock order, per function in id order: the catalogue (shared), overdue registrations, capacity
-- pools in id order.
-- Errors: 42501, TK001.

CREATE OR REPLACE FUNCTION ticketing.release_expired_holds(p_limit integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_limit integer := coalesce(p_limit, 100);
    v_released integer := 0;
    v_function_id uuid;
    v_expired record;
    v_answer ticketing_internal.release_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    PERFORM ticketing_internal.require_limit('p_limit', v_limit, 10000);

    FOR v_function_id IN
        SELECT function.function_id
        -- all functions: the job serves the whole database
        FROM ticketing.functions AS function
        WHERE EXISTS (
            SELECT
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = function.function_id
                AND registration.hold_bucket <= v_now
                AND registration.hold_expires_at <= v_now
        )
        OR EXISTS (
            SELECT
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = function.function_id
                AND registration.is_open
                AND registration.hold_bucket IS NULL
                AND registration.updated_at <= v_now - interval '24 hours'
        )
        ORDER BY function.function_id
    LOOP
        EXIT WHEN v_released >= v_limit;
        PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => FALSE);
        SELECT expired.r_changes, expired.r_expired
        INTO v_expired
        FROM ticketing_internal.expire_overdue(v_function_id, NULL, NULL, v_limit - v_released, v_now) AS expired;
        v_released := v_released + v_expired.r_expired
            + ticketing_internal.expire_empty(v_function_id, v_limit - v_released - v_expired.r_expired, v_now);
        PERFORM ticketing_internal.take_capacity(v_function_id, v_expired.r_changes);
    END LOOP;

    v_answer.success := TRUE;
    v_answer.released := v_released;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.release_expired_holds IS
'Expires overdue unpaid registrations and frees their capacity, and those without tickets that have not changed for 24 hours.

Tickets stay stored: the owner can persist them again while there is capacity.

### Callers
- `service_role`: all registrations

### Parameters
- `p_limit`: the maximum number of registrations, 1 to 10,000.

### Returns
`release_answer`: how many registrations became expired.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK001` invalid_payload: `p_limit` is out of range

### Retry
A repeated call expires the registrations that are left or have become overdue since.';

GRANT EXECUTE ON FUNCTION ticketing.release_expired_holds TO service_role;
