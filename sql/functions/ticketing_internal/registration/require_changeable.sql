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
DECLARE
    v_issues jsonb;
BEGIN
    IF p_registration.status = 'cancelled' THEN
        PERFORM ticketing_internal.raise_issues('TK003', jsonb_build_array(ticketing_internal.issue(
            'not_editable', 'p_registration_id', 'The registration is cancelled.',
            p_expected => '["draft", "pending", "expired", "completed"]', p_actual => to_jsonb(p_registration.status)
        )));
    END IF;
    IF p_registration.status = 'completed' AND NOT ticketing_internal.acts_for_organisation(p_function.function_id) THEN
        v_issues := ticketing_internal.find_deadline_issues(
            p_function, 'p_registration_id', p_leaves_refund => FALSE, p_now => p_now
        );
        IF v_issues <> '[]' THEN
            PERFORM ticketing_internal.raise_issues('TK003', v_issues);
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_changeable IS
'Raises TK003 for a registration that is cancelled, and to its owner for one that is completed after the changes_until of
p_function.';
