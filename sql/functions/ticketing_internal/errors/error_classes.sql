-- The SQLSTATEs of the package, in the order in which they win when several apply.

CREATE OR REPLACE FUNCTION ticketing_internal.error_classes()
RETURNS TABLE (precedence integer, sqlstate text, name text, message text, hint text)
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
    (1, '42501', 'insufficient_privilege', 'Not allowed',
        'Sign in as somebody who may make this call, or let the service make it.'),
    (2, 'TK002', 'registration_not_found', 'Registration not found',
        'Check the registration id and whether the signed-in user owns it.'),
    (2, 'TK008', 'function_not_found', 'Function not found',
        'Check the function id and whether the function is published.'),
    (3, 'TK001', 'invalid_payload', 'The arguments are not of the documented shape',
        'Correct the places named in DETAIL; the shapes are in the reference of the call.'),
    (4, 'TK003', 'registration_not_editable', 'The registration can no longer be changed',
        'A completed or cancelled registration stays as it is; start another one.'),
    (5, 'TK006', 'revision_conflict', 'Somebody else has saved this registration meanwhile',
        'Read it again with get_registration, show the difference, and send the change with the new revision.'),
    (6, 'TK007', 'payment_conflict', 'The payment does not fit the registration',
        'Compare amount, currency and reference with what start_payment answered; void or refund the payment.'),
    (7, 'TK004', 'selection_invalid', 'The request breaks a rule',
        'Correct the places named in DETAIL and send the whole request again; nothing was written.'),
    (8, 'TK005', 'sold_out', 'Not enough places are left',
        'Choose fewer or other tickets; DETAIL says how many places are left.')
$$;

COMMENT ON FUNCTION ticketing_internal.error_classes IS
'One row for each SQLSTATE that an RPC raises on purpose: its precedence, name, and the words for people.';
