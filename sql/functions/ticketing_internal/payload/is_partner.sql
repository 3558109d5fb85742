-- Does a wizard's attendee attend as somebody's partner? It says so by partnerOf, or by
-- isPartner, which recorded states carry as the other's id or as a boolean.

CREATE OR REPLACE FUNCTION ticketing_internal.is_partner(p_attendee jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(p_attendee ->> 'partnerOf', nullif(p_attendee ->> 'isPartner', 'false')) IS NOT NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_partner IS
'Whether one of the wizard''s attendee objects is that of a partner.';
