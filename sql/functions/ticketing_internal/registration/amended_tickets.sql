-- What an amendment records of its plan: what is paid is never removed but cancelled, and what is
-- added is paid at once.

CREATE OR REPLACE FUNCTION ticketing_internal.amended_tickets(
    p_tickets ticketing_internal.planned_ticket[]
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ticket ticketing_internal.planned_ticket;
    v_cancelled ticketing_internal.planned_ticket [] := '{}';
    v_added ticketing_internal.planned_ticket [] := '{}';
BEGIN
    FOREACH v_ticket IN ARRAY p_tickets LOOP
        IF v_ticket.change = 'removed' THEN
            v_ticket.change := 'cancelled';
            v_cancelled := array_append(v_cancelled, v_ticket);
        ELSIF v_ticket.change = 'added' THEN
            v_added := array_append(v_added, v_ticket);
        END IF;
    END LOOP;
    RETURN v_cancelled || v_added || ticketing_internal.mark_tickets(v_added, 'paid');
END
$$;

COMMENT ON FUNCTION ticketing_internal.amended_tickets IS
'The changes of a plan for a registration that is paid: each ticket that it removes as cancelled, each that it adds as added and
as paid.';
