-- The documented shape of p_catalogue, part of payload_schema. A default is what read_catalogue
-- stores when the key is absent.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_schema()
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_definitions CONSTANT jsonb := ticketing_internal.schema_definitions();
    v_uuid CONSTANT jsonb := v_definitions -> 'uuid';
    v_name CONSTANT jsonb := v_definitions -> 'name';
    v_time CONSTANT jsonb := v_definitions -> 'time';
    v_slug CONSTANT jsonb := v_definitions -> 'slug';
    v_reference CONSTANT jsonb := v_definitions -> 'reference';
    v_is_active CONSTANT jsonb := (v_definitions -> 'flag') || '{"default": true}';
    v_capacity CONSTANT jsonb := '{"type": "integer", "minimum": 0, "maximum": 10000000}';
    v_own_capacity CONSTANT jsonb := v_capacity || jsonb_build_object(
        'description', 'How many tickets there may be; null ends the limit, and without the key it stays as it is.'
    );
    v_eligibility CONSTANT jsonb := '{"type": "object", "additionalProperties": false, "required": ["rules"],
        "default": {"rules": []},
        "properties": {
            "operator": {"type": "string", "enum": ["AND", "OR"],
                "description": "AND: every rule must be met, also without the key; OR: one of them."},
            "rules": {"type": "array", "maxItems": 50, "description": "Without rules all attendees are eligible.", "items": {
                "type": "object", "additionalProperties": false, "required": ["type", "operator", "value"],
                "properties": {
                    "type": {"type": "string", "minLength": 1, "maxLength": 100, "description":
                        "The fact to compare: attendee_type, registration_type, or a key of what is stored of the attendee."},
                    "operator": {"type": "string", "enum": ["equals", "not_equals", "in", "not_in"],
                        "description": "How to compare it."},
                    "value": {"description": "What to compare it with: a list for in and not_in."}},
                "if": {"required": ["operator"], "properties": {"operator": {"enum": ["in", "not_in"]}}},
                "then": {"properties": {"value": {"type": "array"}}}}}}}';
    -- what has no id
    v_needs_slug CONSTANT jsonb := '{"required": ["slug"]}';
    -- the keys that ticket types and packages have in common
    v_sellable CONSTANT jsonb := jsonb_build_object(
        'slug', v_slug,
        'name', v_name,
        'description', v_definitions -> 'text',
        'price', v_definitions -> 'amount',
        'is_active', v_is_active,
        'sale_starts_at', v_time,
        'sale_ends_at', v_time,
        'min_per_attendee', (v_definitions -> 'quantity') || '{"default": 0}',
        'max_per_attendee', '{"type": "integer", "minimum": 1, "maximum": 1000}'::jsonb,
        'max_per_registration', '{"type": "integer", "minimum": 1, "maximum": 2000}'::jsonb,
        'eligibility', v_eligibility,
        'capacity', v_own_capacity
    );
BEGIN
    RETURN jsonb_build_object(
        'type', 'object', 'additionalProperties', FALSE,
        'required', '["organisation", "function", "events", "ticket_types", "packages"]'::jsonb,
        'properties', jsonb_build_object(
            '$schema', (v_definitions -> 'text') || '{"description": "For editors; not stored."}',
            'organisation', jsonb_build_object(
                'description', 'Who sells.',
                'type', 'object', 'additionalProperties', FALSE,
                'required', '["slug", "name"]'::jsonb,
                'properties', jsonb_build_object('organisation_id', v_uuid, 'slug', v_slug, 'name', v_name)
            ),
            'function', jsonb_build_object(
                'description', 'The occasion that people register for.',
                'type', 'object', 'additionalProperties', FALSE,
                'required', '["slug", "name", "currency"]'::jsonb,
                'properties', jsonb_build_object(
                    'function_id', v_uuid,
                    'slug', v_slug,
                    'name', v_name,
                    'currency', v_definitions -> 'currency',
                    'timezone', '{"type": "string", "minLength": 1, "maxLength": 64, "default": "UTC"}'::jsonb,
                    'status', '{"type": "string", "enum": ["draft", "published", "closed"], "default": "draft"}'::jsonb,
                    'starts_at', v_time,
                    'ends_at', v_time,
                    'registration_opens_at', v_time,
                    'registration_closes_at', v_time,
                    'selection_mode', '{"type": "string", "enum": ["exclusive", "mixed"],
                        "default": "exclusive"}'::jsonb,
                    'hold_minutes', '{"type": "integer", "minimum": 1, "maximum": 10080, "default": 30}'::jsonb,
                    'payment_minutes', '{"type": "integer", "minimum": 1, "maximum": 10080, "default": 30}'::jsonb,
                    'max_hold_minutes', '{"type": "integer", "minimum": 1, "maximum": 525600, "default": 1440}'::jsonb,
                    'max_held_per_owner', '{"type": "integer", "minimum": 1, "maximum": 1000000}'::jsonb,
                    'max_open_registrations_per_owner', '{"type": "integer", "minimum": 1, "maximum": 1000000,
                        "default": 20}'::jsonb,
                    'changes_until', v_time,
                    'refunds_until', v_time
                )
            ),
            'events', jsonb_build_object(
                'description', 'Its parts to which there are tickets; may be empty.',
                'type', 'array', 'maxItems', 1000,
                'items', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE,
                    'required', '["slug", "title"]'::jsonb,
                    'properties', jsonb_build_object(
                        'event_id', v_uuid,
                        'slug', v_slug,
                        'title', v_name,
                        'starts_at', v_time,
                        'ends_at', v_time,
                        'is_active', v_is_active,
                        'capacity', v_own_capacity
                    )
                )
            ),
            'ticket_types', jsonb_build_object(
                'description', 'What admits an attendee to an event; may be empty.',
                'type', 'array', 'maxItems', 1000,
                'items', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE,
                    'required', '["event_id", "name", "price"]'::jsonb,
                    'if', '{"required": ["ticket_type_id"]}'::jsonb, 'else', v_needs_slug,
                    'properties', jsonb_build_object(
                        'ticket_type_id', v_uuid,
                        'event_id', v_reference
                    ) || v_sellable
                )
            ),
            'packages', jsonb_build_object(
                'description', 'Tickets bundled at one price; may be empty.',
                'type', 'array', 'maxItems', 1000,
                'items', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE,
                    'required', '["name", "price", "items"]'::jsonb,
                    'if', '{"required": ["package_id"]}'::jsonb, 'else', v_needs_slug,
                    'properties', jsonb_build_object(
                        'package_id', v_uuid,
                        'registration_types', '{"type": "array", "minItems": 1, "maxItems": 3,
                            "items": {"type": "string", "enum": ["individuals", "lodges", "delegations"]},
                            "default": ["individuals", "lodges", "delegations"]}'::jsonb,
                        'items', jsonb_build_object(
                            'type', 'array', 'minItems', 1, 'maxItems', 100,
                            'description', 'What the package consists of; cannot change once it has tickets.',
                            'items', jsonb_build_object(
                                'type', 'object', 'additionalProperties', FALSE,
                                'required', '["ticket_type_id", "quantity"]'::jsonb,
                                'properties', jsonb_build_object(
                                    'ticket_type_id', v_reference,
                                    'quantity', '{"type": "integer", "minimum": 1, "maximum": 1000}'::jsonb
                                )
                            )
                        )
                    ) || v_sellable
                )
            ),
            'pools', jsonb_build_object(
                'description', 'Capacity that several share; without the key it stays as it is.',
                'type', 'array', 'maxItems', 1000,
                'items', jsonb_build_object(
                    'type', 'object', 'additionalProperties', FALSE,
                    'required', '["name", "capacity"]'::jsonb,
                    'if', '{"required": ["capacity_pool_id"]}'::jsonb, 'else', v_needs_slug,
                    'properties', jsonb_build_object(
                        'capacity_pool_id', v_uuid,
                        'slug', v_slug,
                        'name', v_name,
                        'capacity', v_capacity,
                        'ticket_type_ids', jsonb_build_object(
                            'type', 'array', 'maxItems', 1000, 'items', v_reference,
                            'description', 'Ticket types of which each ticket takes from the pool, also inside packages.'
                        ),
                        'package_ids', jsonb_build_object(
                            'type', 'array', 'maxItems', 1000, 'items', v_reference,
                            'description', 'Packages of which each takes one from the pool.'
                        )
                    )
                )
            )
        )
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_schema IS
'JSON Schema of p_catalogue.';
