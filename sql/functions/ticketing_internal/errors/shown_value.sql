-- A value as issues show it. All of a long one would be a reply longer than the request.

CREATE OR REPLACE FUNCTION ticketing_internal.shown_value(p_value jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_most_characters CONSTANT integer := 200;
    -- what is longer is not even written out
    c_most_bytes CONSTANT integer := 8000;
    v_type CONSTANT text := jsonb_typeof(p_value);
    v_text text;
BEGIN
    IF v_type IN ('array', 'object') AND pg_column_size(p_value) > c_most_bytes THEN
        RETURN to_jsonb(CASE v_type WHEN 'array' THEN '[…]' ELSE '{…}' END);
    END IF;
    v_text := p_value #>> '{}';
    RETURN CASE
        WHEN length(v_text) > c_most_characters THEN to_jsonb(left(v_text, c_most_characters) || '…')
        ELSE p_value
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.shown_value IS
'p_value, or the first 200 characters of its text if it is longer.';
