-- A function whose slug a document changes without an id is a second one, and the first stays on
-- sale: allowed, but hardly ever meant.

CREATE OR REPLACE FUNCTION ticketing_internal.repeated_function_warnings(
    p_catalogue ticketing_internal.submitted_catalogue
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function CONSTANT ticketing.functions := p_catalogue.function;
BEGIN
    RETURN ARRAY(
        SELECT format(
            '%s (%s) is new, and %s (%s) stays as it is: if it only has another slug now, give it function_id: %s.',
            v_function.name, v_function.slug, other.name, other.slug, other.function_id
        )
        FROM ticketing.functions AS other
        WHERE other.organisation_id = v_function.organisation_id
            AND other.function_id <> v_function.function_id
            AND other.status <> 'closed'
            AND (other.name = v_function.name OR (
                SELECT array_agg(event.slug ORDER BY event.slug)
                FROM ticketing.events AS event
                WHERE event.function_id = other.function_id AND event.is_active
            ) = (
                SELECT array_agg(event.slug ORDER BY event.slug)
                FROM unnest(p_catalogue.events) AS event
                WHERE event.is_active
            ))
        ORDER BY other.name, other.slug
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.repeated_function_warnings IS
'A text for each function of the organisation that is not closed and has the name or the event slugs of the new function of p_catalogue.';
