-- A pool that belongs to an event, ticket type or package has its id; all others are shared.

CREATE OR REPLACE FUNCTION ticketing_internal.is_own_pool(
    p_function_id uuid, p_capacity_pool_id uuid
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM ticketing.events AS event
        WHERE event.function_id = p_function_id AND event.event_id = p_capacity_pool_id
    ) OR EXISTS (
        SELECT
        FROM ticketing.ticket_types AS ticket_type
        WHERE ticket_type.function_id = p_function_id AND ticket_type.ticket_type_id = p_capacity_pool_id
    ) OR EXISTS (
        SELECT
        FROM ticketing.packages AS package
        WHERE package.function_id = p_function_id AND package.package_id = p_capacity_pool_id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_own_pool IS
'Whether a pool is that of an event, ticket type or package of the function, not a shared one.';
