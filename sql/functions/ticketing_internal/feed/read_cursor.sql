-- Decodes a cursor of the change feed.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.read_cursor(p_after text)
RETURNS ticketing_internal.feed_cursor
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_parts text[];
    v_cursor ticketing_internal.feed_cursor;
BEGIN
    v_parts := string_to_array(convert_from(decode(p_after, 'base64'), 'UTF8'), ':');
    -- the casts reject what is not a number or out of range
    v_cursor := ROW(v_parts[1]::bigint, v_parts[2]::xid8, v_parts[3]::bigint);
    IF cardinality(v_parts) = 3 AND v_parts[2] ~ '^[0-9]{1,19}$' THEN
        RETURN v_cursor;
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
'The cursor in p_after; raises TK001 for any text that is no cursor of get_ticket_changes.';
