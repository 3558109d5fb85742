-- Guarantees: the function matches the document, or nothing changes and all issues are listed.
-- Reserved and sold capacity stays; rows that the document no longer lists become inactive.
-- Lock order: all imports (one at a time), the catalogue (exclusive), its rows, its capacity
-- pools in id order.
-- Errors: 42501, TK001, TK004.

CREATE OR REPLACE FUNCTION ticketing.import_catalogue(p_catalogue jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_issues jsonb;
    v_function_id uuid;
    v_catalogue ticketing_internal.submitted_catalogue;
    v_answer ticketing_internal.import_answer;
BEGIN
    IF NOT ticketing_internal.may_import_catalogue(p_catalogue) THEN
        PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
            'not_allowed', 'p_catalogue.organisation.organisation_id',
            'Only the service and admins of the organisation can import its catalogue.'
        )));
    END IF;
    v_issues := ticketing_internal.payload_issues('p_catalogue', p_catalogue);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    v_function_id := (p_catalogue #>> '{function,function_id}')::uuid;
    PERFORM pg_advisory_xact_lock(hashtextextended('ticketing.import', 0));
    PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => TRUE);
    v_now := clock_timestamp();

    v_catalogue := ticketing_internal.read_catalogue(p_catalogue, v_now);
    v_issues := ticketing_internal.catalogue_issues(p_catalogue, v_catalogue);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;
    v_answer.deactivated := ticketing_internal.save_catalogue(v_catalogue, v_now);
    v_answer.capacity_pools := ticketing_internal.save_pools(v_catalogue);

    v_answer.success := TRUE;
    v_answer.function_id := v_function_id;
    v_answer.events := jsonb_array_length(p_catalogue -> 'events');
    v_answer.ticket_types := jsonb_array_length(p_catalogue -> 'ticket_types');
    v_answer.packages := jsonb_array_length(p_catalogue -> 'packages');
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.import_catalogue IS
'Creates a function with its events, ticket types, packages and capacity pools from one document, or updates it in place.
Reserved and sold capacity stays; rows that the document no longer lists become inactive.

Parameters:
- p_catalogue: {organisation: {organisation_id, slug, name}, function: {function_id, slug, name, currency, timezone?, status?,
  starts_at?, ends_at?, registration_opens_at?, registration_closes_at?, selection_mode?, hold_minutes?, payment_minutes?,
  max_hold_minutes?}, events: [{event_id, slug, title, starts_at?, ends_at?, is_active?, capacity?}], ticket_types:
  [{ticket_type_id, event_id, name, price, description?, is_active?, sale_starts_at?, sale_ends_at?, min_per_attendee?,
  max_per_attendee?, max_per_registration?, eligibility?, capacity?}], packages: [{package_id, name, price, items:
  [{ticket_type_id, quantity}], registration_types?, and as ticket types}], pools: [{capacity_pool_id, name, capacity,
  ticket_type_ids?, package_ids?}]?}. An absent capacity means unlimited.

Returns {success, function_id, events, ticket_types, packages, capacity_pools (number of pools after the import), deactivated
(number of rows that became inactive), server_time}.

Raises 42501 insufficient_privilege (neither the service nor owner or admin of the organisation), TK001 invalid_payload,
TK004 selection_invalid (references, windows, limits; a capacity below what is in use; a change of the contents of a package
with tickets, of the event of a ticket type, or of the currency of a function with registrations; a transaction that is not
READ COMMITTED).';

GRANT EXECUTE ON FUNCTION ticketing.import_catalogue TO authenticated, service_role;
