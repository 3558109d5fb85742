-- Used by the policies of the tables only. SECURITY DEFINER, because a policy runs with the
-- rights of the role that reads: row security of the tables below would apply to this lookup once
-- more. Users need EXECUTE for that, but cannot call it by name: they have no USAGE on the
-- schema.

CREATE OR REPLACE FUNCTION ticketing_internal.staff_function_ids()
RETURNS uuid[]
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_caller_id uuid := ticketing_internal.caller_id();
BEGIN
    RETURN ARRAY(
        SELECT function.function_id
        FROM ticketing.organisation_members AS member
        INNER JOIN ticketing.functions AS function
            ON function.organisation_id = member.organisation_id
        WHERE member.user_id = v_caller_id
        ORDER BY function.function_id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.staff_function_ids IS
'Ids, in ascending order, of the functions of all organisations that the caller is a member of.';

GRANT EXECUTE ON FUNCTION ticketing_internal.staff_function_ids TO authenticated;
