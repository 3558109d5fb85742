-- What the owner of a registration may read and change is not all theirs to change: discounts and
-- granted holds are for those who answer for the organisation. Called once the registration is
-- authorised, so that no other caller learns that it exists.
--
-- Errors: 42501.

CREATE OR REPLACE FUNCTION ticketing_internal.require_staff(
    p_function_id uuid, p_is_for_admins boolean DEFAULT FALSE
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_role CONSTANT text := ticketing_internal.member_role(p_function_id, ticketing_internal.caller_id());
BEGIN
    IF ticketing_internal.caller_is_service()
        OR v_role IN ('owner', 'admin')
        OR (v_role IS NOT NULL AND NOT p_is_for_admins)
    THEN
        RETURN;
    END IF;
    PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
        'not_allowed', 'p_registration_id', CASE
            WHEN p_is_for_admins THEN 'Only an owner or admin of the organisation, or the service, may do this.'
            ELSE 'Only staff of the organisation, or the service, may do this.'
        END
    )));
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_staff IS
'Raises 42501 unless the caller is the service or a member of the organisation of the function; if p_is_for_admins, its owner
or admin.';
