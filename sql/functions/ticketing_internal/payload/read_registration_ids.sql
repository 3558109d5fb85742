-- Whose and which registration is it, when the rest cannot be read? Refusals that depend on these
-- (TK008, TK002) take precedence over the shape of the rest.

CREATE OR REPLACE FUNCTION ticketing_internal.read_registration_ids(p_data jsonb)
RETURNS ticketing_internal.submitted_registration
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration ticketing_internal.submitted_registration;
BEGIN
    IF jsonb_typeof(p_data -> 'functionId') = 'string' AND ticketing_internal.is_uuid(p_data ->> 'functionId') THEN
        v_registration.function_id := p_data ->> 'functionId';
    END IF;
    IF jsonb_typeof(p_data -> 'registrationId') = 'string'
        AND ticketing_internal.is_uuid(p_data ->> 'registrationId')
    THEN
        v_registration.registration_id := p_data ->> 'registrationId';
    END IF;
    RETURN v_registration;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_registration_ids IS
'The function_id and registration_id in p_data, the registration object of the wizard, as far as they are UUIDs; null
for all else.';
