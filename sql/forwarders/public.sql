-- Forwarders in schema public, for apps that cannot choose a schema: one for each function of
-- schema ticketing, with the same name, arguments, result and grants, running with the rights of
-- its caller.
--
-- Optional, not part of an installation: apply it with psql after `ticketing migrate`, and again
-- after every upgrade. It needs CREATE on schema public and membership in ticketing_owner;
-- public.rollback.sql removes the forwarders. All or nothing; applying it again is harmless.
-- public_http.sql is the same with real HTTP statuses: it sets ticketing.http_statuses.

BEGIN;

-- no operator or function that another role has created
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    v_taken text;
    v_obsolete regprocedure;
    v_rpc record;
    v_forwarder regprocedure;
    v_grantee text;
    v_has_statuses CONSTANT boolean := coalesce(current_setting('ticketing.http_statuses', TRUE), '') = 'on';
    v_codes text;
    v_responses jsonb;
BEGIN
    IF (SELECT nspowner <> to_regrole('ticketing_owner') FROM pg_namespace WHERE nspname = 'ticketing') THEN
        RAISE 'schema ticketing belongs to %, not to ticketing_owner', (
            SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'ticketing'
        )
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Run sql/check_owners.sql, which says what to do. Nothing was changed.';
    END IF;

    -- Only forwarders are replaced: an app may have a function of its own with one of these names, and
    -- PostgREST cannot tell overloaded functions apart.
    SELECT string_agg(format('%s(%s)', own.proname, oidvectortypes(own.proargtypes)), ', ' ORDER BY own.proname)
    INTO v_taken
    FROM pg_proc AS own
    INNER JOIN pg_proc AS rpc ON rpc.proname = own.proname AND rpc.pronamespace = 'ticketing'::regnamespace
    WHERE own.pronamespace = 'public'::regnamespace
        AND obj_description(own.oid, 'pg_proc') IS DISTINCT FROM
            format('Forwards to ticketing.%s, which documents it.', own.proname);
    IF v_taken IS NOT NULL THEN
        RAISE 'There is already, in schema public: %', v_taken
            USING ERRCODE = 'duplicate_function',
                HINT = 'Drop or rename it, or call schema ticketing itself. Nothing was changed.';
    END IF;

    -- forwarders whose function is gone, or has another signature now
    FOR v_obsolete IN
        SELECT own.oid
        FROM pg_proc AS own
        WHERE own.pronamespace = 'public'::regnamespace
            AND obj_description(own.oid, 'pg_proc') =
                format('Forwards to ticketing.%s, which documents it.', own.proname)
            AND NOT EXISTS (
                SELECT
                FROM pg_proc AS rpc
                WHERE rpc.pronamespace = 'ticketing'::regnamespace
                    AND rpc.proname = own.proname
                    AND pg_get_function_arguments(rpc.oid) = pg_get_function_arguments(own.oid)
                    AND pg_get_function_result(rpc.oid) = pg_get_function_result(own.oid)
            )
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_obsolete);
    END LOOP;

    -- by SQLSTATE, of 42501 by the code of its issue
    SELECT
        string_agg(DISTINCT format('SQLSTATE %L', problem.sqlstate), ' OR '),
        jsonb_object_agg(
            CASE problem.sqlstate WHEN '42501' THEN problem.name ELSE problem.sqlstate END,
            jsonb_build_object('status', problem.http_status, 'headers', problem.http_headers)
        )
    INTO v_codes, v_responses
    FROM ticketing_internal.http_problems() AS problem;

    FOR v_rpc IN
        SELECT
            rpc.proname,
            rpc.proowner,
            coalesce(rpc.proacl, acldefault('f', rpc.proowner)) AS acl,
            format(
                'CREATE OR REPLACE FUNCTION public.%I(%s) RETURNS %s LANGUAGE %s %s %s SET search_path = pg_catalog, pg_temp',
                rpc.proname, pg_get_function_arguments(rpc.oid), pg_get_function_result(rpc.oid),
                CASE WHEN v_has_statuses THEN 'plpgsql' ELSE 'sql' END,
                CASE rpc.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
                CASE WHEN rpc.proisstrict THEN 'STRICT' ELSE 'CALLED ON NULL INPUT' END
            ) AS head,
            rpc.proretset,
            format(
                'ticketing.%I(%s)', rpc.proname,
                (SELECT string_agg(format('%1$I => %1$I', argument), ', ') FROM unnest(rpc.proargnames[:rpc.pronargs]) AS argument)
            ) AS call
        FROM pg_proc AS rpc
        WHERE rpc.pronamespace = 'ticketing'::regnamespace
        ORDER BY rpc.proname
    LOOP
        -- no backslash and no function of another schema: the caller's settings read the body
        EXECUTE format('%s AS %L', v_rpc.head, CASE WHEN v_has_statuses THEN format(
            $body$
DECLARE
    v_message text;
    v_detail text;
    v_hint text;
    v_response text;
BEGIN
    RETURN %s %s;
EXCEPTION
    WHEN %s THEN
        GET STACKED DIAGNOSTICS
            v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL, v_hint = PG_EXCEPTION_HINT;
        v_response := %L::jsonb ->> CASE SQLSTATE
            WHEN '42501' THEN substring(v_detail FROM '"code": "([a-z_]+)"') ELSE SQLSTATE
        END;
        IF v_response IS NULL THEN -- PostgreSQL's own 42501
            RAISE;
        END IF;
        RAISE SQLSTATE 'PGRST' USING
            MESSAGE = jsonb_build_object(
                'code', SQLSTATE, 'message', v_message,
                'details', nullif(v_detail, ''), 'hint', nullif(v_hint, '')
            ),
            DETAIL = v_response;
END
$body$,
            CASE WHEN v_rpc.proretset THEN 'QUERY SELECT * FROM' END, v_rpc.call, v_codes, v_responses
        ) ELSE format('SELECT %s %s', CASE WHEN v_rpc.proretset THEN '* FROM' END, v_rpc.call) END);
        SELECT own.oid
        INTO v_forwarder
        FROM pg_proc AS own
        WHERE own.pronamespace = 'public'::regnamespace AND own.proname = v_rpc.proname;
        EXECUTE format(
            'COMMENT ON FUNCTION %s IS %L', v_forwarder,
            format('Forwards to ticketing.%s, which documents it.', v_rpc.proname)
        );

        -- the grants of the function, instead of those that default privileges or an earlier version gave
        FOR v_grantee IN
            SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
            FROM pg_proc AS own
            CROSS JOIN LATERAL aclexplode(coalesce(own.proacl, acldefault('f', own.proowner))) AS acl
            WHERE own.oid = v_forwarder AND acl.grantee <> own.proowner
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', v_forwarder, v_grantee);
        END LOOP;
        FOR v_grantee IN
            SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
            FROM aclexplode(v_rpc.acl) AS acl
            WHERE acl.grantee <> v_rpc.proowner
        LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', v_forwarder, v_grantee);
        END LOOP;
    END LOOP;
END
$$;

COMMIT;
