-- Who may cancel a registration that is not cancelled: its owner, while that leaves no refund or
-- refunds have not ended; staff and the service always.

CREATE OR REPLACE FUNCTION ticketing_internal.require_cancellable(
    p_registration ticketing.registrations, p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ledger ticketing_internal.ledger;
    v_function ticketing.functions;
BEGIN
    IF p_registration.status <> 'completed' OR ticketing_internal.acts_for_organisation(p_registration.function_id) THEN
        RETURN;
    END IF;
    v_ledger := ticketing_internal.read_ledger(p_registration);
    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = p_registration.function_id;
    IF v_ledger.paid = v_ledger.refunded OR p_now < v_function.refunds_until THEN
        RETURN;
    END IF;
    PERFORM ticketing_internal.raise_issues('TK003', jsonb_build_array(ticketing_internal.issue(
        'refunds_ended', 'p_registration_id',
        CASE
            WHEN v_function.refunds_until IS NULL THEN 'What is paid can only be cancelled by the organiser.'
            ELSE format('Refunds ended %s.',
                ticketing_internal.local_time(v_function.refunds_until, v_function.timezone))
        END,
        p_expected => to_jsonb(v_function.refunds_until), p_actual => to_jsonb(p_registration.status)
    )));
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_cancellable IS
'Raises TK003 to the owner of a completed p_registration, of whose payments something is left, after the refunds_until of its
function.';
