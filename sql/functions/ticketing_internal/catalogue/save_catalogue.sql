-- Writes a checked catalogue document, except its pools. Existing rows are updated, and only
-- where something differs; what the document no longer names becomes inactive.
--
-- Lock order: the caller holds the catalogue exclusively; then rows, from the organisation down.

CREATE OR REPLACE FUNCTION ticketing_internal.save_catalogue(
    p_catalogue ticketing_internal.submitted_catalogue, p_now timestamptz
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- what may differ without being a change
    c_stamps CONSTANT text[] := '{created_at,updated_at}';
    v_function_id CONSTANT uuid := (p_catalogue.function).function_id;
    v_deactivated integer := 0;
    v_count integer;
BEGIN
    INSERT INTO ticketing.organisations AS organisation
    SELECT (p_catalogue.organisation).*
    ON CONFLICT (organisation_id) DO UPDATE
    SET
        slug = excluded.slug,
        name = excluded.name,
        updated_at = excluded.updated_at
    WHERE to_jsonb(organisation) - c_stamps <> to_jsonb(excluded) - c_stamps;

    INSERT INTO ticketing.functions
    SELECT (p_catalogue.function).*
    ON CONFLICT (function_id) DO NOTHING;

    -- Always written, also when nothing differs: see lock_catalogue. A plain UPDATE locks the row
    -- against new registrations only if a key changes; ON CONFLICT DO UPDATE would do so always.
    UPDATE ticketing.functions AS function
    SET
        slug = submitted.slug,
        name = submitted.name,
        currency = submitted.currency,
        timezone = submitted.timezone,
        status = submitted.status,
        starts_at = submitted.starts_at,
        ends_at = submitted.ends_at,
        registration_opens_at = submitted.registration_opens_at,
        registration_closes_at = submitted.registration_closes_at,
        selection_mode = submitted.selection_mode,
        hold_minutes = submitted.hold_minutes,
        payment_minutes = submitted.payment_minutes,
        max_hold_minutes = submitted.max_hold_minutes,
        max_held_per_owner = submitted.max_held_per_owner,
        max_open_registrations_per_owner = submitted.max_open_registrations_per_owner,
        changes_until = submitted.changes_until,
        refunds_until = submitted.refunds_until,
        updated_at = submitted.updated_at
    FROM (SELECT (p_catalogue.function).*) AS submitted
    WHERE function.function_id = v_function_id;

    -- of each kind first, because what is inactive gives up its slug
    UPDATE ticketing.events AS event
    SET is_active = FALSE, updated_at = p_now
    WHERE event.function_id = v_function_id
        AND event.is_active
        AND event.event_id NOT IN (SELECT submitted.event_id FROM unnest(p_catalogue.events) AS submitted);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_deactivated := v_deactivated + v_count;

    INSERT INTO ticketing.events AS event
    SELECT submitted.*
    FROM unnest(p_catalogue.events) AS submitted
    ON CONFLICT (function_id, event_id) DO UPDATE
    SET
        slug = excluded.slug,
        title = excluded.title,
        starts_at = excluded.starts_at,
        ends_at = excluded.ends_at,
        is_active = excluded.is_active,
        updated_at = excluded.updated_at
    WHERE to_jsonb(event) - c_stamps <> to_jsonb(excluded) - c_stamps;

    UPDATE ticketing.ticket_types AS ticket_type
    SET is_active = FALSE, updated_at = p_now
    WHERE ticket_type.function_id = v_function_id
        AND ticket_type.is_active
        AND ticket_type.ticket_type_id NOT IN (
            SELECT submitted.ticket_type_id FROM unnest(p_catalogue.ticket_types) AS submitted
        );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_deactivated := v_deactivated + v_count;

    INSERT INTO ticketing.ticket_types AS ticket_type
    SELECT submitted.*
    FROM unnest(p_catalogue.ticket_types) AS submitted
    ON CONFLICT (function_id, ticket_type_id) DO UPDATE
    SET
        slug = excluded.slug,
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
    WHERE to_jsonb(ticket_type) - c_stamps <> to_jsonb(excluded) - c_stamps;

    UPDATE ticketing.packages AS package
    SET is_active = FALSE, updated_at = p_now
    WHERE package.function_id = v_function_id
        AND package.is_active
        AND package.package_id NOT IN (
            SELECT submitted.package_id FROM unnest(p_catalogue.packages) AS submitted
        );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_deactivated := v_deactivated + v_count;

    INSERT INTO ticketing.packages AS package
    SELECT submitted.*
    FROM unnest(p_catalogue.packages) AS submitted
    ON CONFLICT (function_id, package_id) DO UPDATE
    SET
        slug = excluded.slug,
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
    WHERE to_jsonb(package) - c_stamps <> to_jsonb(excluded) - c_stamps;

    -- the contents of a package with tickets cannot differ here (catalogue_issues)
    DELETE FROM ticketing.package_items AS item
    WHERE item.function_id = v_function_id
        AND item.package_id IN (SELECT submitted.package_id FROM unnest(p_catalogue.packages) AS submitted)
        AND NOT EXISTS (
            SELECT
            FROM unnest(p_catalogue.package_items) AS submitted
            WHERE submitted.package_id = item.package_id AND submitted.ticket_type_id = item.ticket_type_id
        );

    INSERT INTO ticketing.package_items AS item
    SELECT submitted.*
    FROM unnest(p_catalogue.package_items) AS submitted
    ON CONFLICT (function_id, package_id, ticket_type_id) DO UPDATE
    SET quantity = excluded.quantity
    WHERE item.quantity <> excluded.quantity;

    RETURN v_deactivated;
END
$$;

COMMENT ON FUNCTION ticketing_internal.save_catalogue IS
'Writes p_catalogue, a document without issues, except its pools; returns how many rows have become inactive.';
