-- Roles stay: other databases of the server may use them. Types and functions come from sql/types
-- and sql/functions and are dropped with their schemas; that is why these two statements, and no
-- others of the package, use CASCADE.
DROP SCHEMA ticketing_internal CASCADE;
DROP SCHEMA ticketing CASCADE;

ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner GRANT EXECUTE ON FUNCTIONS TO public;
