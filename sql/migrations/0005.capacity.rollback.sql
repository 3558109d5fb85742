DROP TABLE ticketing_internal.capacity_allotments;
DROP TABLE ticketing.package_pools;
DROP TABLE ticketing.ticket_type_pools;
DROP TABLE ticketing.capacity_pools;
