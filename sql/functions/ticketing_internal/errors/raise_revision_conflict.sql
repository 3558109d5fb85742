-- Rejects a change that is based on an older revision than the stored one.
--
-- Errors: TK006.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_revision_conflict(
    p_expected integer, p_actual integer
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ticketing_internal.raise_issues('TK006', jsonb_build_array(ticketing_internal.issue(
        'revision_conflict', 'p_expected_revision',
        format('The registration is at revision %s, not %s.', p_actual, p_expected),
        p_expected => to_jsonb(p_expected), p_actual => to_jsonb(p_actual)
    )));
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_revision_conflict IS
'Raises TK006: the caller expects revision p_expected, p_actual is stored. Never returns.';
