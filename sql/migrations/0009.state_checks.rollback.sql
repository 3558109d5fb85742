ALTER TABLE ticketing.registrations
ADD CONSTRAINT registrations_status_check
CHECK (status IN ('draft', 'pending', 'completed', 'cancelled', 'expired'));

ALTER TABLE ticketing.registrations
ADD CONSTRAINT registrations_payment_status_check CHECK (
    payment_status IN ('Unpaid', 'Paid', 'Refunded')
);

ALTER TABLE ticketing.registrations
ADD CONSTRAINT registrations_completed_check CHECK (
    CASE status
        WHEN 'completed' THEN payment_status = 'Paid' AND confirmation_number IS NOT NULL
        WHEN 'cancelled' THEN (payment_status = 'Unpaid') = (confirmation_number IS NULL)
        ELSE payment_status = 'Unpaid' AND confirmation_number IS NULL
    END
);

ALTER TABLE ticketing.registrations
ADD CONSTRAINT registrations_currency_check CHECK (currency ~ '^[A-Z]{3}$');

ALTER TABLE ticketing.registrations DROP CONSTRAINT registrations_confirmation_check;
ALTER TABLE ticketing.registrations DROP CONSTRAINT registrations_state_check;
