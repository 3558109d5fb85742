-- The stored form of what attendees have chosen: each package and ticket type once, in the order
-- in which it was chosen; inside a package the quantities of the catalogue, in the order that
-- the caller gave or else that of the events.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.canonical_selections(
    p_named uuid[],
    p_lines ticketing_internal.selection_line[],
    p_package_ids uuid[],
    p_packages ticketing_internal.expanded_package[]
)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendee_id uuid;
    v_line ticketing_internal.selection_line;
    v_position integer := 1;
    v_package ticketing_internal.expanded_package;
    v_contents ticketing_internal.selected_ticket [];
    v_packages ticketing_internal.selected_package [];
    v_tickets ticketing_internal.selected_ticket [];
    v_selections ticketing_internal.selection [] := '{}';
BEGIN
    FOREACH v_attendee_id IN ARRAY p_named LOOP
        v_packages := '{}';
        v_tickets := '{}';
        WHILE p_lines[v_position].attendee_ref = v_attendee_id LOOP
            v_line := p_lines[v_position];
            v_position := v_position + 1;
            IF v_line.package_id IS NULL THEN
                v_tickets := array_append(
                    v_tickets, ROW(v_line.ticket_type_id, v_line.quantity)::ticketing_internal.selected_ticket
                );
                CONTINUE;
            END IF;

            v_package := p_packages[array_position(p_package_ids, v_line.package_id)];
            v_contents := coalesce(v_package.contents, '{}');
            IF v_line.contents <> v_package.ticket_type_ids THEN
                v_contents := ARRAY(
                    SELECT v_contents[content.place]
                    FROM unnest(v_package.ticket_type_ids) WITH ORDINALITY AS content (ticket_type_id, place)
                    ORDER BY array_position(v_line.contents, content.ticket_type_id), content.place
                );
            END IF;
            v_packages := array_append(v_packages, ROW(
                v_line.package_id, v_line.quantity, v_contents
            )::ticketing_internal.selected_package);
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
'For each attendee named, by attendee id, the selected_tickets to store; of one who has chosen nothing, empty lists. p_lines
are tidy; p_packages stand at the places of p_package_ids.';
