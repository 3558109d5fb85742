-- The guard of take_places has said no: say what is missing, or, when nothing is, that the
-- caller should try again. Raising takes back what the transaction has written.

CREATE OR REPLACE FUNCTION ticketing_internal.refuse_places(p_issues jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_issues = '[]' THEN
        RAISE serialization_failure USING
            MESSAGE = 'The places needed are changing hands at this moment',
            HINT = 'Repeat the whole call.';
    END IF;
    PERFORM ticketing_internal.refuse('TK005', p_issues);
END
$$;

COMMENT ON FUNCTION ticketing_internal.refuse_places(jsonb) IS
'Raises TK005 with the issues of find_place_issues; without any (the places are those of an overdue registration that
somebody else is working on) 40001. Never returns.';

REVOKE ALL ON FUNCTION ticketing_internal.refuse_places(jsonb) FROM public;
