-- The id of what a catalogue document names only by its slug: the same on every server.

CREATE OR REPLACE FUNCTION ticketing_internal.slug_id(
    p_kind text, p_parent_id uuid, p_slug text, p_taken uuid[] DEFAULT '{}'
)
RETURNS uuid
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_id uuid;
    v_number integer := 0;
BEGIN
    LOOP
        v_id := ticketing_internal.hashed_uuid(
            convert_to(concat_ws(' ', p_kind, p_parent_id, p_slug, nullif(v_number, 0)), 'UTF8')
        );
        -- taken by what had the slug first, and has another now
        EXIT WHEN v_id <> ALL(p_taken);
        v_number := v_number + 1;
    END LOOP;
    RETURN v_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.slug_id IS
'The id, none of p_taken, that belongs to a slug: of an organisation (no parent), of a function (its organisation is the parent), or of
an entry of its catalogue (the function is). p_kind: organisation, function, or the list of the document.';
