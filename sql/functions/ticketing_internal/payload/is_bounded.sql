-- The gate of every JSON argument, before anything else reads it. jsonb stores 1e131071 in 8 bytes
-- and writes it as 131,072 digits; every level of nesting costs its readers a level of recursion.
--
-- Domain ticketing.bounded_json holds the same for what is stored.

CREATE OR REPLACE FUNCTION ticketing_internal.is_bounded(p_value jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN pg_column_size(p_value) > 1048576 THEN FALSE
        -- before the next, which goes down all levels
        WHEN jsonb_path_exists(p_value, 'strict $.**{64} ? (@.type() == "object" || @.type() == "array")') THEN FALSE
        -- changing one key of a value builds all of it anew, an object in 640 bytes; the search for long
        -- numbers takes as much for each
        WHEN pg_column_size(p_value) > 8 * 30000 AND jsonb_array_length(jsonb_path_query_array(
            p_value, 'strict $.** ? (@.type() != "string").type()'
        )) > 30000 THEN FALSE
        -- (1 + n - n) / 3 has as many decimals as n, if not fewer than 20
        ELSE NOT jsonb_path_exists(p_value, 'strict $.** ? (@.type() == "number" && (
            @ >= 1e30 || @ <= -1e30 || (1 + @ - @) / 3 > 0.333333333333333333333333333333))')
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_bounded IS
'Whether p_value is at most 1 MiB, 64 levels of nesting, and 30,000 values other than texts, with all its numbers below 1e30 and
of at most 30 decimals; null for null.';
