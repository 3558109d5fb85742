-- Fills in the ids of a catalogue document that says by slugs whose catalogue it is. Before it is
-- known whether the caller may import it and whether it conforms: it says nothing, and leaves alone
-- what it cannot read. The ids are those of this moment: an import goes on with them, whatever is
-- renamed meanwhile.

CREATE OR REPLACE FUNCTION ticketing_internal.resolve_function(p_catalogue jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_most CONSTANT integer := 100;
    v_catalogue jsonb := p_catalogue;
    v_slug text;
    v_organisation_id uuid;
    v_function_id uuid;
    v_taken uuid [] := '{}';
BEGIN
    v_slug := p_catalogue #>> '{organisation,slug}';
    IF length(v_slug) <= c_most AND p_catalogue #>> '{organisation,organisation_id}' IS NULL THEN
        SELECT organisation.organisation_id
        INTO v_organisation_id
        FROM ticketing.organisations AS organisation
        WHERE organisation.slug = v_slug;
        WHILE v_organisation_id IS NULL LOOP
            v_organisation_id := ticketing_internal.slug_id('organisation', NULL, v_slug, v_taken);
            IF EXISTS (SELECT FROM ticketing.organisations AS other WHERE other.organisation_id = v_organisation_id) THEN
                v_taken := v_taken || v_organisation_id;
                v_organisation_id := NULL;
            END IF;
        END LOOP;
        v_catalogue := jsonb_set(v_catalogue, '{organisation,organisation_id}', to_jsonb(v_organisation_id));
    ELSIF ticketing_internal.is_uuid(p_catalogue #>> '{organisation,organisation_id}') THEN
        v_organisation_id := p_catalogue #>> '{organisation,organisation_id}';
    END IF;

    v_slug := p_catalogue #>> '{function,slug}';
    IF length(v_slug) <= c_most AND p_catalogue #>> '{function,function_id}' IS NULL
        AND v_organisation_id IS NOT NULL
    THEN
        -- what another organisation has under this slug is another function
        SELECT function.function_id
        INTO v_function_id
        FROM ticketing.functions AS function
        WHERE function.slug = v_slug AND function.organisation_id = v_organisation_id;
        WHILE v_function_id IS NULL LOOP
            v_function_id := ticketing_internal.slug_id('function', v_organisation_id, v_slug, v_taken);
            IF EXISTS (SELECT FROM ticketing.functions AS other WHERE other.function_id = v_function_id) THEN
                v_taken := v_taken || v_function_id;
                v_function_id := NULL;
            END IF;
        END LOOP;
        v_catalogue := jsonb_set(v_catalogue, '{function,function_id}', to_jsonb(v_function_id));
    END IF;
    RETURN v_catalogue;
END
$$;

COMMENT ON FUNCTION ticketing_internal.resolve_function IS
'p_catalogue with the ids of its organisation and function: those given, else those
of what has the slugs, else new ones made of the slugs.';
