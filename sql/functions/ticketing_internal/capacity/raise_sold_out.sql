-- Refuses a call for lack of capacity, naming the ticket types and packages that are short.
-- Capacity that the call has reclaimed from overdue registrations counts as free (the error rolls
-- their expiry back, but they have no claim to it), and so does what the call has taken itself.
--
-- Errors: TK005; 40001 when nothing is short by this count: the capacity belongs to an overdue
-- registration that another transaction has locked, or that became overdue during the call. A
-- repeated call may get it.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_sold_out(
    p_function_id uuid,
    p_plan ticketing_internal.planned_ticket[],
    p_requested ticketing_internal.capacity_change[],
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
        p_function_id, p_plan, p_requested, p_lines, p_registration_id, p_now,
        ticketing_internal.merge_changes(p_requested || ticketing_internal.scale_changes(p_changes, -1, 0) || ARRAY(
            SELECT ROW(taken.capacity_pool_id, taken.reserved + taken.sold, 0)::ticketing_internal.capacity_change
            FROM unnest(p_taken) AS taken
        ))
    );
BEGIN
    IF v_issues = '[]' AND p_taken IS NULL THEN
        RETURN;
    ELSIF v_issues = '[]' THEN
        RAISE serialization_failure USING
            MESSAGE = 'Capacity is being changed by another transaction',
            HINT = 'Repeat the whole call.';
    END IF;
    PERFORM ticketing_internal.raise_issues('TK005', v_issues);
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_sold_out IS
'Raises TK005 with the issues of find_capacity_issues for p_requested, the changes that p_plan makes; p_changes is the
same merged with what reclaim_expired_holds freed. p_taken: after take_capacity, the part of p_changes that it has
applied, which counts as free again. Without issues it raises 40001 if p_taken is given, and returns otherwise.';
