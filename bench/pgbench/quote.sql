-- Quote the wizard's selections for a visitor without a registration.
\if :cold
\set cold 0
\set booking :client_id * :calls
CALL bench.warm_up(:booking);
\endif
SELECT ticketing.quote_ticket_selections(asked.function_id, asked.selections, asked.attendees)
FROM bench.questions AS asked
WHERE asked.question = 1;
