DROP TABLE ticketing.functions;
DROP TABLE ticketing.organisation_members;
DROP TABLE ticketing.organisations;
