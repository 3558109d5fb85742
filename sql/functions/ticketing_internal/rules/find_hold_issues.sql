-- May tickets be held for this long, and may this owner hold this much? Asked when more tickets are
-- held than before or a hold begins. One account could take all capacity otherwise: by holding it
-- without end, in many registrations, or as free tickets, which are completed without a payment.
--
-- Exact if the caller has locked the owner (see lock_owner). Counts what is open or free, never
-- what is sold.

CREATE OR REPLACE FUNCTION ticketing_internal.find_hold_issues(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_evaluation ticketing_internal.evaluation,
    p_hold ticketing_internal.planned_hold,
    p_owner_id uuid,
    p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_max_held CONSTANT integer := coalesce(
        p_function.max_held_per_owner, CASE p_registration.registration_type WHEN 'individuals' THEN 100 ELSE 2000 END
    );
    v_counted ticketing_internal.planned_ticket [] := p_evaluation.tickets;
    v_other_registrations integer;
    v_held bigint;
    -- what selects, as for all issues about a request as a whole
    v_path text;
    v_issues jsonb := '[]';
BEGIN
    IF p_registration.status = 'completed' THEN
        v_counted := ticketing_internal.free_tickets(p_evaluation.tickets);
        IF NOT EXISTS (SELECT FROM unnest(v_counted) AS ticket WHERE ticket.change = 'added') THEN
            RETURN '[]';
        END IF;
    END IF;

    -- Most registrations are the first of their owner, and small.
    IF p_hold.available_at IS NULL AND (p_owner_id IS NULL OR (
        cardinality(v_counted) <= v_max_held
        AND NOT EXISTS (
            SELECT
            FROM ticketing.registrations AS other
            WHERE other.function_id = p_function.function_id
                AND other.owner_id = p_owner_id
                AND other.is_open
                AND other.registration_id IS DISTINCT FROM p_registration.registration_id
        )
        AND NOT EXISTS (
            SELECT
            FROM ticketing.tickets AS free
            WHERE free.function_id = p_function.function_id
                AND free.owner_id = p_owner_id
                AND free.price_paid = 0
                AND free.status = 'Active'
        )
    )) THEN
        RETURN '[]';
    END IF;

    v_path := coalesce(substring(p_evaluation.lines[1].path FROM '^[a-z_]+'), 'p_registration_id');
    IF p_hold.available_at IS NOT NULL THEN
        v_issues := jsonb_build_array(ticketing_internal.issue(
            'hold_used_up', v_path,
            format(
                'Tickets can be held unpaid for %s minutes. This registration can hold tickets again from %s.',
                -- told to the minute: not before
                p_function.max_hold_minutes, ticketing_internal.local_time(
                    p_hold.available_at + interval '1 minute', p_function.timezone
                )
            ),
            p_expected => to_jsonb(p_function.max_hold_minutes)
        ) || jsonb_build_object('available_at', p_hold.available_at));
    END IF;

    -- staff answer for what they do
    IF p_owner_id IS NULL OR ticketing_internal.member_role(p_function.function_id, p_owner_id) IS NOT NULL THEN
        RETURN v_issues;
    END IF;
    SELECT
        -- no more than matter, since nothing limits how many registrations without tickets there are
        (
            SELECT count(*)
            FROM (
                SELECT
                FROM ticketing.registrations AS other
                WHERE other.function_id = p_function.function_id
                    AND other.owner_id = p_owner_id
                    AND other.is_open
                    AND other.registration_id IS DISTINCT FROM p_registration.registration_id
                    -- as of now: what is overdue or abandoned is not open, released or not
                    AND CASE
                        WHEN other.hold_expires_at IS NULL THEN other.updated_at > p_now - interval '24 hours'
                        ELSE other.hold_expires_at > p_now
                    END
                LIMIT p_function.max_open_registrations_per_owner
            ) AS other
        ),
        (
            SELECT coalesce(sum((
                SELECT count(*)
                FROM ticketing.tickets AS ticket
                WHERE ticket.function_id = other.function_id
                    AND ticket.registration_id = other.registration_id
            )), 0)
            FROM ticketing.registrations AS other
            WHERE other.function_id = p_function.function_id
                AND other.owner_id = p_owner_id
                AND other.is_open
                AND other.hold_bucket > p_now - interval '1 minute'
                AND other.hold_expires_at > p_now
                AND other.registration_id IS DISTINCT FROM p_registration.registration_id
        ) + (
            SELECT count(*)
            FROM ticketing.tickets AS free
            WHERE free.function_id = p_function.function_id
                AND free.owner_id = p_owner_id
                AND free.price_paid = 0
                AND free.status = 'Active'
                AND free.payment_status = 'Paid'
                AND free.registration_id IS DISTINCT FROM p_registration.registration_id
                -- a package that cost something is sold, with all that is in it
                AND NOT EXISTS (
                    SELECT
                    FROM ticketing.tickets AS bought
                    WHERE bought.function_id = free.function_id
                        AND bought.registration_id = free.registration_id
                        AND bought.attendee_id = free.attendee_id
                        AND bought.package_id = free.package_id
                        AND bought.package_number = free.package_number
                        AND bought.price_paid > 0
                        AND bought.status = 'Active'
                )
        ) + (
            SELECT count(*)
            FROM unnest(v_counted) AS ticket
            WHERE ticket.change <> 'removed'
        )
    INTO v_other_registrations, v_held;

    IF v_held > v_max_held THEN
        v_issues := v_issues || ticketing_internal.issue(
            'owner_limit', v_path,
            format('You can hold at most %s unpaid and free tickets in all your registrations, not %s.', v_max_held, v_held),
            p_expected => to_jsonb(v_max_held), p_actual => to_jsonb(v_held)
        );
    END IF;
    -- one that holds tickets already is open anyway
    IF NOT p_hold.is_living AND v_other_registrations >= p_function.max_open_registrations_per_owner THEN
        v_issues := v_issues || ticketing_internal.issue(
            'too_many_open_registrations', v_path,
            format(
                'You can have at most %s open registrations, not %s.',
                p_function.max_open_registrations_per_owner, v_other_registrations + 1
            ),
            p_expected => to_jsonb(p_function.max_open_registrations_per_owner),
            p_actual => to_jsonb(v_other_registrations + 1)
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_hold_issues IS
'Issues of an evaluation that takes more tickets, with p_hold, beyond max_hold_minutes, or for an owner beyond what an owner may
hold; [] when there are none. p_owner_id: the owner whom limits bind; null: none.';
