-- Check values where they are assigned, as domains, instead of in every row that is written.
--
-- PostgreSQL reads and prepares the CHECKs of a table anew for each statement that writes it, also
-- those of columns that the statement leaves alone: they were a fifth of what an UPDATE of a
-- registration cost. The constraint of a domain is prepared once in a session, and asked only about
-- values that are assigned. What has to hold between columns, or of a counter, stays a CHECK.
--
-- Columns get their domain while it has no constraint, so that no table is written anew; adding the
-- constraint then reads them once.

SET LOCAL ROLE ticketing_owner;

CREATE DOMAIN ticketing.registration_type AS text;
COMMENT ON DOMAIN ticketing.registration_type IS 'individuals, lodges or delegations.';
CREATE DOMAIN ticketing.wizard_object AS jsonb;
COMMENT ON DOMAIN ticketing.wizard_object IS 'An object, as the wizard has sent it.';
CREATE DOMAIN ticketing.confirmation_number AS text;
COMMENT ON DOMAIN ticketing.confirmation_number IS 'At most 50 characters, and at least one.';
CREATE DOMAIN ticketing.cancellation_reason AS text;
COMMENT ON DOMAIN ticketing.cancellation_reason IS 'At most 1,000 characters.';
CREATE DOMAIN ticketing.pool_name AS text;
COMMENT ON DOMAIN ticketing.pool_name IS 'At most 200 characters, and at least one.';
CREATE DOMAIN ticketing.ticket_change AS text;
COMMENT ON DOMAIN ticketing.ticket_change IS 'added, removed, paid, cancelled or refunded.';
CREATE DOMAIN ticketing.ticket_price AS numeric(12, 2);
COMMENT ON DOMAIN ticketing.ticket_price IS 'An amount from zero, in major units of a currency.';

ALTER TABLE ticketing.registrations
-- squawk-ignore changing-column-type
ALTER COLUMN registration_type TYPE ticketing.registration_type,
-- squawk-ignore changing-column-type
ALTER COLUMN booking_contact TYPE ticketing.wizard_object,
-- squawk-ignore changing-column-type
ALTER COLUMN registration_data TYPE ticketing.wizard_object,
-- squawk-ignore changing-column-type
ALTER COLUMN confirmation_number TYPE ticketing.confirmation_number,
-- squawk-ignore changing-column-type
ALTER COLUMN cancellation_reason TYPE ticketing.cancellation_reason,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_registration_type_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_booking_contact_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_registration_data_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_confirmation_number_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_cancellation_reason_length_check;

ALTER TABLE ticketing.capacity_pools
-- squawk-ignore changing-column-type
ALTER COLUMN name TYPE ticketing.pool_name,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT capacity_pools_name_check;

ALTER TABLE ticketing.ticket_changes
-- squawk-ignore changing-column-type
ALTER COLUMN change TYPE ticketing.ticket_change,
-- squawk-ignore changing-column-type
ALTER COLUMN price_paid TYPE ticketing.ticket_price,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT ticket_changes_change_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT ticket_changes_price_paid_check;

ALTER DOMAIN ticketing.registration_type
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT registration_type_values CHECK (value IN ('individuals', 'lodges', 'delegations'));
ALTER DOMAIN ticketing.wizard_object
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT wizard_object_shape CHECK (jsonb_typeof(value) = 'object');
ALTER DOMAIN ticketing.confirmation_number
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT confirmation_number_length CHECK (length(value) BETWEEN 1 AND 50);
ALTER DOMAIN ticketing.cancellation_reason
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT cancellation_reason_length CHECK (length(value) <= 1000);
ALTER DOMAIN ticketing.pool_name
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT pool_name_length CHECK (length(value) BETWEEN 1 AND 200);
ALTER DOMAIN ticketing.ticket_change
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT ticket_change_values
CHECK (value IN ('added', 'removed', 'paid', 'cancelled', 'refunded'));
ALTER DOMAIN ticketing.ticket_price
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT ticket_price_range CHECK (value >= 0 AND value <> 'NaN');
