-- Like public.sql, with real HTTP statuses: through PostgREST a refusal is 404, 409 or 422 instead
-- of always 400, with the same body. public.sql takes the statuses away again, public.rollback.sql
-- the forwarders.
--
-- A forwarder of this kind raises SQLSTATE PGRST, which only PostgREST understands, and costs a
-- savepoint per call: an application with a database connection calls schema ticketing itself.

SET ticketing.http_statuses = on;
\ir public.sql
RESET ticketing.http_statuses;
