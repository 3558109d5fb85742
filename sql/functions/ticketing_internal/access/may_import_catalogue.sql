-- Whether the caller may import this catalogue: the service always; a user as owner or admin of
-- the organisation in the document, which must also be the organisation of the function if it
-- exists.

CREATE OR REPLACE FUNCTION ticketing_internal.may_import_catalogue(p_catalogue jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_caller_id uuid := ticketing_internal.caller_id();
    v_organisation_id uuid;
    v_function_id uuid;
BEGIN
    IF ticketing_internal.caller_is_service() THEN
        RETURN TRUE;
    END IF;

    -- Without valid ids the organisation is unknown.
    IF NOT coalesce(
        jsonb_typeof(p_catalogue #> '{organisation,organisation_id}') = 'string'
        AND jsonb_typeof(p_catalogue #> '{function,function_id}') = 'string'
        AND ticketing_internal.is_uuid(p_catalogue #>> '{organisation,organisation_id}')
        AND ticketing_internal.is_uuid(p_catalogue #>> '{function,function_id}'),
        FALSE
    ) THEN
        RETURN FALSE;
    END IF;
    v_organisation_id := p_catalogue #>> '{organisation,organisation_id}';
    v_function_id := p_catalogue #>> '{function,function_id}';

    RETURN EXISTS (
        SELECT
        FROM ticketing.organisation_members AS member
        WHERE member.organisation_id = v_organisation_id
            AND member.user_id = v_caller_id
            AND member.role IN ('owner', 'admin')
    ) AND NOT EXISTS (
        SELECT
        FROM ticketing.functions AS function
        WHERE function.function_id = v_function_id
            AND function.organisation_id <> v_organisation_id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.may_import_catalogue IS
'True if the caller is the service, or owner or admin of the organisation in p_catalogue.';
