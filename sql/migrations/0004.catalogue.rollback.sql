DROP TABLE ticketing.package_items;
DROP TABLE ticketing.packages;
DROP TABLE ticketing.ticket_types;
DROP TABLE ticketing.events;
