-- What only the functions saw to so far: a payment was made at a moment, and a reason is no longer
-- than they keep.
--
-- Validated at once: sales wait for one look at every row, a second or a few for a million of them.
-- Validating later, as for larger tables, would take a migration of its own that undoes nothing.

SET LOCAL ROLE ticketing_owner;

ALTER TABLE ticketing.payments
-- squawk-ignore constraint-missing-not-valid
ADD CONSTRAINT payments_paid_at_check CHECK (isfinite(paid_at));

ALTER TABLE ticketing.registrations
-- squawk-ignore constraint-missing-not-valid
ADD CONSTRAINT registrations_cancellation_reason_length_check
CHECK (length(cancellation_reason) <= 1000);
