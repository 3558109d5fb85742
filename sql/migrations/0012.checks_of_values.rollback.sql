ALTER TABLE ticketing.ticket_changes
ALTER COLUMN change TYPE text,
ALTER COLUMN price_paid TYPE numeric(12, 2),
ALTER COLUMN epoch TYPE integer,
ALTER COLUMN revision TYPE integer,
ADD CONSTRAINT ticket_changes_change_check
CHECK (change IN ('added', 'removed', 'paid', 'cancelled', 'refunded')),
ADD CONSTRAINT ticket_changes_epoch_check CHECK (epoch >= 1),
ADD CONSTRAINT ticket_changes_revision_check CHECK (revision >= 0),
ADD CONSTRAINT ticket_changes_price_paid_check CHECK (price_paid >= 0 AND price_paid <> 'NaN');

ALTER TABLE ticketing.capacity_pools
ALTER COLUMN name TYPE text,
ALTER COLUMN capacity TYPE integer,
ALTER COLUMN reserved TYPE integer,
ALTER COLUMN sold TYPE integer,
ADD CONSTRAINT capacity_pools_capacity_check CHECK (capacity BETWEEN 0 AND 10000000),
ADD CONSTRAINT capacity_pools_reserved_check CHECK (reserved >= 0),
ADD CONSTRAINT capacity_pools_sold_check CHECK (sold >= 0),
ADD CONSTRAINT capacity_pools_name_check CHECK (length(name) BETWEEN 1 AND 200);

ALTER TABLE ticketing.registrations
ALTER COLUMN registration_type TYPE text,
ALTER COLUMN booking_contact TYPE jsonb,
ALTER COLUMN registration_data TYPE jsonb,
ALTER COLUMN confirmation_number TYPE text,
ALTER COLUMN cancellation_reason TYPE text,
ALTER COLUMN subtotal TYPE numeric(12, 2),
ALTER COLUMN total TYPE numeric(12, 2),
ALTER COLUMN hold_expires_at TYPE timestamptz,
ALTER COLUMN revision TYPE integer,
ADD CONSTRAINT registrations_subtotal_check CHECK (subtotal >= 0 AND subtotal <> 'NaN'),
ADD CONSTRAINT registrations_total_check CHECK (total >= 0 AND total <> 'NaN'),
ADD CONSTRAINT registrations_hold_expires_at_check CHECK (isfinite(hold_expires_at)),
ADD CONSTRAINT registrations_revision_check CHECK (revision >= 0),
ADD CONSTRAINT registrations_registration_type_check
CHECK (registration_type IN ('individuals', 'lodges', 'delegations')),
ADD CONSTRAINT registrations_booking_contact_check CHECK (jsonb_typeof(booking_contact) = 'object'),
ADD CONSTRAINT registrations_registration_data_check CHECK (
    jsonb_typeof(registration_data) = 'object'
),
ADD CONSTRAINT registrations_confirmation_number_check CHECK (
    length(confirmation_number) BETWEEN 1 AND 50
),
ADD CONSTRAINT registrations_cancellation_reason_length_check
CHECK (length(cancellation_reason) <= 1000);

DROP DOMAIN ticketing.pool_capacity;
DROP DOMAIN ticketing.feed_epoch;
DROP DOMAIN ticketing.counter;
DROP DOMAIN ticketing.finite_time;
DROP DOMAIN ticketing.amount;
DROP DOMAIN ticketing.ticket_change;
DROP DOMAIN ticketing.pool_name;
DROP DOMAIN ticketing.cancellation_reason;
DROP DOMAIN ticketing.confirmation_number;
DROP DOMAIN ticketing.wizard_object;
DROP DOMAIN ticketing.registration_type;
