-- Expand lines into the tickets that they amount to, in order. What is not in the catalogue amounts
-- to nothing.
--
-- A loop: at a few expressions for each ticket it costs a third of a join of arrays.

CREATE OR REPLACE FUNCTION ticketing_internal.expand_lines(
    p_attendees ticketing_internal.attendee[],
    p_lines ticketing_internal.selection_line[],
    p_catalogue ticketing_internal.catalogue,
    p_max_tickets integer
)
RETURNS ticketing_internal.plan
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The ids of one call are neighbours: a random UUID whose last four digits count up. That reads
    -- the randomness of the system once, and they share pages of the indexes.
    c_first_number CONSTANT integer := 4096;
    v_random_digits CONSTANT text := left(gen_random_uuid()::text, 32);
    v_list_tickets ticketing_internal.planned_ticket [] := p_catalogue.tickets;
    v_ticket_type_ids uuid [] := p_catalogue.ticket_type_ids;
    v_packages ticketing_internal.expanded_package [] := p_catalogue.expanded_packages;
    v_line ticketing_internal.selection_line;
    v_attendee ticketing_internal.attendee;
    v_index integer := 1;
    v_package_tickets ticketing_internal.planned_ticket [];
    v_units integer;
    v_ticket ticketing_internal.planned_ticket;
    v_tickets ticketing_internal.planned_ticket [] := '{}';
    v_count integer := 0;
    v_subtotal numeric := 0.00;
BEGIN
    FOREACH v_line IN ARRAY p_lines LOOP
        IF v_line.attendee_ref IS DISTINCT FROM v_attendee.attendee_id THEN
            WHILE p_attendees[v_index].attendee_id <> v_line.attendee_ref LOOP
                v_index := v_index + 1;
            END LOOP;
            v_attendee := p_attendees[v_index];
        END IF;
        IF v_line.package_id IS NULL THEN
            v_ticket := v_list_tickets[array_position(v_ticket_type_ids, v_line.ticket_type_id)];
            CONTINUE WHEN v_ticket.ticket_type_id IS NULL;
            v_units := 1;
        ELSE
            v_package_tickets := v_packages[array_position(p_catalogue.package_ids, v_line.package_id)].tickets;
            v_units := coalesce(cardinality(v_package_tickets), 0);
        END IF;

        -- a few lines can ask for millions: what is too much is not expanded to the end
        FOR v_number IN 1..v_line.quantity LOOP
            FOR v_unit IN 1..v_units LOOP
                IF v_line.package_id IS NOT NULL THEN
                    v_ticket := v_package_tickets[v_unit];
                    v_ticket.package_number := v_number;
                END IF;
                v_count := v_count + 1;
                IF v_count > p_max_tickets THEN
                    RETURN NULL;
                END IF;
                v_ticket.ticket_id := (v_random_digits || to_hex(c_first_number + v_count))::uuid;
                v_ticket.attendee_id := v_attendee.attendee_id;
                v_ticket.is_partner_ticket := v_attendee.is_partner;
                v_tickets := array_append(v_tickets, v_ticket);
                v_subtotal := v_subtotal + v_ticket.price_paid;
            END LOOP;
        END LOOP;
    END LOOP;
    RETURN ROW(v_tickets, v_subtotal)::ticketing_internal.plan;
END
$$;

COMMENT ON FUNCTION ticketing_internal.expand_lines IS
'A plan that adds every ticket that p_lines (merged, in the order of p_attendees) amount to; null when they are more than
p_max_tickets.';
