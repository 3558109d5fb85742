DROP TABLE ticketing.package_pools;
DROP TABLE ticketing.ticket_type_pools;
DROP TABLE ticketing.capacity_pools;
DROP TABLE ticketing.package_items;
DROP TABLE ticketing.packages;
DROP TABLE ticketing.ticket_types;
DROP TABLE ticketing.events;
DROP DOMAIN ticketing.eligibility;
