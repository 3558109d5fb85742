-- The UUID of what has an id by its content alone. Version 8 is what RFC 9562 has for ids made of a
-- hash; no extension is needed.

CREATE OR REPLACE FUNCTION ticketing_internal.hashed_uuid(p_content bytea)
RETURNS uuid
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_bytes bytea := substr(sha256(p_content), 1, 16);
BEGIN
    v_bytes := set_byte(v_bytes, 6, get_byte(v_bytes, 6) & 15 | 128);
    v_bytes := set_byte(v_bytes, 8, get_byte(v_bytes, 8) & 63 | 128);
    RETURN encode(v_bytes, 'hex')::uuid;
END
$$;

COMMENT ON FUNCTION ticketing_internal.hashed_uuid IS
'The first 16 bytes of the SHA-256 of p_content as a UUID of version 8; null for null.';
