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

It is `create_individual_registration_with_tickets` without tickets.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations
- `service_role`: registrations of any user

### Parameters
- `p_registration_data`: the registration object of the wizard, as in
  `create_individual_registration_with_tickets`.

### Returns
`create_answer`: the registration after the call.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: the registration belongs to another owner
- `TK003` registration_not_editable: it is completed or cancelled
- `TK004` selection_invalid: tickets already held break a rule now, or the registration is of
  another function
- `TK005` sold_out: tickets already held have expired, and not enough capacity is left
- `TK008` function_not_found: it does not exist, or is not published to the caller

### Retry
The same `registrationId` again updates the registration; without one, each call creates another.';

GRANT EXECUTE ON FUNCTION ticketing.create_individual_registration_jsonb
TO anon, authenticated, service_role;
