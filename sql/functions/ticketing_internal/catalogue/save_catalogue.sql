-- Write a checked catalogue document: organisation, function, events, ticket types, packages and
-- their contents. Rows are updated in place; what the document no longer names becomes inactive.

CREATE OR REPLACE FUNCTION ticketing_internal.save_catalogue(p_catalogue jsonb, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function CONSTANT jsonb := p_catalogue -> 'function';
    v_function_id CONSTANT uuid := (p_catalogue #>> '{function,function_id}')::uuid;
    v_deactivated integer := 0;
    v_count integer;
BEGIN
    INSERT INTO ticketing.organisations AS organisation (organisation_id, slug, name, created_at, updated_at)
    SELECT given.organisation_id, given.slug, given.name, p_now, p_now
    FROM jsonb_to_record(p_catalogue -> 'organisation') AS given (organisation_id uuid, slug text, name text)
    ON CONFLICT (organisation_id) DO UPDATE
    SET slug = excluded.slug, name = excluded.name, updated_at = excluded.updated_at
    WHERE (organisation.slug, organisation.name) IS DISTINCT FROM (excluded.slug, excluded.name);

    INSERT INTO ticketing.functions (
        function_id, organisation_id, slug, name, currency, timezone, status, starts_at, ends_at,
        registration_opens_at, registration_closes_at, selection_mode, hold_minutes, payment_minutes,
        max_hold_minutes, created_at, updated_at
    )
    SELECT
        v_function_id, (p_catalogue #>> '{organisation,organisation_id}')::uuid, given.slug, given.name, given.currency,
        coalesce(given.timezone, 'UTC'), coalesce(given.status, 'draft'), given.starts_at, given.ends_at,
        given.registration_opens_at, given.registration_closes_at, coalesce(given.selection_mode, 'exclusive'),
        coalesce(given.hold_minutes, 30), coalesce(given.payment_minutes, 30), coalesce(given.max_hold_minutes, 1440),
        p_now, p_now
    FROM jsonb_to_record(v_function) AS given (
        slug text, name text, currency text, timezone text, status text, starts_at timestamptz, ends_at timestamptz,
        registration_opens_at timestamptz, registration_closes_at timestamptz, selection_mode text,
        hold_minutes integer, payment_minutes integer, max_hold_minutes integer
    )
    ON CONFLICT (function_id) DO NOTHING;

    -- Always written, also when nothing differs: see lock_catalogue. By a plain UPDATE, which locks
    -- the row against new registrations only if a key does change; ON CONFLICT DO UPDATE always
    -- would.
    UPDATE ticketing.functions AS function
    SET
        slug = given.slug,
        name = given.name,
        currency = given.currency,
        timezone = coalesce(given.timezone, 'UTC'),
        status = coalesce(given.status, 'draft'),
        starts_at = given.starts_at,
        ends_at = given.ends_at,
        registration_opens_at = given.registration_opens_at,
        registration_closes_at = given.registration_closes_at,
        selection_mode = coalesce(given.selection_mode, 'exclusive'),
        hold_minutes = coalesce(given.hold_minutes, 30),
        payment_minutes = coalesce(given.payment_minutes, 30),
        max_hold_minutes = coalesce(given.max_hold_minutes, 1440),
        updated_at = p_now
    FROM jsonb_to_record(v_function) AS given (
        slug text, name text, currency text, timezone text, status text, starts_at timestamptz, ends_at timestamptz,
        registration_opens_at timestamptz, registration_closes_at timestamptz, selection_mode text,
        hold_minutes integer, payment_minutes integer, max_hold_minutes integer
    )
    WHERE function.function_id = v_function_id;

    INSERT INTO ticketing.events AS event (
        function_id, event_id, slug, title, starts_at, ends_at, is_active, created_at, updated_at
    )
    SELECT
        v_function_id, given.event_id, given.slug, given.title, given.starts_at, given.ends_at,
        coalesce(given.is_active, TRUE), p_now, p_now
    FROM jsonb_to_recordset(p_catalogue -> 'events') AS given (
        event_id uuid, slug text, title text, starts_at timestamptz, ends_at timestamptz, is_active boolean
    )
    ON CONFLICT (function_id, event_id) DO UPDATE
    SET
        slug = excluded.slug,
        title = excluded.title,
        starts_at = excluded.starts_at,
        ends_at = excluded.ends_at,
        is_active = excluded.is_active,
        updated_at = excluded.updated_at
    WHERE (event.slug, event.title, event.starts_at, event.ends_at, event.is_active)
        IS DISTINCT FROM (excluded.slug, excluded.title, excluded.starts_at, excluded.ends_at, excluded.is_active);

    UPDATE ticketing.events AS event
    SET is_active = FALSE, updated_at = p_now
    WHERE event.function_id = v_function_id
        AND event.is_active
        AND event.event_id NOT IN (
            SELECT (given.value ->> 'event_id')::uuid FROM jsonb_array_elements(p_catalogue -> 'events') AS given
        );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_deactivated := v_deactivated + v_count;

    INSERT INTO ticketing.ticket_types AS ticket_type (
        function_id, ticket_type_id, event_id, name, description, price, is_active, sale_starts_at, sale_ends_at,
        min_per_attendee, max_per_attendee, max_per_registration, eligibility, created_at, updated_at
    )
    SELECT
        v_function_id, given.ticket_type_id, given.event_id, given.name, given.description, given.price,
        coalesce(given.is_active, TRUE), given.sale_starts_at, given.sale_ends_at, coalesce(given.min_per_attendee, 0),
        given.max_per_attendee, given.max_per_registration, coalesce(nullif(given.eligibility, 'null'), '{"rules": []}'),
        p_now, p_now
    FROM jsonb_to_recordset(p_catalogue -> 'ticket_types') AS given (
        ticket_type_id uuid, event_id uuid, name text, description text, price numeric, is_active boolean,
        sale_starts_at timestamptz, sale_ends_at timestamptz, min_per_attendee integer, max_per_attendee integer,
        max_per_registration integer, eligibility jsonb
    )
    ON CONFLICT (function_id, ticket_type_id) DO UPDATE
    SET
        name = excluded.name,
        description = excluded.description,
        price = excluded.price,
        is_active = excluded.is_active,
        sale_starts_at = excluded.sale_starts_at,
        sale_ends_at = excluded.sale_ends_at,
        min_per_attendee = excluded.min_per_attendee,
        max_per_attendee = excluded.max_per_attendee,
        max_per_registration = excluded.max_per_registration,
        eligibility = excluded.eligibility,
        updated_at = excluded.updated_at
    WHERE (
        ticket_type.name, ticket_type.description, ticket_type.price, ticket_type.is_active,
        ticket_type.sale_starts_at, ticket_type.sale_ends_at, ticket_type.min_per_attendee,
        ticket_type.max_per_attendee, ticket_type.max_per_registration, ticket_type.eligibility::jsonb
    ) IS DISTINCT FROM (
        excluded.name, excluded.description, excluded.price, excluded.is_active, excluded.sale_starts_at,
        excluded.sale_ends_at, excluded.min_per_attendee, excluded.max_per_attendee, excluded.max_per_registration,
        excluded.eligibility::jsonb
    );

    UPDATE ticketing.ticket_types AS ticket_type
    SET is_active = FALSE, updated_at = p_now
    WHERE ticket_type.function_id = v_function_id
        AND ticket_type.is_active
        AND ticket_type.ticket_type_id NOT IN (
            SELECT (given.value ->> 'ticket_type_id')::uuid
            FROM jsonb_array_elements(p_catalogue -> 'ticket_types') AS given
        );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_deactivated := v_deactivated + v_count;

    INSERT INTO ticketing.packages AS package (
        function_id, package_id, name, description, price, is_active, registration_types, sale_starts_at, sale_ends_at,
        min_per_attendee, max_per_attendee, max_per_registration, eligibility, created_at, updated_at
    )
    SELECT
        v_function_id, given.package_id, given.name, given.description, given.price, coalesce(given.is_active, TRUE),
        coalesce(given.registration_types, '{individuals,lodges,delegations}'), given.sale_starts_at,
        given.sale_ends_at, coalesce(given.min_per_attendee, 0), given.max_per_attendee, given.max_per_registration,
        coalesce(nullif(given.eligibility, 'null'), '{"rules": []}'), p_now, p_now
    FROM jsonb_to_recordset(p_catalogue -> 'packages') AS given (
        package_id uuid, name text, description text, price numeric, is_active boolean, registration_types text [],
        sale_starts_at timestamptz, sale_ends_at timestamptz, min_per_attendee integer, max_per_attendee integer,
        max_per_registration integer, eligibility jsonb
    )
    ON CONFLICT (function_id, package_id) DO UPDATE
    SET
        name = excluded.name,
        description = excluded.description,
        price = excluded.price,
        is_active = excluded.is_active,
        registration_types = excluded.registration_types,
        sale_starts_at = excluded.sale_starts_at,
        sale_ends_at = excluded.sale_ends_at,
        min_per_attendee = excluded.min_per_attendee,
        max_per_attendee = excluded.max_per_attendee,
        max_per_registration = excluded.max_per_registration,
        eligibility = excluded.eligibility,
        updated_at = excluded.updated_at
    WHERE (
        package.name, package.description, package.price, package.is_active, package.registration_types,
        package.sale_starts_at, package.sale_ends_at, package.min_per_attendee, package.max_per_attendee,
        package.max_per_registration, package.eligibility::jsonb
    ) IS DISTINCT FROM (
        excluded.name, excluded.description, excluded.price, excluded.is_active, excluded.registration_types,
        excluded.sale_starts_at, excluded.sale_ends_at, excluded.min_per_attendee, excluded.max_per_attendee,
        excluded.max_per_registration, excluded.eligibility::jsonb
    );

    UPDATE ticketing.packages AS package
    SET is_active = FALSE, updated_at = p_now
    WHERE package.function_id = v_function_id
        AND package.is_active
        AND package.package_id NOT IN (
            SELECT (given.value ->> 'package_id')::uuid FROM jsonb_array_elements(p_catalogue -> 'packages') AS given
        );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_deactivated := v_deactivated + v_count;

    -- contents: only of packages without tickets can anything differ here (catalogue_issues)
    WITH given AS (
        SELECT package.package_id, item.ticket_type_id, item.quantity
        FROM jsonb_to_recordset(p_catalogue -> 'packages') AS package (package_id uuid, items jsonb)
        CROSS JOIN LATERAL jsonb_to_recordset(package.items) AS item (ticket_type_id uuid, quantity integer)
    )
    DELETE FROM ticketing.package_items AS item
    WHERE item.function_id = v_function_id
        AND item.package_id IN (SELECT given.package_id FROM given)
        AND NOT EXISTS (
            SELECT FROM given
            WHERE given.package_id = item.package_id AND given.ticket_type_id = item.ticket_type_id
        );

    INSERT INTO ticketing.package_items AS item (function_id, package_id, ticket_type_id, quantity)
    SELECT v_function_id, package.package_id, given.ticket_type_id, given.quantity
    FROM jsonb_to_recordset(p_catalogue -> 'packages') AS package (package_id uuid, items jsonb)
    CROSS JOIN LATERAL jsonb_to_recordset(package.items) AS given (ticket_type_id uuid, quantity integer)
    ON CONFLICT (function_id, package_id, ticket_type_id) DO UPDATE
    SET quantity = excluded.quantity
    WHERE item.quantity <> excluded.quantity;

    RETURN v_deactivated;
END
$$;

COMMENT ON FUNCTION ticketing_internal.save_catalogue IS
'Writes p_catalogue, a document without issues, except its pools; returns how many rows have become inactive.';
