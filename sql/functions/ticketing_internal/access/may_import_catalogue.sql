-- May the caller import this catalogue? The service may; a user must be owner or admin of the
-- organisation in the document, and of that of the function when there is one already.

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

    -- a document that does not even say whose it is can be nobody's
    IF NOT coalesce(
        ticketing_internal.is_uuid(p_catalogue #>> '{organisation,organisation_id}')
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
'Whether the caller is the service, or owner or admin of the organisation of p_catalogue.';
