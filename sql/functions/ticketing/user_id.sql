-- The id of a user by the sub and iss of the user's token, for a back end that needs it before or
-- without a call of that user.
--
-- Locks: none.
-- Errors: 42501, TK001.

CREATE OR REPLACE FUNCTION ticketing.user_id(p_sub text, p_iss text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_answer ticketing_internal.user_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    v_answer.user_id := ticketing_internal.user_id(p_sub, p_iss);
    IF v_answer.user_id IS NULL THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'missing_key', 'p_sub', 'p_sub is required.'
        )));
    END IF;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.user_id IS
'Returns the id of the user whom a token names by its `sub` and `iss`.

A `sub` that is a UUID is the id itself. For any other, such as those of Auth0, Firebase or Clerk,
and for UUIDs of version 8, the id is derived: the first 16 bytes of the SHA-256 of `iss`, a zero
byte and `sub`, made a UUID of version 8. All calls and policies find the user of a token in the same
way. Needed for members of organisations, and for `authUserId` of registrations.

### Callers
- `service_role`: any user

### Parameters
- `p_sub`: the `sub` claim, as in the token.
- `p_iss`: the `iss` claim, as in the token; null if the token has none. Another issuer, or another
  spelling of it, is another user.

### Returns
`user_answer`: the id of the user.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK001` invalid_payload: `p_sub` is missing or empty

### Retry
Repeating the call is safe, because it writes nothing.';

GRANT EXECUTE ON FUNCTION ticketing.user_id TO service_role;
