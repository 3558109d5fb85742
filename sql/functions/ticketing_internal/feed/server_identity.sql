-- A promoted standby and a server restored from a backup and its log continue under another
-- timeline, a new cluster has another system identifier. pg_control_checkpoint has the timeline of
-- the last checkpoint, which lags behind a promotion; the name of the current WAL file does not.
--
-- Errors: 55000 on a hot standby, which cannot tell its timeline.

CREATE OR REPLACE FUNCTION ticketing_internal.server_identity()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT control.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
    FROM pg_control_system() AS control
$$;

COMMENT ON FUNCTION ticketing_internal.server_identity IS
'System identifier and timeline of this server.';
