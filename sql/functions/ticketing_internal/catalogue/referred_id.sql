-- What a reference of a catalogue document means: a UUID is an id, anything else a slug.

CREATE OR REPLACE FUNCTION ticketing_internal.referred_id(
    p_ids jsonb, p_section text, p_reference text
)
RETURNS uuid
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ticketing_internal.is_uuid(p_reference) THEN
        RETURN p_reference::uuid;
    END IF;
    RETURN coalesce(
        (p_ids #>> ARRAY[p_section, 'by_slug', p_reference])::uuid,
        ticketing_internal.slug_id('unknown ' || p_section, NULL, p_reference)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.referred_id IS
'The id that p_reference means in a list of the document, of which p_ids has the ids by slug; an id that nothing has for another slug.';
