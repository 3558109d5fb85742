-- Whom the limits per owner bind: an owner who calls.

CREATE OR REPLACE FUNCTION ticketing_internal.bound_owner(p_registration ticketing.registrations)
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_caller_id CONSTANT uuid := ticketing_internal.caller_id();
BEGIN
    IF v_caller_id IS NULL
        OR v_caller_id <> p_registration.owner_id
        OR ticketing_internal.caller_is_service()
    THEN
        RETURN NULL;
    END IF;
    RETURN v_caller_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.bound_owner IS
'The caller, if limits per owner may apply: the owner of p_registration, or the one who quotes without a registration (then
its owner_id is null); null for the service, visitors, and staff who call for another owner.';
