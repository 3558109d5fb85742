-- Does a catalogue document move anything into or out of a pool, or change what is in a package?
-- Only then must sales stand still while it is imported.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_restructures(p_catalogue jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue #>> '{function,function_id}')::uuid;
BEGIN
    RETURN EXISTS (
        SELECT
        FROM ticketing_internal.catalogue_memberships(p_catalogue) AS membership
        WHERE membership.is_wanted <> membership.is_stored
    ) OR EXISTS (
        SELECT
        FROM (
            SELECT package.package_id, item.ticket_type_id, item.quantity
            FROM jsonb_to_recordset(p_catalogue -> 'packages') AS package (package_id uuid, items jsonb)
            CROSS JOIN LATERAL jsonb_to_recordset(package.items) AS item (ticket_type_id uuid, quantity integer)
        ) AS given
        FULL JOIN (
            SELECT item.package_id, item.ticket_type_id, item.quantity
            FROM ticketing.package_items AS item
            WHERE item.function_id = v_function_id
        ) AS stored
            ON stored.package_id = given.package_id AND stored.ticket_type_id = given.ticket_type_id
        WHERE given.quantity IS DISTINCT FROM stored.quantity
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_restructures(jsonb) IS
'Whether importing p_catalogue changes memberships of pools or contents of packages.';

REVOKE ALL ON FUNCTION ticketing_internal.catalogue_restructures(jsonb) FROM public;
