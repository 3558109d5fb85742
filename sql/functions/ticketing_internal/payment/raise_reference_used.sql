-- Refuses a payment or refund whose reference stands for another one.
--
-- Errors: TK007.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_reference_used(
    p_argument text, p_reference text
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
        'reference_used', p_argument || '.reference', 'The reference is already used for another payment or refund.',
        p_actual => to_jsonb(p_reference)
    )));
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_reference_used IS
'Raises TK007 about the reference in p_argument. Never returns.';
