-- Who may read which row. The tables are read through these policies and written by the RPCs, which
-- run as the owner of the tables and so are not bound by them.
--
-- | who | reads |
-- |---|---|
-- | everybody | functions that are published or closed, their organisations and catalogues |
-- | a user | also his own memberships, registrations, attendees, tickets and payments |
-- | staff | also drafts, places and all registrations of the functions of his organisations |
-- | service_role, ticketing_reader | everything |
--
-- Policies of the same table are joined by OR. Each names its roles, compares columns of the row,
-- and reads who is asking once per statement, which is what the SELECT around a call is for.

SET LOCAL ROLE ticketing_owner;

-- Policies need the functions that tell who is asking when they are made, before any function is
-- installed: they are declared here, to say nobody, until sql/functions says how it is done. Where
-- a function is there already, it stays.
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

-- -- what everybody sees

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

-- Whoever sees a function sees who organises it; members see their organisation without one too.
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

-- Who sees a function, by whichever policy, sees its catalogue.
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

-- -- what is one's own

GRANT SELECT ON
ticketing.organisation_members,
ticketing.registrations,
ticketing.attendees,
ticketing.tickets,
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

-- A registration's id is unique over all functions; its function is named for the index, which
-- starts with it.
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

-- -- what staff see
--
-- No id is below the first of them, so the second condition changes no answer. It is there for the
-- planner, which cannot look into the array: it takes it for ten functions, and so, in a database
-- of few, for every row there is. It would then read the whole table also for the owner of one
-- registration.

GRANT SELECT ON
ticketing.ticket_type_pools,
ticketing.package_pools,
ticketing.capacity_pools,
ticketing.ticket_changes
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

-- -- what the service and reports see
--
-- By policies, since whoever installs this may be unable to grant BYPASSRLS.

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

CREATE POLICY payments_service_select ON ticketing.payments
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

CREATE POLICY ticket_changes_service_select ON ticketing.ticket_changes
FOR SELECT TO service_role, ticketing_reader
USING (TRUE);

-- Who organises and who works for them is no business of the RPCs: the service writes it itself.
GRANT INSERT,
UPDATE,
DELETE ON ticketing.organisations,
ticketing.organisation_members TO service_role;

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
