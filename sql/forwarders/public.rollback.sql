-- Removes what public.sql has created: the forwarders in schema public, and nothing else there.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    v_forwarder regprocedure;
BEGIN
    FOR v_forwarder IN
        SELECT own.oid
        FROM pg_proc AS own
        WHERE own.pronamespace = 'public'::regnamespace
            AND obj_description(own.oid, 'pg_proc') =
                format('Forwards to ticketing.%s, which documents it.', own.proname)
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_forwarder);
    END LOOP;
END
$$;

COMMIT;
