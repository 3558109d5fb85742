-- Place the tickets that a request cancels by name after all others: of several tickets of the same
-- kind the first are kept.

CREATE OR REPLACE FUNCTION ticketing_internal.place_last(
    p_tickets ticketing_internal.planned_ticket[],
    p_ticket_ids uuid[]
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ticket ticketing_internal.planned_ticket;
    v_first ticketing_internal.planned_ticket [] := '{}';
    v_last ticketing_internal.planned_ticket [] := '{}';
BEGIN
    FOREACH v_ticket IN ARRAY p_tickets LOOP
        IF v_ticket.ticket_id = ANY(p_ticket_ids) THEN
            v_last := array_append(v_last, v_ticket);
        ELSE
            v_first := array_append(v_first, v_ticket);
        END IF;
    END LOOP;
    RETURN v_first || v_last;
END
$$;

COMMENT ON FUNCTION ticketing_internal.place_last IS
'p_tickets with those in p_ticket_ids last, otherwise in their order.';
