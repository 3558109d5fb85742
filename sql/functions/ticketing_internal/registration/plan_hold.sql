-- What a persist makes of the hold of a registration: it is renewed by hold_minutes, up to
-- max_hold_minutes after it began, never shorter than it was, and while anything is held at least
-- as long as staff have granted; after a short break it continues. Once the hold is used up,
-- tickets can still be given up.

CREATE OR REPLACE FUNCTION ticketing_internal.plan_hold(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_summary ticketing_internal.plan_summary,
    p_now timestamptz
)
RETURNS ticketing_internal.planned_hold
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hold CONSTANT interval := make_interval(mins => p_function.hold_minutes);
    v_stopped_at timestamptz;
    v_planned ticketing_internal.planned_hold;
BEGIN
    v_planned.is_living := coalesce(p_registration.is_open AND p_registration.hold_expires_at > p_now, FALSE);
    v_planned.held_since := p_registration.held_since;
    v_planned.held_until := p_registration.held_until;
    IF p_registration.status = 'completed' THEN
        -- what is paid needs no hold; what is free is limited, as if it were held
        v_planned.is_living := TRUE;
        v_planned.is_taken := p_summary.added > 0;
        RETURN v_planned;
    END IF;
    IF NOT v_planned.is_living THEN
        v_stopped_at := coalesce(p_registration.hold_expires_at, p_registration.held_until);
    END IF;
    IF p_summary.holders = 0 THEN
        v_planned.held_until := CASE WHEN v_planned.is_living THEN p_now ELSE v_stopped_at END;
        RETURN v_planned;
    END IF;

    IF NOT v_planned.is_living AND (v_stopped_at IS NULL OR p_now >= v_stopped_at + v_hold) THEN
        v_planned.held_since := p_now;
    END IF;
    v_planned.expires_at := greatest(
        least(p_now + v_hold, v_planned.held_since + make_interval(mins => p_function.max_hold_minutes)),
        p_registration.hold_granted_until
    );
    IF v_planned.is_living THEN
        v_planned.expires_at := greatest(v_planned.expires_at, p_registration.hold_expires_at);
    ELSE
        v_planned.available_at := ticketing_internal.hold_available_at(p_function, p_registration, p_now);
        v_planned.is_given_up := v_planned.available_at IS NOT NULL
            AND p_summary.added = 0 AND p_summary.removed_ids IS NOT NULL;
        IF v_planned.is_given_up THEN
            v_planned.expires_at := p_registration.hold_expires_at;
            RETURN v_planned;
        END IF;
    END IF;
    -- one ticket in place of another takes nothing more
    v_planned.is_taken := NOT v_planned.is_living
        OR p_summary.added > coalesce(cardinality(p_summary.removed_ids), 0);
    RETURN v_planned;
END
$$;

COMMENT ON FUNCTION ticketing_internal.plan_hold IS
'The hold of a registration after a persist at p_now whose plan p_summary tells.';
