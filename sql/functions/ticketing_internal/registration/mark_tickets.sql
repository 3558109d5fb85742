-- Plan the same change for every ticket.

CREATE OR REPLACE FUNCTION ticketing_internal.mark_tickets(
    p_tickets ticketing_internal.planned_ticket[],
    p_change text
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ticket ticketing_internal.planned_ticket;
    v_tickets ticketing_internal.planned_ticket [] := '{}';
BEGIN
    FOREACH v_ticket IN ARRAY p_tickets LOOP
        v_ticket.change := p_change;
        v_tickets := array_append(v_tickets, v_ticket);
    END LOOP;
    RETURN v_tickets;
END
$$;

COMMENT ON FUNCTION ticketing_internal.mark_tickets IS
'p_tickets with p_change (paid, cancelled, refunded, retaken) as the change of each.';
