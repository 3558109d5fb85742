-- Refuses a p_limit out of range instead of clamping it.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.require_limit(
    p_argument text, p_value integer, p_max integer
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues CONSTANT jsonb := ticketing_internal.schema_issues(
        to_jsonb(p_value), jsonb_build_object('type', 'integer', 'minimum', 1, 'maximum', p_max), p_argument
    );
BEGIN
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_limit IS
'Raises TK001 at p_argument unless p_value is from 1 to p_max.';
