-- Roles that own and call the package, and its two schemas.
--
-- Roles belong to the whole server: they are created only when missing (Supabase brings its own
-- anon, authenticated and service_role) and the rollback leaves them, since other databases may use
-- them.

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['ticketing_owner', 'anon', 'authenticated', 'service_role', 'ticketing_reader']
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
        EXCEPTION
            -- unique_violation: another database of this server is being installed at this very
            -- moment
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;

-- The installer acts as the owner in every later migration. A superuser needs no membership; a role
-- with CREATEROLE may grant itself one (on 16 and later because it administers the roles it has
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
'What callers use: the tables (read through row security) and the RPCs of ticketing-sql.';
COMMENT ON SCHEMA ticketing_internal IS
'What the RPCs of ticketing-sql are made of. Nobody calls it: no role but the owner may.';

GRANT USAGE ON SCHEMA ticketing TO anon, authenticated, service_role, ticketing_reader;

-- A function is executable by PUBLIC unless its owner says otherwise; here nothing is, also what
-- comes later.
ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner REVOKE EXECUTE ON FUNCTIONS FROM public;
