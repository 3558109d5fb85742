-- Say of which ticket types and packages there are too few places. What the call has taken back
-- from overdue registrations counts as free: raising gives it back to them, but they have no claim
-- to it. So does what it has taken itself.
--
-- Errors: TK005; 40001 when the places are those of an overdue registration that somebody else is
-- working on at this very moment, or that was not needed a moment ago, so that whoever asks for
-- them again may get them.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_sold_out(
    p_function_id uuid,
    p_plan ticketing_internal.planned_ticket[],
    p_own ticketing_internal.capacity_change[],
    p_changes ticketing_internal.capacity_change[],
    p_lines ticketing_internal.selection_line[],
    p_registration_id uuid,
    p_now timestamptz,
    p_taken ticketing_internal.capacity_change[] DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues CONSTANT jsonb := ticketing_internal.find_capacity_issues(
        p_function_id, p_plan, p_own, p_lines, p_registration_id, p_now,
        ticketing_internal.merge_changes(p_own || ticketing_internal.scale_changes(p_changes, -1, 0) || ARRAY(
            SELECT ROW(taken.capacity_pool_id, taken.reserved + taken.sold, 0)::ticketing_internal.capacity_change
            FROM unnest(p_taken) AS taken
        ))
    );
BEGIN
    IF v_issues = '[]' AND p_taken IS NULL THEN
        RETURN;
    ELSIF v_issues = '[]' THEN
        RAISE serialization_failure USING
            MESSAGE = 'The places needed are changing hands at this moment',
            HINT = 'Repeat the whole call.';
    END IF;
    PERFORM ticketing_internal.raise_issues('TK005', v_issues);
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_sold_out IS
'Raises TK005 with the issues of find_capacity_issues for p_own, what p_plan needs; p_changes is the same less what reclaim_expired_holds
has taken back. p_taken, when places were asked for under their locks: the part of p_changes that was served and counts as
free again. When there are no issues, raises 40001 then, and returns otherwise.';
