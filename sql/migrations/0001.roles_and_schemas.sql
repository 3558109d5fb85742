-- The roles that own and call the package, and its two schemas.
--
-- Roles belong to the server, not to a database. They are created only when missing (Supabase
-- provides anon, authenticated and service_role), and the rollback keeps them because other
-- databases may use them.

-- in every migration: yoyo puts the schema of its records into the search path
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['ticketing_owner', 'anon', 'authenticated', 'service_role', 'ticketing_reader']
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
        EXCEPTION
            -- unique_violation: a concurrent installation in another database has just created it
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;

-- All later statements run as ticketing_owner. A superuser needs no membership; a role with
-- CREATEROLE may grant itself one (since PostgreSQL 16 because it administers the roles that it
-- created).
DO $$
BEGIN
    IF NOT pg_catalog.pg_has_role(current_user, 'ticketing_owner', 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT ticketing_owner TO %I', current_user);
    END IF;
END
$$;

CREATE SCHEMA ticketing AUTHORIZATION ticketing_owner;
CREATE SCHEMA ticketing_internal AUTHORIZATION ticketing_owner;

SET LOCAL ROLE ticketing_owner;

COMMENT ON SCHEMA ticketing IS
'Public interface of ticketing-sql: RPCs, and tables that are read through row security.';
COMMENT ON SCHEMA ticketing_internal IS
'Internals of ticketing-sql; only ticketing_owner has access.';

GRANT USAGE ON SCHEMA ticketing TO anon, authenticated, service_role, ticketing_reader;

-- By default PUBLIC may execute every new function. Here each RPC grants EXECUTE explicitly.
ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner REVOKE EXECUTE ON FUNCTIONS FROM public;
