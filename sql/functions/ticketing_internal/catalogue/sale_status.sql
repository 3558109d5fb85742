-- Why something in the catalogue is not on sale at p_now, capacity aside. Ticket types and
-- packages share this rule.

CREATE OR REPLACE FUNCTION ticketing_internal.sale_status(
    p_is_active boolean,
    p_starts_at timestamptz,
    p_ends_at timestamptz,
    p_now timestamptz
)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN NOT p_is_active THEN 'inactive'
        WHEN p_now < p_starts_at THEN 'not_yet'
        WHEN p_now >= p_ends_at THEN 'ended'
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.sale_status IS
'inactive, not_yet or ended; null while on sale. A null start or end is no limit.';
