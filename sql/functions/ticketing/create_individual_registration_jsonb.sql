-- A registration with its attendees, for clients that store the tickets in a later call.
-- Guarantees, lock order and errors: those of create_individual_registration_with_tickets, which
-- does the work.

CREATE OR REPLACE FUNCTION ticketing.create_individual_registration_jsonb(p_registration_data jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ticketing.create_individual_registration_with_tickets(p_registration_data => p_registration_data);
END
$$;

COMMENT ON FUNCTION ticketing.create_individual_registration_jsonb IS
'Stores a registration and its attendees without tickets; tickets can be persisted later.

Parameters:
- p_registration_data: the wizard''s registration object, as in create_individual_registration_with_tickets.

Returns and raises what create_individual_registration_with_tickets does.';

GRANT EXECUTE ON FUNCTION ticketing.create_individual_registration_jsonb
TO authenticated, service_role;
