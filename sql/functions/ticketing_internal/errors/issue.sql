-- Builds one issue in the form in which all RPCs report it.

CREATE OR REPLACE FUNCTION ticketing_internal.issue(
    p_code text,
    p_path text,
    p_message text,
    p_attendee ticketing_internal.attendee DEFAULT NULL,
    p_ticket_type_id uuid DEFAULT NULL,
    p_package_id uuid DEFAULT NULL,
    p_item_name text DEFAULT NULL,
    p_expected jsonb DEFAULT NULL,
    p_actual jsonb DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        jsonb_build_object('code', p_code, 'path', p_path, 'message', p_message)
        || jsonb_strip_nulls(jsonb_build_object(
            'attendee_id', (p_attendee).attendee_id,
            'client_attendee_id', (p_attendee).client_attendee_id,
            'attendee_name', (p_attendee).name,
            'ticket_type_id', p_ticket_type_id,
            'package_id', p_package_id,
            'item_name', p_item_name
        ))
        || CASE WHEN p_expected IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('expected', p_expected) END
        || CASE WHEN p_actual IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('actual', p_actual) END
$$;

COMMENT ON FUNCTION ticketing_internal.issue IS
'An issue: its code, the path of the value at fault, a message for users, and what a screen needs: ids and name of the attendee,
ids and p_item_name of what is at fault (the ticket type, or the package when there is none), the expected and the actual value.';
