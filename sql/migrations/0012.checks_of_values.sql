-- Check values where they are assigned, as domains, instead of in every row that is written.
--
-- PostgreSQL reads and prepares the CHECKs of a table anew for each statement that writes it, also
-- those of columns that the statement leaves alone: they were a fifth of what an UPDATE of a
-- registration cost. The constraint of a domain is prepared once in a session, and asked only about
-- values that are assigned. What has to hold between columns stays a CHECK.
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
CREATE DOMAIN ticketing.amount AS numeric(12, 2);
COMMENT ON DOMAIN ticketing.amount IS 'An amount from zero, in major units of a currency.';
CREATE DOMAIN ticketing.finite_time AS timestamptz;
COMMENT ON DOMAIN ticketing.finite_time IS 'A time that comes.';
CREATE DOMAIN ticketing.counter AS integer;
COMMENT ON DOMAIN ticketing.counter IS 'A number that counts something, from zero.';
CREATE DOMAIN ticketing.feed_epoch AS integer;
COMMENT ON DOMAIN ticketing.feed_epoch IS 'An epoch of the change feed, from one.';
CREATE DOMAIN ticketing.pool_capacity AS integer;
COMMENT ON DOMAIN ticketing.pool_capacity IS 'So many places, from none to ten million.';

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
-- squawk-ignore changing-column-type
ALTER COLUMN subtotal TYPE ticketing.amount,
-- squawk-ignore changing-column-type
ALTER COLUMN total TYPE ticketing.amount,
-- squawk-ignore changing-column-type
ALTER COLUMN hold_expires_at TYPE ticketing.finite_time,
-- squawk-ignore changing-column-type
ALTER COLUMN revision TYPE ticketing.counter,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_registration_type_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_booking_contact_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_registration_data_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_confirmation_number_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_cancellation_reason_length_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_subtotal_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_total_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_hold_expires_at_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT registrations_revision_check;

ALTER TABLE ticketing.capacity_pools
-- squawk-ignore changing-column-type
ALTER COLUMN name TYPE ticketing.pool_name,
-- squawk-ignore changing-column-type
ALTER COLUMN capacity TYPE ticketing.pool_capacity,
-- squawk-ignore changing-column-type
ALTER COLUMN reserved TYPE ticketing.counter,
-- squawk-ignore changing-column-type
ALTER COLUMN sold TYPE ticketing.counter,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT capacity_pools_name_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT capacity_pools_capacity_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT capacity_pools_reserved_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT capacity_pools_sold_check;

ALTER TABLE ticketing.ticket_changes
-- squawk-ignore changing-column-type
ALTER COLUMN change TYPE ticketing.ticket_change,
-- squawk-ignore changing-column-type
ALTER COLUMN price_paid TYPE ticketing.amount,
-- squawk-ignore changing-column-type
ALTER COLUMN epoch TYPE ticketing.feed_epoch,
-- squawk-ignore changing-column-type
ALTER COLUMN revision TYPE ticketing.counter,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT ticket_changes_change_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT ticket_changes_price_paid_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT ticket_changes_epoch_check,
-- squawk-ignore ban-drop-constraint
DROP CONSTRAINT ticket_changes_revision_check;

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
ALTER DOMAIN ticketing.amount
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT amount_range CHECK (value >= 0 AND value <> 'NaN');
ALTER DOMAIN ticketing.finite_time
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT finite_time_range CHECK (isfinite(value));
ALTER DOMAIN ticketing.counter
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT counter_range CHECK (value >= 0);
ALTER DOMAIN ticketing.feed_epoch
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT feed_epoch_range CHECK (value >= 1);
ALTER DOMAIN ticketing.pool_capacity
-- squawk-ignore ban-alter-domain-with-add-constraint
ADD CONSTRAINT pool_capacity_range CHECK (value BETWEEN 0 AND 10000000);
