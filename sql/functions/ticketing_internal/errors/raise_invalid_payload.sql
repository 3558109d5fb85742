-- Rejects a call after a reader has failed on its JSON arguments: lists all issues of all of
-- them.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_invalid_payload(
    p_arguments text[], p_values jsonb[]
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ticketing_internal.raise_issues('TK001', ticketing_internal.unreadable_issues(p_arguments, p_values));
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_invalid_payload IS
'Raises TK001 with all issues of the arguments with these names and values. Never returns.';
