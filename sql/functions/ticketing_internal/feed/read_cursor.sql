-- Decodes a cursor of the change feed.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.read_cursor(p_after text)
RETURNS text[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_parts text[];
BEGIN
    v_parts := string_to_array(convert_from(decode(p_after, 'base64'), 'UTF8'), ':');
    -- the casts reject what is not a number or out of range
    PERFORM v_parts[1]::integer, v_parts[2]::xid8, v_parts[3]::bigint;
    IF cardinality(v_parts) = 3 AND v_parts[2] ~ '^[0-9]{1,19}$' THEN
        RETURN v_parts;
    END IF;
    RAISE data_exception;
EXCEPTION
    WHEN data_exception THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'invalid_value', 'p_after', 'p_after must be the unchanged cursor of an earlier answer.',
            p_actual => to_jsonb(left(p_after, 200))
        )));
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_cursor IS
'{epoch, transaction id, change id} of a cursor of get_ticket_changes; raises TK001 for any other text.';
