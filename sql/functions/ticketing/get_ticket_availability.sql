-- Guarantees: a consistent snapshot of what is on sale now; overdue holds count as free.
-- Read-only.
-- Locks: none.
-- Errors: TK008, TK002.

CREATE OR REPLACE FUNCTION ticketing.get_ticket_availability(
    p_function_id uuid,
    p_registration_id uuid DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz := statement_timestamp();
    v_function ticketing.functions;
    -- status of everything while the function as a whole is off sale; otherwise null
    v_closed text;
    v_free ticketing_internal.capacity_change[];
    v_answer ticketing_internal.availability_answer;
BEGIN
    IF p_registration_id IS NOT NULL
        AND (ticketing_internal.authorise_registration(p_registration_id, TRUE)).function_id IS DISTINCT FROM p_function_id
    THEN
        PERFORM ticketing_internal.raise_registration_not_found();
    END IF;
    v_function := ticketing_internal.require_function(p_function_id, 'p_function_id');
    v_closed := CASE
        WHEN v_function.status = 'draft' THEN 'inactive'
        WHEN v_function.status = 'closed' THEN 'ended'
        WHEN v_now < v_function.registration_opens_at THEN 'not_yet'
        WHEN v_now >= v_function.registration_closes_at THEN 'ended'
    END;

    v_free := ticketing_internal.free_capacity(p_function_id, p_registration_id, v_now);

    v_answer.function := ROW(
        v_function.function_id, v_function.slug, v_function.name, v_function.timezone, v_function.status,
        v_function.selection_mode, v_function.starts_at, v_function.ends_at, v_function.registration_opens_at,
        v_function.registration_closes_at, v_function.changes_until, v_function.refunds_until
    )::ticketing_internal.function_availability;
    v_answer.currency := v_function.currency;
    v_answer.events := ARRAY(
        SELECT ROW(
            event.event_id, event.slug, event.title, event.starts_at, event.ends_at, event.is_active, pool.reserved
        )::ticketing_internal.event_availability
        FROM ticketing.events AS event
        LEFT JOIN unnest(v_free) AS pool ON pool.capacity_pool_id = event.event_id
        WHERE event.function_id = p_function_id
        ORDER BY event.starts_at, event.title
    );
    v_answer.ticket_types := ticketing_internal.describe_ticket_types(v_function, v_free, v_closed, v_now);
    v_answer.packages := ticketing_internal.describe_packages(v_function, v_free, v_closed, v_now);
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.get_ticket_availability IS
'Returns all that the selection step displays: what is on sale, at which price, and for whom.

`available` says how many can be added now, of a package as many as all its contents allow.

### Callers
- `anon`: published functions
- `authenticated`: published functions and own registrations; staff also the drafts and
  registrations of their organisation
- `service_role`: all functions and registrations

### Parameters
- `p_function_id`: the function.
- `p_registration_id`: a registration, whose own capacity counts as free.

### Returns
`availability_answer`: the function with its events, ticket types and packages.

### Raises
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK008` function_not_found: it does not exist, or is not published to the caller

### Retry
Repeating the call is safe, because it writes nothing.';

GRANT EXECUTE ON FUNCTION ticketing.get_ticket_availability TO anon, authenticated, service_role;
