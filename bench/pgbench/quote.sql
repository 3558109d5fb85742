-- Quote the wizard's selections for a visitor without a registration.
SELECT ticketing.quote_ticket_selections(asked.function_id, asked.selections, asked.attendees)
FROM bench.questions AS asked
WHERE asked.question = 1;
