-- Users whose sub is not taken over as it is; and claims that name no user.

CREATE OR REPLACE FUNCTION ticketing_internal.claimed_user_id()
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_claims jsonb;
BEGIN
    v_claims := nullif(current_setting('request.jwt.claims', true), '');
    IF jsonb_typeof(v_claims -> 'sub') IN ('string', 'number') THEN
        RETURN ticketing_internal.user_id(v_claims ->> 'sub', v_claims ->> 'iss');
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN
        RETURN NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.claimed_user_id IS
'The user_id of sub and iss in request.jwt.claims; null if they name no user.';
