-- Bounds the work on a request in which everything is wrong: it is refused, or quoted as invalid,
-- with the first 100 issues, and counting all others would cost more than to serve it.

CREATE OR REPLACE FUNCTION ticketing_internal.most_issues()
RETURNS integer
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN 500;
END
$$;

COMMENT ON FUNCTION ticketing_internal.most_issues IS
'How many issues a rule or schema lists before it stops: with as many or more, their total is a lower bound.';
