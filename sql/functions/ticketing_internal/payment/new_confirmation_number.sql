-- Easy to read out and hard to guess: 60 random bits (of a version 4 UUID, which PostgreSQL
-- generates from a cryptographically strong source) as twelve characters of Crockford's base 32,
-- which has no I, L, O or U (https://www.crockford.com/base32.html).

CREATE OR REPLACE FUNCTION ticketing_internal.new_confirmation_number()
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_alphabet CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    v_bytes CONSTANT bytea := uuid_send(gen_random_uuid());
BEGIN
    RETURN (
        SELECT string_agg(
            substr(c_alphabet, (get_byte(v_bytes, byte.position) & 31) + 1, 1)
            || CASE WHEN byte.position IN (3, 11) THEN '-' ELSE '' END,
            '' ORDER BY byte.position
        )
        -- bytes 6 and 8 of a UUID are not entirely random
        FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 14, 15]) AS byte (position)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.new_confirmation_number IS
'A new confirmation number, such as 7K3M-9QWX-2TFA.';
