-- One object of a catalogue document as it is written by hand: without the keys that say what is
-- understood, and with its times in the time zone of the function.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_entry(
    p_entry jsonb, p_schema jsonb, p_function ticketing.functions
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(property.key, CASE
            WHEN p_schema #>> ARRAY['properties', property.key, 'format'] = 'date-time'
                THEN to_jsonb(ticketing_internal.offset_time((property.value #>> '{}')::timestamptz, p_function.timezone))
            WHEN property.key = 'price'
                THEN to_jsonb(ticketing_internal.scale_amount((property.value #>> '{}')::numeric, p_function.currency))
            ELSE property.value
        END), '{}')
        FROM jsonb_each(p_entry) AS property
        WHERE property.value NOT IN ('null', '[]')
            AND property.value IS DISTINCT FROM p_schema #> ARRAY['properties', property.key, 'default']
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_entry IS
'p_entry, an object of stored_catalogue, which conforms to p_schema, without nulls, empty lists and defaults.';
