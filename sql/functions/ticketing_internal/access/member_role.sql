-- The role of a user in the organisation of a function.

CREATE OR REPLACE FUNCTION ticketing_internal.member_role(p_function_id uuid, p_user_id uuid)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT member.role
        FROM ticketing.functions AS function
        INNER JOIN ticketing.organisation_members AS member
            ON member.organisation_id = function.organisation_id
        WHERE function.function_id = p_function_id
            AND member.user_id = p_user_id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.member_role IS
'The role of a user in the organisation of a function: owner, admin or staff; null if none.';
