-- Reads selections into lines: the only reader of the wizard's {"packages", "individualTickets"}.
--
-- Quantities of the tickets inside a package come from the catalogue; here they only have to be
-- valid quantities.
-- Errors: a data exception if a selection is not of the documented shape, as in
-- read_submitted_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.read_selection_lines(
    p_selections ticketing_internal.selection[]
)
RETURNS ticketing_internal.selection_line[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_selection ticketing_internal.selection;
    v_elements jsonb;
    v_element jsonb;
    v_tickets jsonb;
    v_ticket jsonb;
    v_content_ids uuid [];
    v_lines ticketing_internal.selection_line [] := '{}';
BEGIN
    FOREACH v_selection IN ARRAY p_selections LOOP
        IF NOT coalesce(v_selection.selected_tickets - '{packages,individualTickets}'::text[] = '{}', FALSE) THEN
            RAISE data_exception;
        END IF;

        v_elements := coalesce(nullif(v_selection.selected_tickets -> 'packages', 'null'), '[]');
        FOR v_index IN 0..jsonb_array_length(v_elements) - 1 LOOP
            v_element := v_elements -> v_index;
            IF NOT coalesce(
                v_element - '{packageId,quantity,tickets}'::text[] = '{}'
                AND jsonb_typeof(v_element -> 'packageId') = 'string'
                -- in the order of jsonb only numbers are between two numbers
                AND v_element -> 'quantity' BETWEEN '0' AND '1000',
                FALSE
            ) THEN
                RAISE data_exception;
            END IF;

            -- an empty list claims an empty package, an absent one claims nothing
            v_tickets := nullif(v_element -> 'tickets', 'null');
            v_content_ids := CASE WHEN v_tickets IS NOT NULL THEN '{}'::uuid[] END;
            FOR v_content_index IN 0..coalesce(jsonb_array_length(v_tickets), 0) - 1 LOOP
                v_ticket := v_tickets -> v_content_index;
                IF NOT coalesce(
                    v_ticket - '{ticketId,quantity}'::text[] = '{}'
                    AND v_ticket -> 'quantity' BETWEEN '0' AND '1000'
                    AND (v_ticket ->> 'quantity')::integer IS NOT NULL
                    AND CASE jsonb_typeof(v_ticket -> 'ticketId')
                        WHEN 'string' THEN TRUE
                        WHEN 'object' THEN
                            (v_ticket -> 'ticketId') - '{event_ticket_id,quantity}'::text[] = '{}'
                            AND jsonb_typeof(v_ticket -> 'ticketId' -> 'event_ticket_id') = 'string'
                            AND coalesce(jsonb_typeof(v_ticket -> 'ticketId' -> 'quantity'), 'null')
                            IN ('number', 'null')
                            AND coalesce((v_ticket -> 'ticketId' ->> 'quantity')::integer, 0) BETWEEN 0 AND 1000
                    END,
                    FALSE
                ) THEN
                    RAISE data_exception;
                END IF;
                v_content_ids := array_append(
                    v_content_ids,
                    CASE jsonb_typeof(v_ticket -> 'ticketId')
                        WHEN 'object' THEN v_ticket -> 'ticketId' ->> 'event_ticket_id'
                        ELSE v_ticket ->> 'ticketId'
                    END::uuid
                );
            END LOOP;

            v_lines := array_append(v_lines, ROW(
                v_selection.attendee_ref, (v_element ->> 'packageId')::uuid, NULL,
                (v_element ->> 'quantity')::integer, v_content_ids,
                v_selection.path || '.packages[' || v_index || ']', cardinality(v_lines) + 1
            )::ticketing_internal.selection_line);
        END LOOP;

        v_elements := coalesce(nullif(v_selection.selected_tickets -> 'individualTickets', 'null'), '[]');
        FOR v_index IN 0..jsonb_array_length(v_elements) - 1 LOOP
            v_element := v_elements -> v_index;
            IF NOT coalesce(
                v_element - '{ticketId,quantity}'::text[] = '{}'
                AND jsonb_typeof(v_element -> 'ticketId') = 'string'
                AND v_element -> 'quantity' BETWEEN '0' AND '1000',
                FALSE
            ) THEN
                RAISE data_exception;
            END IF;
            v_lines := array_append(v_lines, ROW(
                v_selection.attendee_ref, NULL, (v_element ->> 'ticketId')::uuid,
                (v_element ->> 'quantity')::integer, NULL,
                v_selection.path || '.individualTickets[' || v_index || ']', cardinality(v_lines) + 1
            )::ticketing_internal.selection_line);
        END LOOP;
    END LOOP;
    RETURN v_lines;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_selection_lines IS
'The lines of selections in their order, packages first; raises a data exception (SQLSTATE class 22) when a selection is
not {"packages": [{"packageId", "quantity", "tickets"?}], "individualTickets": [{"ticketId", "quantity"}]}.';
