-- Row security: which rows each role may read. RPCs are not subject to it, because they run as the
-- owner of the tables; they are the only way to write, apart from organisations and their members.
--
-- | role | reads |
-- |---|---|
-- | anon (visitors) | published and closed functions, their organisations and catalogues |
-- | authenticated (users) | also own memberships and registrations, with all that is in these |
-- | authenticated (staff) | also drafts, pools, registrations, changes of their functions |
-- | service_role, ticketing_reader | everything |
--
-- Policies of one table are combined by OR. Each names its roles and compares columns of the row.
-- Owner and staff have separate policies, because a condition for both would turn index lookups
-- into scans. The SELECT around a call makes PostgreSQL evaluate it once per statement.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

-- Policies need the two functions that identify the caller when they are created, which is before
-- sql/functions is installed. Where one is missing, a placeholder that identifies no caller is
-- created here; installing the functions replaces it.
DO $$
BEGIN
    IF pg_catalog.to_regprocedure('ticketing_internal.caller_id()') IS NULL THEN
        CREATE FUNCTION ticketing_internal.caller_id() RETURNS uuid
        LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT NULL::uuid';
    END IF;
    IF pg_catalog.to_regprocedure('ticketing_internal.staff_function_ids()') IS NULL THEN
        CREATE FUNCTION ticketing_internal.staff_function_ids() RETURNS uuid []
        LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT NULL::uuid []';
    END IF;
END
$$;

-- Visitors: published and closed functions and their catalogues

GRANT SELECT ON
ticketing.organisations,
ticketing.functions,
ticketing.events,
ticketing.ticket_types,
ticketing.packages,
ticketing.package_items
TO anon, authenticated;

CREATE POLICY functions_published_select ON ticketing.functions
FOR SELECT TO anon, authenticated
USING (status <> 'draft');

-- A role that sees a function sees its organisation. Members also see their organisation when it
-- has no function.
CREATE POLICY organisations_published_select ON ticketing.organisations
FOR SELECT TO anon, authenticated
USING (
    organisation_id = ANY(
        array(SELECT function.organisation_id FROM ticketing.functions AS function)
    )
);

CREATE POLICY organisations_member_select ON ticketing.organisations
FOR SELECT TO authenticated
USING (
    organisation_id = ANY(
        array(
            SELECT member.organisation_id
            FROM ticketing.organisation_members AS member
            WHERE member.user_id = (SELECT ticketing_internal.caller_id())
        )
    )
);

-- A role that sees a function, by any policy, sees its catalogue.
CREATE POLICY events_published_select ON ticketing.events
FOR SELECT TO anon, authenticated
USING (function_id = ANY(array(SELECT function.function_id FROM ticketing.functions AS function)));

CREATE POLICY ticket_types_published_select ON ticketing.ticket_types
FOR SELECT TO anon, authenticated
USING (function_id = ANY(array(SELECT function.function_id FROM ticketing.functions AS function)));

CREATE POLICY packages_published_select ON ticketing.packages
FOR SELECT TO anon, authenticated
USING (function_id = ANY(array(SELECT function.function_id FROM ticketing.functions AS function)));

CREATE POLICY package_items_published_select ON ticketing.package_items
FOR SELECT TO anon, authenticated
USING (function_id = ANY(array(SELECT function.function_id FROM ticketing.functions AS function)));

-- Users: their own rows

GRANT SELECT ON
ticketing.organisation_members,
ticketing.registrations,
ticketing.attendees,
ticketing.tickets,
ticketing.ticket_holders,
ticketing.payments
TO authenticated;

CREATE POLICY organisation_members_own_select ON ticketing.organisation_members
FOR SELECT TO authenticated
USING (user_id = (SELECT ticketing_internal.caller_id()));

CREATE POLICY registrations_owner_select ON ticketing.registrations
FOR SELECT TO authenticated
USING (owner_id = (SELECT ticketing_internal.caller_id()));

CREATE POLICY attendees_owner_select ON ticketing.attendees
FOR SELECT TO authenticated
USING (owner_id = (SELECT ticketing_internal.caller_id()));

CREATE POLICY tickets_owner_select ON ticketing.tickets
FOR SELECT TO authenticated
USING (owner_id = (SELECT ticketing_internal.caller_id()));

CREATE POLICY ticket_holders_owner_select ON ticketing.ticket_holders
FOR SELECT TO authenticated
USING (owner_id = (SELECT ticketing_internal.caller_id()));

-- registration_id alone would be enough; function_id is compared as well because the index starts
-- with it.
CREATE POLICY payments_owner_select ON ticketing.payments
FOR SELECT TO authenticated
USING (
    function_id = ANY(
        array(
            SELECT registration.function_id
            FROM ticketing.registrations AS registration
            WHERE registration.owner_id = (SELECT ticketing_internal.caller_id())
        )
    )
    AND registration_id = ANY(
        array(
            SELECT registration.registration_id
            FROM ticketing.registrations AS registration
            WHERE registration.owner_id = (SELECT ticketing_internal.caller_id())
        )
    )
);

-- Staff: drafts, pools, registrations and changes of the functions of their organisations
--
-- The ids are in ascending order, so the second condition never changes the result. It is for the
-- planner, which does not know the length of the array: it assumes ten functions and so, in a
-- database with few functions, all rows. Without the condition it would scan the whole table also
-- for the owner of a single registration.

GRANT SELECT ON
ticketing.ticket_type_pools,
ticketing.package_pools,
ticketing.capacity_pools,
ticketing.ticket_changes,
ticketing.registration_changes
TO authenticated;

CREATE POLICY functions_staff_select ON ticketing.functions
FOR SELECT TO authenticated
USING (function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[]));

CREATE POLICY capacity_pools_staff_select ON ticketing.capacity_pools
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY ticket_type_pools_staff_select ON ticketing.ticket_type_pools
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY package_pools_staff_select ON ticketing.package_pools
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY registrations_staff_select ON ticketing.registrations
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY attendees_staff_select ON ticketing.attendees
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY tickets_staff_select ON ticketing.tickets
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY ticket_holders_staff_select ON ticketing.ticket_holders
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY payments_staff_select ON ticketing.payments
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY ticket_changes_staff_select ON ticketing.ticket_changes
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

CREATE POLICY registration_changes_staff_select ON ticketing.registration_changes
FOR SELECT TO authenticated
USING (
    function_id = ANY((SELECT ticketing_internal.staff_function_ids())::uuid[])
    AND function_id >= ((SELECT ticketing_internal.staff_function_ids())::uuid[])[1]
);

-- Service and reports: everything
--
-- By policies, because the installing role may be unable to grant BYPASSRLS.

GRANT SELECT ON ALL TABLES IN SCHEMA ticketing TO service_role, ticketing_reader;

CREATE POLICY organisations_service_select ON ticketing.organisations
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY organisation_members_service_select ON ticketing.organisation_members
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY functions_service_select ON ticketing.functions
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY events_service_select ON ticketing.events
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY ticket_types_service_select ON ticketing.ticket_types
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY packages_service_select ON ticketing.packages
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY package_items_service_select ON ticketing.package_items
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY capacity_pools_service_select ON ticketing.capacity_pools
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY ticket_type_pools_service_select ON ticketing.ticket_type_pools
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY package_pools_service_select ON ticketing.package_pools
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY registrations_service_select ON ticketing.registrations
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY registration_index_service_select ON ticketing.registration_index
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY attendees_service_select ON ticketing.attendees
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY tickets_service_select ON ticketing.tickets
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY ticket_holders_service_select ON ticketing.ticket_holders
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY payments_service_select ON ticketing.payments
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY ticket_changes_service_select ON ticketing.ticket_changes
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY registration_changes_service_select ON ticketing.registration_changes
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

-- Organisations and their members are managed directly by service_role, not through RPCs.
GRANT INSERT, UPDATE, DELETE ON ticketing.organisations TO service_role;
GRANT INSERT, UPDATE, DELETE ON ticketing.organisation_members TO service_role;

CREATE POLICY organisations_service_insert ON ticketing.organisations
FOR INSERT TO service_role
WITH CHECK (TRUE);

CREATE POLICY organisations_service_update ON ticketing.organisations
FOR UPDATE TO service_role
USING (TRUE)
WITH CHECK (TRUE);

CREATE POLICY organisations_service_delete ON ticketing.organisations
FOR DELETE TO service_role
USING (TRUE);

CREATE POLICY organisation_members_service_insert ON ticketing.organisation_members
FOR INSERT TO service_role
WITH CHECK (TRUE);

CREATE POLICY organisation_members_service_update ON ticketing.organisation_members
FOR UPDATE TO service_role
USING (TRUE)
WITH CHECK (TRUE);

CREATE POLICY organisation_members_service_delete ON ticketing.organisation_members
FOR DELETE TO service_role
USING (TRUE);

-- Estimates of the planner
--
-- EXPLAIN, and PostgREST with count=planned, tell how many rows a condition would find, those that
-- row security hides included. So no statistics are kept of what a user could ask about rows of
-- others, except of primary keys, without which lists of a function would not be read in their
-- order. The size of a table, and of the part of it that a function has, stays visible.
DO $$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT
            relation.oid::regclass AS name,
            attribute.attname
        FROM pg_class AS relation
        INNER JOIN pg_index AS key ON key.indrelid = relation.oid AND key.indisprimary
        INNER JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
        WHERE relation.relnamespace = 'ticketing'::regnamespace
            AND relation.relname IN (
                'capacity_pools', 'registrations', 'attendees', 'tickets', 'ticket_holders', 'payments',
                'ticket_changes', 'registration_changes'
            )
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
            AND attribute.attnum <> ALL(key.indkey::smallint[])
        ORDER BY relation.oid, attribute.attnum
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', v_column.name, v_column.attname);
    END LOOP;
END
$$;
