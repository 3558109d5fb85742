-- The stored form of selections: each package and ticket type once, in the order in which it was
-- selected; inside a package the quantities of the catalogue, in the order that the caller listed
-- or else that of the events.

CREATE OR REPLACE FUNCTION ticketing_internal.canonical_selections(
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue
)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_lines ticketing_internal.selection_line [] := p_request.lines;
    v_expanded ticketing_internal.expanded_package [] := p_catalogue.expanded_packages;
    v_attendee_id uuid;
    v_line ticketing_internal.selection_line := p_request.lines[1];
    v_next integer := 1;
    v_package ticketing_internal.expanded_package;
    v_contents ticketing_internal.selected_ticket [];
    v_packages ticketing_internal.selected_package [];
    v_tickets ticketing_internal.selected_ticket [];
    v_selections ticketing_internal.selection [] := '{}';
BEGIN
    FOREACH v_attendee_id IN ARRAY p_request.attendee_ids LOOP
        v_packages := '{}';
        v_tickets := '{}';
        WHILE v_line.attendee_ref = v_attendee_id LOOP
            IF v_line.package_id IS NULL THEN
                v_tickets := array_append(
                    v_tickets, ROW(v_line.ticket_type_id, v_line.quantity)::ticketing_internal.selected_ticket
                );
            ELSE
                v_package := v_expanded[array_position(p_catalogue.package_ids, v_line.package_id)];
                v_contents := coalesce(v_package.contents, '{}');
                IF v_line.contents <> v_package.ticket_type_ids THEN
                    v_contents := ARRAY(
                        SELECT v_contents[type.index]
                        FROM unnest(v_package.ticket_type_ids) WITH ORDINALITY AS type (ticket_type_id, index)
                        ORDER BY array_position(v_line.contents, type.ticket_type_id), type.index
                    );
                END IF;
                v_packages := array_append(v_packages, ROW(
                    v_line.package_id, v_line.quantity, v_contents
                )::ticketing_internal.selected_package);
            END IF;
            v_next := v_next + 1;
            v_line := v_lines[v_next];
        END LOOP;
        v_selections := array_append(v_selections, ROW(
            v_attendee_id,
            jsonb_build_object('packages', v_packages, 'individualTickets', v_tickets),
            NULL
        )::ticketing_internal.selection);
    END LOOP;

    RETURN v_selections;
END
$$;

COMMENT ON FUNCTION ticketing_internal.canonical_selections IS
'For each attendee that p_request decides about, by attendee_id, the selected_tickets to store; empty lists for one who
selects nothing.';
