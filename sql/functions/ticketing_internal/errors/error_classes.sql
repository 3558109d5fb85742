-- The SQLSTATEs of the package by precedence: when several apply to a call, the lowest is raised.

CREATE OR REPLACE FUNCTION ticketing_internal.error_classes()
RETURNS TABLE (precedence integer, sqlstate text, name text, message text, hint text)
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    (1, '42501', 'insufficient_privilege', 'Not allowed',
        'Sign in as a user who may make this call, or make it as the service.'),
    (2, 'TK002', 'registration_not_found', 'Registration not found',
        'Check the registration id and whether the signed-in user owns the registration.'),
    (2, 'TK008', 'function_not_found', 'Function not found',
        'Check the function id and whether the function is published.'),
    (3, 'TK001', 'invalid_payload', 'The arguments do not have the documented shape',
        'Correct the values at the paths listed in DETAIL; the reference of the call documents the shapes.'),
    (4, 'TK003', 'registration_not_editable', 'The registration can no longer be changed',
        'What is paid is changed by amend_registration and cancel_tickets, as long as the organiser allows it, what is not by the calls that persist; what is cancelled stays as it is.'),
    (5, 'TK006', 'revision_conflict', 'The registration was changed by another request',
        'Read it again with get_registration, show the difference, and send the change with the new revision.'),
    (6, 'TK007', 'payment_conflict', 'The payment does not match the registration',
        'Compare amount, currency and reference with what get_registration, or for a change quote_ticket_selections, says is due; void or refund a payment that does not match.'),
    (7, 'TK004', 'selection_invalid', 'The request breaks a rule',
        'Correct the values at the paths listed in DETAIL and send the whole request again; nothing was written.'),
    (8, 'TK005', 'sold_out', 'Not enough tickets left',
        'Select fewer or other tickets; DETAIL lists how many are left.')
$$;

COMMENT ON FUNCTION ticketing_internal.error_classes IS
'One row per SQLSTATE that RPCs raise: precedence, name, message and hint.';
