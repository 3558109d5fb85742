-- Until when an owner may change what is paid, and until when so that money is due back. A write
-- has asked the first before (see require_changeable); a quote asks both.

CREATE OR REPLACE FUNCTION ticketing_internal.find_deadline_issues(
    p_function ticketing.functions,
    p_path text,
    p_leaves_refund boolean,
    p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := '[]';
BEGIN
    IF (p_now < p_function.changes_until) IS NOT TRUE THEN
        v_issues := v_issues || ticketing_internal.issue(
            'changes_ended', 'p_registration_id',
            CASE
                WHEN p_function.changes_until IS NULL THEN 'What is paid can only be changed by the organiser.'
                ELSE format('Changes ended %s.',
                    ticketing_internal.local_time(p_function.changes_until, p_function.timezone))
            END,
            p_expected => to_jsonb(p_function.changes_until)
        );
    END IF;
    IF p_leaves_refund AND (p_now < p_function.refunds_until) IS NOT TRUE THEN
        v_issues := v_issues || ticketing_internal.issue(
            'refunds_ended', p_path,
            CASE
                WHEN p_function.refunds_until IS NULL THEN 'Only the organiser can give money back.'
                ELSE format('Refunds ended %s.',
                    ticketing_internal.local_time(p_function.refunds_until, p_function.timezone))
            END,
            p_expected => to_jsonb(p_function.refunds_until)
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_deadline_issues IS
'Issues of a change that an owner makes at p_now to a completed registration, and that leaves a (larger) refund or not; p_path:
that of the change, where the refund comes from.';
