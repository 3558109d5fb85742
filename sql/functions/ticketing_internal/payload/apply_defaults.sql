-- A JSON object as the documentation reads it: null keys count as absent, and absent keys have the
-- default of their schema; so in objects inside it, but not in those of a list.

CREATE OR REPLACE FUNCTION ticketing_internal.apply_defaults(p_object jsonb, p_schema jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(property.key, property.value -> 'default'), '{}')
        FROM jsonb_each(p_schema -> 'properties') AS property
        WHERE property.value ? 'default'
    ) || (
        SELECT coalesce(jsonb_object_agg(
            present.key,
            CASE
                WHEN jsonb_typeof(present.value) = 'object' THEN ticketing_internal.apply_defaults(
                    present.value, p_schema -> 'properties' -> present.key
                )
                ELSE present.value
            END
        ), '{}')
        FROM jsonb_each(p_object) AS present
        WHERE present.value <> 'null'
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.apply_defaults IS
'p_object, which conforms to p_schema, without its null keys and with the defaults of absent ones.';
