SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT
            attribute.attrelid::regclass AS name,
            attribute.attname
        FROM pg_class AS relation
        INNER JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
        WHERE relation.relnamespace = 'ticketing'::regnamespace
            AND relation.relkind = 'r'
            AND attribute.attstattarget = 0
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS -1', v_column.name, v_column.attname);
    END LOOP;
END
$$;

DROP POLICY organisation_members_service_delete ON ticketing.organisation_members;
DROP POLICY organisation_members_service_update ON ticketing.organisation_members;
DROP POLICY organisation_members_service_insert ON ticketing.organisation_members;
DROP POLICY organisations_service_delete ON ticketing.organisations;
DROP POLICY organisations_service_update ON ticketing.organisations;
DROP POLICY organisations_service_insert ON ticketing.organisations;
DROP POLICY registration_changes_service_select ON ticketing.registration_changes;
DROP POLICY ticket_changes_service_select ON ticketing.ticket_changes;
DROP POLICY payments_service_select ON ticketing.payments;
DROP POLICY ticket_holders_service_select ON ticketing.ticket_holders;
DROP POLICY tickets_service_select ON ticketing.tickets;
DROP POLICY attendees_service_select ON ticketing.attendees;
DROP POLICY registration_index_service_select ON ticketing.registration_index;
DROP POLICY registrations_service_select ON ticketing.registrations;
DROP POLICY package_pools_service_select ON ticketing.package_pools;
DROP POLICY ticket_type_pools_service_select ON ticketing.ticket_type_pools;
DROP POLICY capacity_pools_service_select ON ticketing.capacity_pools;
DROP POLICY package_items_service_select ON ticketing.package_items;
DROP POLICY packages_service_select ON ticketing.packages;
DROP POLICY ticket_types_service_select ON ticketing.ticket_types;
DROP POLICY events_service_select ON ticketing.events;
DROP POLICY functions_service_select ON ticketing.functions;
DROP POLICY organisation_members_service_select ON ticketing.organisation_members;
DROP POLICY organisations_service_select ON ticketing.organisations;
DROP POLICY registration_changes_staff_select ON ticketing.registration_changes;
DROP POLICY ticket_changes_staff_select ON ticketing.ticket_changes;
DROP POLICY payments_staff_select ON ticketing.payments;
DROP POLICY ticket_holders_staff_select ON ticketing.ticket_holders;
DROP POLICY tickets_staff_select ON ticketing.tickets;
DROP POLICY attendees_staff_select ON ticketing.attendees;
DROP POLICY registrations_staff_select ON ticketing.registrations;
DROP POLICY package_pools_staff_select ON ticketing.package_pools;
DROP POLICY ticket_type_pools_staff_select ON ticketing.ticket_type_pools;
DROP POLICY capacity_pools_staff_select ON ticketing.capacity_pools;
DROP POLICY functions_staff_select ON ticketing.functions;
DROP POLICY payments_owner_select ON ticketing.payments;
DROP POLICY ticket_holders_owner_select ON ticketing.ticket_holders;
DROP POLICY tickets_owner_select ON ticketing.tickets;
DROP POLICY attendees_owner_select ON ticketing.attendees;
DROP POLICY registrations_owner_select ON ticketing.registrations;
DROP POLICY organisation_members_own_select ON ticketing.organisation_members;
DROP POLICY package_items_published_select ON ticketing.package_items;
DROP POLICY packages_published_select ON ticketing.packages;
DROP POLICY ticket_types_published_select ON ticketing.ticket_types;
DROP POLICY events_published_select ON ticketing.events;
DROP POLICY organisations_member_select ON ticketing.organisations;
DROP POLICY organisations_published_select ON ticketing.organisations;
DROP POLICY functions_published_select ON ticketing.functions;

REVOKE SELECT ON ALL TABLES IN SCHEMA ticketing
FROM anon, authenticated, service_role, ticketing_reader;
REVOKE INSERT, UPDATE, DELETE ON ticketing.organisations, ticketing.organisation_members
FROM service_role;

DROP FUNCTION ticketing_internal.staff_function_ids();
DROP FUNCTION ticketing_internal.caller_id();
