DROP TYPE ticketing_internal.selected_package;
DROP TYPE ticketing_internal.selected_ticket;
DROP TYPE ticketing_internal.saved_ticket;
