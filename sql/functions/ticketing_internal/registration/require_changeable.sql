-- Whether the caller may still change a registration that may be paid: its people, its holders, and
-- with its money its tickets. A cancelled one stays as it is; a paid one its owner changes until
-- changes_until.

CREATE OR REPLACE FUNCTION ticketing_internal.require_changeable(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_registration.status = 'cancelled' THEN
        PERFORM ticketing_internal.require_editable(p_registration);
    END IF;
    IF p_registration.status = 'completed'
        AND (p_now < p_function.changes_until) IS NOT TRUE
        AND NOT ticketing_internal.caller_is_staff(p_function.function_id)
    THEN
        PERFORM ticketing_internal.raise_issues('TK003', jsonb_build_array(ticketing_internal.issue(
            'changes_ended', 'p_registration_id',
            CASE
                WHEN p_function.changes_until IS NULL THEN 'What is paid can only be changed by the organiser.'
                ELSE format('What is paid could be changed until %s.',
                    ticketing_internal.local_time(p_function.changes_until, p_function.timezone))
            END,
            p_expected => to_jsonb(p_function.changes_until), p_actual => to_jsonb(p_registration.status)
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_changeable IS
'Raises TK003 for a registration that is cancelled, and to its owner for one that is completed after the changes_until of
p_function.';
