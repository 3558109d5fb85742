-- Takes back public.sql: drops the forwarders in schema public, and nothing else there.

DO $$
DECLARE
    v_forwarder regprocedure;
BEGIN
    FOR v_forwarder IN
        SELECT routine.oid
        FROM pg_catalog.pg_proc AS routine
        WHERE routine.pronamespace = 'public'::regnamespace
            AND pg_catalog.obj_description(routine.oid, 'pg_proc')
                = 'Forwards to ticketing.' || routine.proname || ', which documents it.'
    LOOP
        EXECUTE pg_catalog.format('DROP FUNCTION %s', v_forwarder);
    END LOOP;
END
$$;
