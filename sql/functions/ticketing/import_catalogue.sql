-- Guarantees: the function matches the document, or nothing changes and all issues are listed.
-- Reserved and sold capacity stays; rows that the document no longer lists become inactive.
-- Lock order: all imports (one at a time), the catalogue (exclusive), its rows, overdue
-- registrations, its capacity pools in id order.
-- Waits at most 1 s for each lock.
-- Errors: 42501, TK001, TK004, 55P03.

CREATE OR REPLACE FUNCTION ticketing.import_catalogue(p_catalogue jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- buyers queue behind a call that waits for the catalogue
SET lock_timeout = '1s'
AS $$
DECLARE
    v_submitted jsonb;
    v_now timestamptz;
    v_issues jsonb;
    v_function_id uuid;
    v_document jsonb;
    v_before jsonb;
    v_catalogue ticketing_internal.submitted_catalogue;
    v_answer ticketing_internal.import_answer;
BEGIN
    IF ticketing_internal.caller_id() IS NULL AND NOT ticketing_internal.caller_is_service() THEN
        PERFORM ticketing_internal.raise_not_authenticated('p_catalogue');
    END IF;
    v_submitted := ticketing_internal.resolve_function(p_catalogue);
    IF NOT ticketing_internal.may_import_catalogue(v_submitted) THEN
        PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
            'not_allowed', 'p_catalogue.organisation.organisation_id',
            'Only the service and admins of the organisation can import its catalogue.'
        )));
    END IF;
    v_issues := ticketing_internal.payload_issues('p_catalogue', p_catalogue);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    v_function_id := (v_submitted #>> '{function,function_id}')::uuid;
    PERFORM pg_advisory_xact_lock(ticketing_internal.lock_key('import'));
    PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => TRUE);
    v_now := clock_timestamp();

    v_document := ticketing_internal.resolve_catalogue(v_submitted);
    v_catalogue := ticketing_internal.read_catalogue(v_document, v_now);
    v_issues := ticketing_internal.catalogue_issues(v_document, v_catalogue, v_submitted);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;
    v_before := coalesce(ticketing_internal.stored_catalogue(v_function_id), (
        SELECT jsonb_build_object('organisation', to_jsonb(organisation) - '{created_at,updated_at}'::text [])
        FROM ticketing.organisations AS organisation
        WHERE organisation.organisation_id = (v_catalogue.organisation).organisation_id
    ));
    v_answer.deactivated := ticketing_internal.save_catalogue(v_catalogue, v_now);
    v_answer.warnings := ticketing_internal.capacity_warnings(v_catalogue)
        || ticketing_internal.package_warnings(v_catalogue)
        || ticketing_internal.deadline_warnings(v_catalogue);
    v_answer.capacity_pools := ticketing_internal.save_pools(v_catalogue, v_now);

    v_answer.changes := ticketing_internal.catalogue_changes(
        v_before, ticketing_internal.stored_catalogue(v_function_id)
    );
    v_answer.warnings := v_answer.warnings
        || ticketing_internal.renaming_warnings(v_function_id, v_submitted, v_answer.changes)
        || ticketing_internal.ended_warnings(v_catalogue, v_answer.changes, v_now);
    IF NOT v_before ? 'function' AND p_catalogue #>> '{function,function_id}' IS NULL THEN
        v_answer.warnings := v_answer.warnings || ticketing_internal.repeated_function_warnings(v_catalogue);
    END IF;

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
'Creates a function with its catalogue from one document, or updates it in place.

The catalogue is its events, ticket types, packages and capacity pools. Reserved and sold capacity
stays; rows that the document no longer lists become inactive. An inactive ticket type or package
stays in its pools as long as it has tickets.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: functions of organisations in which the caller is admin or owner
- `service_role`: all functions

### Parameters
- `p_catalogue`: an object of `organisation`, `function`, `events`, `ticket_types`, `packages` and,
  optionally, `pools` (and `$schema`, for editors). `organisation`: `{organisation_id?, slug, name}`.
  `function`: `{function_id?, slug, name, currency, timezone?, status?, starts_at?, ends_at?, registration_opens_at?,
  registration_closes_at?, selection_mode?, hold_minutes?, payment_minutes?, max_hold_minutes?,
  max_held_per_owner?, max_open_registrations_per_owner?, changes_until?, refunds_until?}`.
  Events: `{event_id?, slug, title, starts_at?, ends_at?, is_active?, capacity?}`. Ticket types:
  `{ticket_type_id?, event_id, name, price, slug?, description?, is_active?, sale_starts_at?,
  sale_ends_at?, min_per_attendee?, max_per_attendee?, max_per_registration?, eligibility?,
  capacity?}`. Packages: `{package_id?, name, price, items}` with `items` `[{ticket_type_id,
  quantity}]`, optionally `registration_types`, and the optional keys of ticket types. Pools:
  `{capacity_pool_id?, name, capacity, slug?, ticket_type_ids?, package_ids?}`. An absent `capacity`
  leaves the limit as it is, and absent `pools` leave the shared ones; null, or `[]`, ends them. A
  new event, ticket type or package without `capacity` is unlimited. A `slug` is unique among the
  active events, ticket types or packages, or among the pools; what is inactive, or no longer
  listed, gives it up. What has no id needs a slug: it is what has that slug already, otherwise
  something new, with an id that is made of organisation, function and slug. To give something else
  the slug of what is stored, or what is stored another slug, state its id. Where something refers to
  an event, ticket type or package, a UUID is an id, and anything else a slug of the document.

### Returns
`import_answer`: what has been stored. `warnings` names what is allowed but hardly ever meant, such
as a limit that ends while there are tickets, or a package that cannot be bought.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `42501` not_allowed: the caller is neither the service nor an admin of the organisation
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK004` selection_invalid: wrong references, windows or limits; a capacity below what is in use
  (overdue holds are not); other contents of a package with tickets, another event of a ticket type,
  or another currency of a function with registrations; a transaction that is not READ COMMITTED

### Retry
The same document again leaves the same catalogue. The call waits at most a second for each lock and
raises 55P03 then, so that buyers who have come after it do not wait for long; repeat it.';

GRANT EXECUTE ON FUNCTION ticketing.import_catalogue TO anon, authenticated, service_role;
