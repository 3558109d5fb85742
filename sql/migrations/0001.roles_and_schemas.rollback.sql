-- Roles stay: other databases of the server may use them. Functions come from sql/functions and go
-- with their schemas, which is why these two are the only CASCADEs of the package.
DROP SCHEMA ticketing_internal CASCADE;
DROP SCHEMA ticketing CASCADE;

ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner GRANT EXECUTE ON FUNCTIONS TO public;
