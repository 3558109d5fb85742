-- Refuse a call whose JSON arguments some reader has refused.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_invalid_payload(p_arguments jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ticketing_internal.raise_issues('TK001', ticketing_internal.unreadable_issues(p_arguments));
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_invalid_payload IS
'Raises TK001 with all issues of the arguments, given as {"argument name": value}. Never returns.';
