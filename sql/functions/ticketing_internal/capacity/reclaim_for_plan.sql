-- Reclaims expired holds for a plan whose pools may be short, and refuses it if they are short even
-- so.
--
-- Lock order: the caller has locked the registration; see reclaim_expired_holds.
-- Errors: TK005.

CREATE OR REPLACE FUNCTION ticketing_internal.reclaim_for_plan(
    p_registration ticketing.registrations,
    p_evaluation ticketing_internal.evaluation,
    p_requested ticketing_internal.capacity_change[],
    p_now timestamptz
)
RETURNS ticketing_internal.capacity_change[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_reclaimed CONSTANT record := ticketing_internal.reclaim_expired_holds(
        p_registration.function_id, p_requested, p_registration.registration_id, p_now
    );
BEGIN
    IF v_reclaimed.r_is_short THEN
        PERFORM ticketing_internal.raise_sold_out(
            p_registration.function_id, p_evaluation.tickets, p_requested, v_reclaimed.r_changes, p_evaluation.lines,
            p_registration.registration_id, p_now
        );
    END IF;
    RETURN v_reclaimed.r_changes;
END
$$;

COMMENT ON FUNCTION ticketing_internal.reclaim_for_plan IS
'p_requested, the changes that p_evaluation makes to the pools for p_registration, merged with the capacity that was reclaimed
for them. Raises TK005 if there is too little even so.';
