-- Half of all identity providers name users by something that is no UUID: "auth0|…", a number. The
-- UUID of such a user is derived, so that nothing has to be looked up or stored. The issuer is part
-- of it, so that users of two issuers are never the same.
--
-- UUIDs of version 8 are derived ones, and never taken over from a sub: a user who can choose the
-- sub could choose that of another. To find one that is derived to it, SHA-256 had to be inverted.

CREATE OR REPLACE FUNCTION ticketing_internal.user_id(p_sub text, p_iss text)
RETURNS uuid
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- not every text is tried as a UUID, because the exception costs more than all the rest
    IF p_sub ~ '^[{}0-9A-Fa-f-]{32,41}$' AND ticketing_internal.is_uuid(p_sub)
        AND get_byte(uuid_send(p_sub::uuid), 6) >> 4 <> 8
    THEN
        RETURN p_sub::uuid;
    END IF;

    -- a text contains no zero byte, so that it separates the two
    RETURN ticketing_internal.hashed_uuid(
        convert_to(coalesce(p_iss, ''), 'UTF8') || decode('00', 'hex') || convert_to(nullif(p_sub, ''), 'UTF8')
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.user_id IS
'The id of the user whom the issuer p_iss calls p_sub; null without a p_sub. A UUID is the id itself, unless its version is 8.
For anything else: the hashed_uuid of p_iss (empty if null), a zero byte and p_sub.';
