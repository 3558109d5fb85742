DROP TABLE ticketing.payments;
DROP TABLE ticketing.ticket_holders;
DROP TABLE ticketing.tickets;
DROP TABLE ticketing.attendees;
DROP TABLE ticketing.registration_index;
DROP TABLE ticketing.registrations;
