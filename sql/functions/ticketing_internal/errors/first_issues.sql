-- Bounds what a refusal or a quote lists: every row of a payload of thousands can have an issue.

CREATE OR REPLACE FUNCTION ticketing_internal.first_issues(p_issues jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_path_query_array(p_issues, '$[0 to 99]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.first_issues IS
'The first 100 of p_issues.';
