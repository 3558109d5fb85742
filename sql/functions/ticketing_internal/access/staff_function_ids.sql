-- For the policies of the tables alone, which is why it has the rights of its owner and users may
-- execute it: a policy runs as whoever reads, and he may not look into what others are. They cannot
-- call it by name, for the schema is closed to them.

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
'Ids, in ascending order, of the functions of all organisations that the caller works for.';

GRANT EXECUTE ON FUNCTION ticketing_internal.staff_function_ids TO authenticated;
