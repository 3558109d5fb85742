-- The key of an advisory lock. A cryptographic hash: callers choose the ids of functions and pools,
-- and could choose one whose key is that of a lock of another function if the hash were invertible.

CREATE OR REPLACE FUNCTION ticketing_internal.lock_key(
    p_kind text,
    p_function_id uuid DEFAULT NULL,
    p_capacity_pool_id uuid DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ('x' || encode(substr(sha256(convert_to(
        concat_ws(' ', 'ticketing', p_kind, p_function_id, p_capacity_pool_id), 'UTF8'
    )), 1, 8), 'hex'))::bit(64)::bigint;
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_key IS
'Key of the advisory lock of a kind (`import`, `catalogue` or `pool`), of an event function, and of one of its pools: the
first 64 bits of a SHA-256.';
