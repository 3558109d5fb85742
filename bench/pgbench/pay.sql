-- Pay for the oldest booking with tickets that is not paid yet: two calls, each a transaction of
-- its own, timed together. Every client starts with some that have tickets, so there is one.
\if :cold
\set cold 0
\set booking :client_id * :calls
CALL bench.warm_up(:booking);
\endif
\set paid :paid + 1
\set booking :client_id * :calls + :paid
SELECT ticketing.start_payment(wanted.registration_id) ->> 'amount_due' AS amount
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking \gset
SELECT ticketing.complete_registration_payment(
    wanted.registration_id,
    jsonb_build_object('reference', wanted.registration_id, 'amount', :amount::numeric, 'currency', 'AUD')
)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
