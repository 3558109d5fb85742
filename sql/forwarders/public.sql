-- Forwarders in schema public, for apps that cannot choose a schema: each passes its call on to the
-- function of the same name in schema ticketing, with the rights of its caller.
--
-- Optional, and no part of an installation: apply it with psql once `ticketing migrate` is done,
-- and again after every upgrade. Needs CREATE on schema public and membership in ticketing_owner;
-- public.rollback.sql takes it back. All or nothing, and harmless when repeated.

BEGIN;

-- It replaces what it made itself and nothing else: PostgREST cannot tell overloaded functions
-- apart, and an app may have a function of its own by one of these names.
DO $$
DECLARE
    v_taken text;
BEGIN
    SELECT pg_catalog.string_agg(own.oid::regprocedure::text, ', ' ORDER BY own.proname)
    INTO v_taken
    FROM pg_catalog.pg_proc AS own
    INNER JOIN pg_catalog.pg_proc AS rpc ON rpc.proname = own.proname
    WHERE own.pronamespace = 'public'::regnamespace
        AND rpc.pronamespace = 'ticketing'::regnamespace
        AND pg_catalog.obj_description(own.oid, 'pg_proc') IS DISTINCT FROM
            'Forwards to ticketing.' || own.proname || ', which documents it.';

    IF v_taken IS NOT NULL THEN
        RAISE 'There is already, in schema public: %', v_taken
            USING ERRCODE = 'duplicate_function',
                HINT = 'Drop or rename it, or call schema ticketing itself. Nothing was changed.';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION public.cancel_registration(
    p_registration_id uuid,
    p_reason text DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.cancel_registration(
        p_registration_id => p_registration_id,
        p_reason => p_reason
    )
$$;

COMMENT ON FUNCTION public.cancel_registration(uuid, text) IS
'Forwards to ticketing.cancel_registration, which documents it.';

REVOKE ALL ON FUNCTION public.cancel_registration(uuid, text)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.cancel_registration(uuid, text)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.check_integrity()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM ticketing.check_integrity()
$$;

COMMENT ON FUNCTION public.check_integrity() IS
'Forwards to ticketing.check_integrity, which documents it.';

REVOKE ALL ON FUNCTION public.check_integrity()
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.check_integrity()
TO service_role, ticketing_reader;

CREATE OR REPLACE FUNCTION public.complete_registration_payment(
    p_registration_id uuid,
    p_payment jsonb
)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.complete_registration_payment(
        p_registration_id => p_registration_id,
        p_payment => p_payment
    )
$$;

COMMENT ON FUNCTION public.complete_registration_payment(uuid, jsonb) IS
'Forwards to ticketing.complete_registration_payment, which documents it.';

REVOKE ALL ON FUNCTION public.complete_registration_payment(uuid, jsonb)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.complete_registration_payment(uuid, jsonb)
TO service_role;

CREATE OR REPLACE FUNCTION public.create_individual_registration_jsonb(p_registration_data jsonb)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.create_individual_registration_jsonb(
        p_registration_data => p_registration_data
    )
$$;

COMMENT ON FUNCTION public.create_individual_registration_jsonb(jsonb) IS
'Forwards to ticketing.create_individual_registration_jsonb, which documents it.';

REVOKE ALL ON FUNCTION public.create_individual_registration_jsonb(jsonb)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.create_individual_registration_jsonb(jsonb)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.create_individual_registration_with_tickets(
    p_registration_data jsonb,
    p_tickets jsonb DEFAULT '[]',
    p_attendee_updates jsonb DEFAULT '[]',
    p_expected_revision integer DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.create_individual_registration_with_tickets(
        p_registration_data => p_registration_data,
        p_tickets => p_tickets,
        p_attendee_updates => p_attendee_updates,
        p_expected_revision => p_expected_revision
    )
$$;

COMMENT ON FUNCTION public.create_individual_registration_with_tickets(jsonb, jsonb, jsonb, integer) IS
'Forwards to ticketing.create_individual_registration_with_tickets, which documents it.';

REVOKE ALL ON FUNCTION public.create_individual_registration_with_tickets(
    jsonb, jsonb, jsonb, integer
)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.create_individual_registration_with_tickets(
    jsonb, jsonb, jsonb, integer
)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.get_registration(p_registration_id uuid)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.get_registration(p_registration_id => p_registration_id)
$$;

COMMENT ON FUNCTION public.get_registration(uuid) IS
'Forwards to ticketing.get_registration, which documents it.';

REVOKE ALL ON FUNCTION public.get_registration(uuid)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.get_registration(uuid)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.get_ticket_availability(
    p_function_id uuid,
    p_registration_id uuid DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.get_ticket_availability(
        p_function_id => p_function_id,
        p_registration_id => p_registration_id
    )
$$;

COMMENT ON FUNCTION public.get_ticket_availability(uuid, uuid) IS
'Forwards to ticketing.get_ticket_availability, which documents it.';

REVOKE ALL ON FUNCTION public.get_ticket_availability(uuid, uuid)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.get_ticket_availability(uuid, uuid)
TO anon, authenticated, service_role;

CREATE OR REPLACE FUNCTION public.get_ticket_changes(
    p_after text DEFAULT NULL,
    p_limit integer DEFAULT 1000
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.get_ticket_changes(p_after => p_after, p_limit => p_limit)
$$;

COMMENT ON FUNCTION public.get_ticket_changes(text, integer) IS
'Forwards to ticketing.get_ticket_changes, which documents it.';

REVOKE ALL ON FUNCTION public.get_ticket_changes(text, integer)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.get_ticket_changes(text, integer)
TO service_role;

CREATE OR REPLACE FUNCTION public.import_catalogue(p_catalogue jsonb)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.import_catalogue(p_catalogue => p_catalogue)
$$;

COMMENT ON FUNCTION public.import_catalogue(jsonb) IS
'Forwards to ticketing.import_catalogue, which documents it.';

REVOKE ALL ON FUNCTION public.import_catalogue(jsonb)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.import_catalogue(jsonb)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.persist_attendee_tickets(
    p_registration_id uuid,
    p_tickets jsonb,
    p_attendee_updates jsonb DEFAULT '[]',
    p_expected_revision integer DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.persist_attendee_tickets(
        p_registration_id => p_registration_id,
        p_tickets => p_tickets,
        p_attendee_updates => p_attendee_updates,
        p_expected_revision => p_expected_revision
    )
$$;

COMMENT ON FUNCTION public.persist_attendee_tickets(uuid, jsonb, jsonb, integer) IS
'Forwards to ticketing.persist_attendee_tickets, which documents it.';

REVOKE ALL ON FUNCTION public.persist_attendee_tickets(uuid, jsonb, jsonb, integer)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.persist_attendee_tickets(uuid, jsonb, jsonb, integer)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.persist_ticket_selections(
    p_registration_id uuid,
    p_selections jsonb,
    p_expected_revision integer DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.persist_ticket_selections(
        p_registration_id => p_registration_id,
        p_selections => p_selections,
        p_expected_revision => p_expected_revision
    )
$$;

COMMENT ON FUNCTION public.persist_ticket_selections(uuid, jsonb, integer) IS
'Forwards to ticketing.persist_ticket_selections, which documents it.';

REVOKE ALL ON FUNCTION public.persist_ticket_selections(uuid, jsonb, integer)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.persist_ticket_selections(uuid, jsonb, integer)
TO authenticated, service_role;

CREATE OR REPLACE FUNCTION public.quote_ticket_selections(
    p_function_id uuid,
    p_selections jsonb,
    p_attendees jsonb DEFAULT '[]',
    p_registration_type text DEFAULT 'individuals',
    p_registration_id uuid DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.quote_ticket_selections(
        p_function_id => p_function_id,
        p_selections => p_selections,
        p_attendees => p_attendees,
        p_registration_type => p_registration_type,
        p_registration_id => p_registration_id
    )
$$;

COMMENT ON FUNCTION public.quote_ticket_selections(uuid, jsonb, jsonb, text, uuid) IS
'Forwards to ticketing.quote_ticket_selections, which documents it.';

REVOKE ALL ON FUNCTION public.quote_ticket_selections(uuid, jsonb, jsonb, text, uuid)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.quote_ticket_selections(uuid, jsonb, jsonb, text, uuid)
TO anon, authenticated, service_role;

CREATE OR REPLACE FUNCTION public.record_refund(p_registration_id uuid, p_refund jsonb)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.record_refund(p_registration_id => p_registration_id, p_refund => p_refund)
$$;

COMMENT ON FUNCTION public.record_refund(uuid, jsonb) IS
'Forwards to ticketing.record_refund, which documents it.';

REVOKE ALL ON FUNCTION public.record_refund(uuid, jsonb)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.record_refund(uuid, jsonb)
TO service_role;

CREATE OR REPLACE FUNCTION public.release_expired_holds(p_limit integer DEFAULT 100)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.release_expired_holds(p_limit => p_limit)
$$;

COMMENT ON FUNCTION public.release_expired_holds(integer) IS
'Forwards to ticketing.release_expired_holds, which documents it.';

REVOKE ALL ON FUNCTION public.release_expired_holds(integer)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.release_expired_holds(integer)
TO service_role;

CREATE OR REPLACE FUNCTION public.repair_capacity(p_function_id uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.repair_capacity(p_function_id => p_function_id)
$$;

COMMENT ON FUNCTION public.repair_capacity(uuid) IS
'Forwards to ticketing.repair_capacity, which documents it.';

REVOKE ALL ON FUNCTION public.repair_capacity(uuid)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.repair_capacity(uuid)
TO service_role;

CREATE OR REPLACE FUNCTION public.start_payment(
    p_registration_id uuid,
    p_expected_revision integer DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ticketing.start_payment(
        p_registration_id => p_registration_id,
        p_expected_revision => p_expected_revision
    )
$$;

COMMENT ON FUNCTION public.start_payment(uuid, integer) IS
'Forwards to ticketing.start_payment, which documents it.';

REVOKE ALL ON FUNCTION public.start_payment(uuid, integer)
FROM public, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.start_payment(uuid, integer)
TO authenticated, service_role;

COMMIT;
