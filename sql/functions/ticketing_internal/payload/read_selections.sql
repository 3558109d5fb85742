-- Reads p_selections, the ticketSelections object of the wizard's store, into one selection per
-- attendee.
--
-- Errors: a data exception if it is not of the documented shape, as in read_submitted_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.read_selections(p_selections jsonb)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_selections ticketing_internal.selection [];
BEGIN
    IF ticketing_internal.is_bounded(p_selections) IS NOT TRUE THEN
        RAISE data_exception;
    END IF;

    SELECT array_agg(ROW(entry.key::uuid, entry.value, 'p_selections.' || entry.key)::ticketing_internal.selection)
    INTO v_selections
    FROM jsonb_each(p_selections) AS entry;

    IF cardinality(v_selections) > 500 THEN
        RAISE data_exception;
    END IF;
    RETURN coalesce(v_selections, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_selections IS
'The entries of p_selections; raises a data exception (SQLSTATE class 22) when it is not of the documented shape. Their
values are read by read_selection_lines.';
