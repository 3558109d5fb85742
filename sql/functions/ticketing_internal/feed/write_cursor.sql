-- Encodes a cursor of the change feed; read_cursor decodes it.

CREATE OR REPLACE FUNCTION ticketing_internal.write_cursor(p_cursor ticketing_internal.feed_cursor)
RETURNS text
LANGUAGE sql
IMMUTABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(convert_to(
        format('%s:%s:%s', p_cursor.epoch, p_cursor.transaction_id, p_cursor.change_id), 'UTF8'
    ), 'base64')
$$;

COMMENT ON FUNCTION ticketing_internal.write_cursor IS
'p_cursor as the opaque text that get_ticket_changes answers.';
