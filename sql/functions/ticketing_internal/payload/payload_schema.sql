-- The documented shape of every JSON argument, as JSON Schema
-- (https://json-schema.org/draft/2020-12): the keywords that schema_issues knows. A key that is
-- not required may also be null, which means absent.

CREATE OR REPLACE FUNCTION ticketing_internal.payload_schema(p_argument text)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_uuid CONSTANT jsonb := '{"type": "string", "format": "uuid"}';
    v_text CONSTANT jsonb := '{"type": "string"}';
    v_name CONSTANT jsonb := '{"type": "string", "minLength": 1, "maxLength": 200}';
    v_slug CONSTANT jsonb := '{"type": "string", "maxLength": 100, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}';
    v_currency CONSTANT jsonb := '{"type": "string", "pattern": "^[A-Z]{3}$"}';
    v_flag CONSTANT jsonb := '{"type": "boolean"}';
    v_time CONSTANT jsonb := '{"type": "string", "format": "date-time"}';
    v_quantity CONSTANT jsonb := '{"type": "integer", "minimum": 0, "maximum": 1000}';
    -- money: a number, or a decimal string, which no client rounds
    v_amount CONSTANT jsonb := '{"title": "an amount from 0 with at most two decimals", "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 9999999999.99, "multipleOf": 0.01},
        {"type": "string", "pattern": "^[0-9]{1,10}([.][0-9]{1,2}0{0,20})?$"}]}';
    v_eligibility CONSTANT jsonb := '{"type": "object", "additionalProperties": false, "required": ["rules"],
        "properties": {
            "operator": {"type": "string", "enum": ["AND", "OR"]},
            "rules": {"type": "array", "maxItems": 50, "items": {
                "type": "object", "additionalProperties": false, "required": ["type", "operator", "value"],
                "properties": {
                    "type": {"type": "string", "minLength": 1, "maxLength": 100},
                    "operator": {"type": "string", "enum": ["equals", "not_equals", "in", "not_in"]},
                    "value": {}},
                "if": {"required": ["operator"], "properties": {"operator": {"enum": ["in", "not_in"]}}},
                "then": {"properties": {"value": {"type": "array"}}}}}}}';
    -- what ticket types and packages have in common
    v_sellable CONSTANT jsonb := jsonb_build_object(
        'name', v_name,
        'description', v_text,
        'price', v_amount,
        'is_active', v_flag,
        'sale_starts_at', v_time,
        'sale_ends_at', v_time,
        'min_per_attendee', v_quantity,
        'max_per_attendee', '{"type": "integer", "minimum": 1, "maximum": 1000}'::jsonb,
        'max_per_registration', '{"type": "integer", "minimum": 1, "maximum": 2000}'::jsonb,
        'eligibility', v_eligibility,
        'capacity', '{"type": "integer", "minimum": 0, "maximum": 10000000}'::jsonb
    );
    -- recorded states carry the id of a ticket inside a package also as an object
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
                    'is_partner_ticket', v_flag
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
        WHEN 'p_registration_data' THEN jsonb_build_object(
            'type', 'object', 'required', '["functionId"]'::jsonb,
            'properties', jsonb_build_object(
                'functionId', v_uuid,
                'registrationId', v_uuid,
                'registrationType', '{"type": "string", "enum": ["individual", "individuals", "lodge", "lodges",
                    "delegation", "delegations"]}'::jsonb,
                'authUserId', v_uuid,
                'subtotal', v_amount,
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
                'fee_amount', v_amount,
                'provider', '{"type": "string", "minLength": 1, "maxLength": 50}'::jsonb,
                'paid_at', v_time
            )
        )
        WHEN 'p_refund' THEN jsonb_build_object(
            'type', 'object', 'additionalProperties', FALSE,
            'required', '["reference", "amount", "currency"]'::jsonb,
            'properties', jsonb_build_object(
                'reference', v_name,
                'amount', v_amount,
                'currency', v_currency,
                'provider', '{"type": "string", "minLength": 1, "maxLength": 50}'::jsonb,
                'ticket_ids', jsonb_build_object('type', 'array', 'minItems', 1, 'maxItems', 2000, 'items', v_uuid)
            )
        )
        WHEN 'p_catalogue' THEN jsonb_build_object(
            'type', 'object', 'additionalProperties', FALSE,
            'required', '["organisation", "function", "events", "ticket_types", "packages"]'::jsonb,
            'properties', jsonb_build_object(
                'organisation', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE,
                    'required', '["organisation_id", "slug", "name"]'::jsonb,
                    'properties', jsonb_build_object('organisation_id', v_uuid, 'slug', v_slug, 'name', v_name)
                ),
                'function', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE,
                    'required', '["function_id", "slug", "name", "currency"]'::jsonb,
                    'properties', jsonb_build_object(
                        'function_id', v_uuid,
                        'slug', v_slug,
                        'name', v_name,
                        'currency', v_currency,
                        'timezone', '{"type": "string", "minLength": 1, "maxLength": 64}'::jsonb,
                        'status', '{"type": "string", "enum": ["draft", "published", "closed"]}'::jsonb,
                        'starts_at', v_time,
                        'ends_at', v_time,
                        'registration_opens_at', v_time,
                        'registration_closes_at', v_time,
                        'selection_mode', '{"type": "string", "enum": ["exclusive", "mixed"]}'::jsonb,
                        'hold_minutes', '{"type": "integer", "minimum": 1, "maximum": 10080}'::jsonb,
                        'payment_minutes', '{"type": "integer", "minimum": 1, "maximum": 10080}'::jsonb,
                        'max_hold_minutes', '{"type": "integer", "minimum": 1, "maximum": 525600}'::jsonb
                    )
                ),
                'events', jsonb_build_object(
                    'type', 'array', 'maxItems', 1000,
                    'items', jsonb_build_object(
                        'type', 'object', 'additionalProperties', FALSE,
                        'required', '["event_id", "slug", "title"]'::jsonb,
                        'properties', jsonb_build_object(
                            'event_id', v_uuid,
                            'slug', v_slug,
                            'title', v_name,
                            'starts_at', v_time,
                            'ends_at', v_time,
                            'is_active', v_flag,
                            'capacity', '{"type": "integer", "minimum": 0, "maximum": 10000000}'::jsonb
                        )
                    )
                ),
                'ticket_types', jsonb_build_object(
                    'type', 'array', 'maxItems', 1000,
                    'items', jsonb_build_object(
                        'type', 'object', 'additionalProperties', FALSE,
                        'required', '["ticket_type_id", "event_id", "name", "price"]'::jsonb,
                        'properties', jsonb_build_object(
                            'ticket_type_id', v_uuid,
                            'event_id', v_uuid
                        ) || v_sellable
                    )
                ),
                'packages', jsonb_build_object(
                    'type', 'array', 'maxItems', 1000,
                    'items', jsonb_build_object(
                        'type', 'object', 'additionalProperties', FALSE,
                        'required', '["package_id", "name", "price", "items"]'::jsonb,
                        'properties', jsonb_build_object(
                            'package_id', v_uuid,
                            'registration_types', '{"type": "array", "minItems": 1, "maxItems": 3, "items":
                                {"type": "string", "enum": ["individuals", "lodges", "delegations"]}}'::jsonb,
                            'items', jsonb_build_object(
                                'type', 'array', 'minItems', 1, 'maxItems', 100,
                                'items', jsonb_build_object(
                                    'type', 'object', 'additionalProperties', FALSE,
                                    'required', '["ticket_type_id", "quantity"]'::jsonb,
                                    'properties', jsonb_build_object(
                                        'ticket_type_id', v_uuid,
                                        'quantity', '{"type": "integer", "minimum": 1, "maximum": 1000}'::jsonb
                                    )
                                )
                            )
                        ) || v_sellable
                    )
                ),
                'pools', jsonb_build_object(
                    'type', 'array', 'maxItems', 1000,
                    'items', jsonb_build_object(
                        'type', 'object', 'additionalProperties', FALSE,
                        'required', '["capacity_pool_id", "name", "capacity"]'::jsonb,
                        'properties', jsonb_build_object(
                            'capacity_pool_id', v_uuid,
                            'name', v_name,
                            'capacity', '{"type": "integer", "minimum": 0, "maximum": 10000000}'::jsonb,
                            'ticket_type_ids', jsonb_build_object('type', 'array', 'maxItems', 1000, 'items', v_uuid),
                            'package_ids', jsonb_build_object('type', 'array', 'maxItems', 1000, 'items', v_uuid)
                        )
                    )
                )
            )
        )
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.payload_schema IS
'JSON Schema of the argument with that name (p_tickets, p_attendee_updates, p_selections, p_attendees,
p_registration_data, p_payment, p_refund, p_catalogue); null when it has none.';
