-- Guarantees: registration, attendees, tickets and holders change their owner together; a call of
-- the owner before that waited for the registration is authorised again. The same owner again
-- changes nothing.
-- Lock order: the catalogue (shared), the registration; the change of its key locks it FOR UPDATE.
-- Errors: 42501, TK002, TK001.

CREATE OR REPLACE FUNCTION ticketing.transfer_registration(
    p_registration_id uuid, p_new_owner_id uuid
)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_access ticketing_internal.access;
    v_registration ticketing.registrations;
    v_now timestamptz;
    v_answer ticketing_internal.transfer_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    v_access := ticketing_internal.authorise_registration(p_registration_id);
    IF p_new_owner_id IS NULL THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'missing_key', 'p_new_owner_id', 'p_new_owner_id is missing.'
        )));
    END IF;
    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    IF v_registration.owner_id <> p_new_owner_id THEN
        v_registration.revision := v_registration.revision + 1;
        -- the foreign keys pass it on to attendees, tickets and holders
        UPDATE ticketing.registrations AS registration
        SET
            owner_id = p_new_owner_id,
            revision = v_registration.revision,
            updated_at = v_now
        WHERE registration.function_id = v_access.function_id
            AND registration.registration_id = p_registration_id;

        PERFORM ticketing_internal.record_registration_change(
            v_registration, 'transferred',
            jsonb_build_object('owner_id', v_registration.owner_id),
            jsonb_build_object('owner_id', p_new_owner_id),
            v_now
        );
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.owner_id := p_new_owner_id;
    v_answer.revision := v_registration.revision;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.transfer_registration IS
'Gives a registration to another owner, such as a guest who signs in after booking.

Its attendees and tickets go with it. The owner before no longer finds it. Limits per owner do not
stop a transfer.

### Callers
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration, in any status.
- `p_new_owner_id`: the user id of the new owner (the JWT sub claim).

### Returns
`transfer_answer`: the registration and its owner.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK001` invalid_payload: the new owner is missing
- `TK002` registration_not_found: it does not exist

### Retry
The same owner again changes nothing and answers the same.';

GRANT EXECUTE ON FUNCTION ticketing.transfer_registration TO service_role;
