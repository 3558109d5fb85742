-- Guarantees: an import of the document changes nothing.
-- Errors: 42501, TK008.

CREATE OR REPLACE FUNCTION ticketing.export_catalogue(p_function_id uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_is_service CONSTANT boolean := ticketing_internal.caller_is_service();
    v_caller_id CONSTANT uuid := ticketing_internal.caller_id();
    v_stored jsonb;
    v_answer ticketing_internal.export_answer;
BEGIN
    IF v_caller_id IS NULL AND NOT v_is_service THEN
        PERFORM ticketing_internal.raise_not_authenticated('p_function_id');
    END IF;
    IF NOT v_is_service AND ticketing_internal.member_role(p_function_id, v_caller_id) IS NULL THEN
        PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
            'not_allowed', 'p_function_id',
            'Only the service and members of the organisation can export its catalogue.'
        )));
    END IF;
    v_stored := ticketing_internal.stored_catalogue(p_function_id);
    IF v_stored IS NULL THEN
        PERFORM ticketing_internal.raise_issues('TK008', jsonb_build_array(ticketing_internal.issue(
            'function_not_found', 'p_function_id', 'There is no such function.'
        )));
    END IF;

    v_answer.function_id := p_function_id;
    v_answer.catalogue := ticketing_internal.describe_catalogue(v_stored);
    v_answer.server_time := statement_timestamp();
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.export_catalogue IS
'Returns the stored catalogue of a function as a document, to be edited and imported again.

It is written as by hand: references are slugs, and ids stand only where no slug leads to them. What
is inactive is in it. Times are in the time zone of the function.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: functions of organisations in which the caller is a member
- `service_role`: all functions

### Parameters
- `p_function_id`: the event function

### Returns
`export_answer`: the document. Imported unchanged it changes nothing.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `42501` not_allowed: the caller is neither the service nor a member of the organisation
- `TK008` function_not_found: there is no such function

### Retry
Reads only; safe to repeat.';

GRANT EXECUTE ON FUNCTION ticketing.export_catalogue TO anon, authenticated, service_role;
