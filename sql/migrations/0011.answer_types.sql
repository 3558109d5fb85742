SET LOCAL ROLE ticketing_owner;
