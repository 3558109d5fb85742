-- The documented shape of every JSON argument, as JSON Schema
-- (https://json-schema.org/draft/2020-12) with the keywords that schema_issues knows. A key that is
-- not required may also be null, which means absent.

CREATE OR REPLACE FUNCTION ticketing_internal.payload_schema(p_argument text)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_definitions CONSTANT jsonb := ticketing_internal.schema_definitions();
    v_uuid CONSTANT jsonb := v_definitions -> 'uuid';
    v_text CONSTANT jsonb := v_definitions -> 'text';
    v_name CONSTANT jsonb := v_definitions -> 'name';
    v_currency CONSTANT jsonb := v_definitions -> 'currency';
    v_flag CONSTANT jsonb := v_definitions -> 'flag';
    v_time CONSTANT jsonb := v_definitions -> 'time';
    v_quantity CONSTANT jsonb := v_definitions -> 'quantity';
    v_amount CONSTANT jsonb := v_definitions -> 'amount';
    v_provider CONSTANT jsonb := '{"type": "string", "minLength": 1, "maxLength": 50}';
    -- recorded states also carry the ticketId inside a package as an object
    v_ticket_line CONSTANT jsonb := jsonb_build_object(
        'type', 'object', 'additionalProperties', FALSE, 'required', '["ticketId", "quantity"]'::jsonb,
        'properties', jsonb_build_object('ticketId', v_uuid, 'quantity', v_quantity)
    );
    v_package_ticket_line CONSTANT jsonb := jsonb_set(
        v_ticket_line, '{properties,ticketId}', jsonb_build_object(
            'title', 'a ticket type id',
            'anyOf', jsonb_build_array(
                v_uuid,
                jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE, 'required', '["event_ticket_id"]'::jsonb,
                    'properties', jsonb_build_object('event_ticket_id', v_uuid, 'quantity', v_quantity)
                )
            )
        )
    );
    v_selection CONSTANT jsonb := jsonb_build_object(
        'type', 'object', 'additionalProperties', FALSE,
        'properties', jsonb_build_object(
            'packages', jsonb_build_object(
                'type', 'array', 'maxItems', 2000,
                'items', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE, 'required', '["packageId", "quantity"]'::jsonb,
                    'properties', jsonb_build_object(
                        'packageId', v_uuid,
                        'quantity', v_quantity,
                        'tickets', jsonb_build_object(
                            'type', 'array', 'maxItems', 2000, 'items', v_package_ticket_line
                        )
                    )
                )
            ),
            'individualTickets', jsonb_build_object('type', 'array', 'maxItems', 2000, 'items', v_ticket_line)
        )
    );
    v_attendee CONSTANT jsonb := jsonb_build_object(
        'type', 'object', 'required', '["attendeeId", "attendeeType"]'::jsonb,
        'properties', jsonb_build_object(
            'attendeeId', v_uuid,
            'attendeeType', '{"type": "string", "pattern": "^[A-Za-z][A-Za-z_-]{0,49}$"}'::jsonb,
            'isPrimary', v_flag,
            'title', v_text,
            'firstName', v_text,
            'lastName', v_text,
            'primaryEmail', v_text,
            'primaryPhone', v_text,
            'partner', v_uuid,
            'partnerOf', v_uuid,
            'guestOfId', v_uuid
        )
    );
BEGIN
    RETURN CASE p_argument
        WHEN 'p_tickets' THEN jsonb_build_object(
            'title', 'an array of tickets (a selection is for persist_ticket_selections)',
            'type', 'array', 'maxItems', 2000,
            'items', jsonb_build_object(
                'type', 'object', 'additionalProperties', FALSE,
                'required', '["attendee_id", "event_id", "ticket_type_id"]'::jsonb,
                'properties', jsonb_build_object(
                    'ticket_id', v_uuid,
                    'registration_id', v_uuid,
                    'attendee_id', v_uuid,
                    'client_attendee_id', v_uuid,
                    'event_id', v_uuid,
                    'ticket_type_id', v_uuid,
                    'package_id', v_uuid,
                    'price_paid', v_amount,
                    'original_price', v_amount,
                    'currency', v_text,
                    'status', '{"type": "string", "enum": ["Active"]}'::jsonb,
                    'payment_status', '{"type": "string", "enum": ["Unpaid"]}'::jsonb,
                    'is_partner_ticket', v_flag,
                    -- as get_registration answers it; nothing reads it
                    'holder', '{"type": "object"}'::jsonb
                )
            )
        )
        WHEN 'p_attendee_updates' THEN jsonb_build_object(
            'type', 'array', 'maxItems', 500,
            'items', jsonb_build_object(
                'type', 'object', 'additionalProperties', FALSE,
                'required', '["attendee_id", "selected_tickets"]'::jsonb,
                'properties', jsonb_build_object('attendee_id', v_uuid, 'selected_tickets', v_selection)
            )
        )
        WHEN 'p_selections' THEN jsonb_build_object(
            'type', 'object', 'maxProperties', 500,
            'propertyNames', v_uuid,
            'additionalProperties', v_selection
        )
        WHEN 'p_attendees' THEN jsonb_build_object('type', 'array', 'maxItems', 500, 'items', v_attendee)
        WHEN 'p_holders' THEN jsonb_build_object(
            'type', 'array', 'minItems', 1, 'maxItems', 2000,
            'items', jsonb_build_object(
                'type', 'object', 'additionalProperties', FALSE, 'required', '["ticket_id"]'::jsonb,
                'properties', jsonb_build_object(
                    'ticket_id', v_uuid,
                    'holder', jsonb_build_object(
                        'type', 'object', 'required', '["firstName", "lastName"]'::jsonb,
                        'properties', jsonb_build_object(
                            'title', v_text, 'firstName', v_name, 'lastName', v_name, 'email', v_text, 'phone', v_text
                        )
                    )
                )
            )
        )
        WHEN 'p_registration_data' THEN jsonb_build_object(
            'type', 'object', 'required', '["functionId"]'::jsonb,
            'properties', jsonb_build_object(
                'functionId', v_uuid,
                'registrationId', v_uuid,
                'registrationType', '{"type": "string", "enum": ["individual", "individuals", "lodge", "lodges",
                    "delegation", "delegations"]}'::jsonb,
                'authUserId', v_uuid,
                'subtotal', v_definitions -> 'sum',
                'primaryAttendee', v_attendee,
                'additionalAttendees', jsonb_build_object('type', 'array', 'maxItems', 499, 'items', v_attendee),
                'billingDetails', '{"type": "object", "properties": {
                    "title": {"type": "string"}, "firstName": {"type": "string"}, "lastName": {"type": "string"},
                    "emailAddress": {"type": "string"}, "mobileNumber": {"type": "string"}}}'::jsonb
            )
        )
        WHEN 'p_payment' THEN jsonb_build_object(
            'type', 'object', 'additionalProperties', FALSE,
            'required', '["reference", "amount", "currency"]'::jsonb,
            'properties', jsonb_build_object(
                'reference', v_name,
                'amount', v_amount,
                'currency', v_currency,
                'surcharge_amount', v_amount,
                'fee_amount', v_amount,
                'provider', v_provider,
                'paid_at', v_time
            )
        )
        WHEN 'p_refund' THEN jsonb_build_object(
            'type', 'object', 'additionalProperties', FALSE,
            'required', '["reference", "amount", "currency"]'::jsonb,
            'properties', jsonb_build_object(
                'reference', v_name,
                'amount', v_definitions -> 'positive_amount',
                'currency', v_currency,
                'surcharge_amount', v_amount,
                'provider', v_provider,
                'ticket_ids', jsonb_build_object('type', 'array', 'minItems', 1, 'maxItems', 2000, 'items', v_uuid)
            )
        )
        WHEN 'p_ticket_ids' THEN jsonb_build_object(
            'type', 'array', 'minItems', 1, 'maxItems', 2000, 'items', v_uuid
        )
        WHEN 'p_catalogue' THEN ticketing_internal.catalogue_schema()
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.payload_schema IS
'JSON Schema of the argument with that name (p_tickets, p_attendee_updates, p_selections, p_attendees, p_holders,
p_registration_data, p_payment, p_refund, p_ticket_ids, p_catalogue); null when it has none.';
