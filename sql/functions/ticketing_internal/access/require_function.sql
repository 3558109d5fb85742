-- Guarantees: returns a function only if the caller may read it. Published and closed functions
-- are visible to all, drafts to staff and the service. A missing function and a draft that the
-- caller may not read raise the same error.
-- Errors: TK008.

CREATE OR REPLACE FUNCTION ticketing_internal.require_function(p_function_id uuid, p_path text)
RETURNS ticketing.functions
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function ticketing.functions;
BEGIN
    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = p_function_id;

    IF v_function.function_id IS NULL OR (
        v_function.status = 'draft'
        AND NOT ticketing_internal.caller_is_service()
        AND ticketing_internal.member_role(p_function_id, ticketing_internal.caller_id()) IS NULL
    ) THEN
        PERFORM ticketing_internal.raise_issues('TK008', jsonb_build_array(ticketing_internal.issue(
            'function_not_found', p_path, 'There is no such function, or it is not published.'
        )));
    END IF;
    RETURN v_function;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_function IS
'The function with this id if the caller may read it; raises TK008 at p_path otherwise.';
