ALTER TABLE ticketing.ticket_changes
ALTER COLUMN change TYPE text,
ALTER COLUMN price_paid TYPE numeric(12, 2),
ADD CONSTRAINT ticket_changes_change_check
CHECK (change IN ('added', 'removed', 'paid', 'cancelled', 'refunded')),
ADD CONSTRAINT ticket_changes_price_paid_check CHECK (price_paid >= 0 AND price_paid <> 'NaN');

ALTER TABLE ticketing.capacity_pools
ALTER COLUMN name TYPE text,
ADD CONSTRAINT capacity_pools_name_check CHECK (length(name) BETWEEN 1 AND 200);

ALTER TABLE ticketing.registrations
ALTER COLUMN registration_type TYPE text,
ALTER COLUMN booking_contact TYPE jsonb,
ALTER COLUMN registration_data TYPE jsonb,
ALTER COLUMN confirmation_number TYPE text,
ALTER COLUMN cancellation_reason TYPE text,
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

DROP DOMAIN ticketing.ticket_price;
DROP DOMAIN ticketing.ticket_change;
DROP DOMAIN ticketing.pool_name;
DROP DOMAIN ticketing.cancellation_reason;
DROP DOMAIN ticketing.confirmation_number;
DROP DOMAIN ticketing.wizard_object;
DROP DOMAIN ticketing.registration_type;
