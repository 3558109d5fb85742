-- Amend a registration that is paid: what a request selects becomes its tickets, together with the
-- money. Behind every RPC that amends.
--
-- Guarantees: as persist_selections, which writes it; the same payment again changes nothing and is
-- answered with the state as it is now.
-- Lock order: the caller has locked the registration; see persist_selections.
-- Errors: TK007 (a reference used otherwise), then those of persist_selections.

CREATE OR REPLACE FUNCTION ticketing_internal.amend_selections(
    p_registration ticketing.registrations,
    p_request ticketing_internal.request,
    p_now timestamptz,
    p_issues jsonb DEFAULT '[]'
)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request ticketing_internal.request := p_request;
    v_function ticketing.functions;
    v_submitted ticketing.payments := p_request.payment;
    v_payment ticketing.payments;
    v_persisted jsonb;
    v_registration ticketing.registrations := p_registration;
    v_ledger ticketing_internal.ledger;
    v_answer ticketing_internal.amend_answer;
BEGIN
    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = p_registration.function_id;

    v_request.is_amendment := TRUE;
    IF v_submitted.reference IS NOT NULL THEN
        v_submitted.amendment_hash := ticketing_internal.hash_request(
            ticketing_internal.load_attendees(p_registration.function_id, p_registration.registration_id), p_request
        );
        v_request.payment := v_submitted;
        v_payment := ticketing_internal.find_payment(
            p_registration.function_id, v_submitted.provider, v_submitted.reference
        );
    END IF;

    IF v_payment.payment_id IS NULL THEN
        v_persisted := ticketing_internal.persist_selections(
            v_function, p_registration, v_request, NULL, p_now, p_issues => p_issues
        );
        SELECT registration.*
        INTO v_registration
        FROM ticketing.registrations AS registration
        WHERE registration.function_id = p_registration.function_id
            AND registration.registration_id = p_registration.registration_id;
        IF v_submitted.reference IS NOT NULL THEN
            v_payment := ticketing_internal.find_payment(
                p_registration.function_id, v_submitted.provider, v_submitted.reference
            );
        END IF;
    ELSIF (v_payment.registration_id, v_payment.kind, v_payment.amount, v_payment.surcharge_amount,
        v_payment.currency, v_payment.amendment_hash)
        IS DISTINCT FROM (p_registration.registration_id, 'payment', v_submitted.amount,
        v_submitted.surcharge_amount, v_submitted.currency, v_submitted.amendment_hash)
    THEN
        PERFORM ticketing_internal.raise_reference_used('p_payment', v_payment.reference);
    END IF;

    v_ledger := ticketing_internal.read_ledger(v_registration);
    v_answer.success := TRUE;
    v_answer.registration_id := v_registration.registration_id;
    v_answer.status := v_registration.status;
    v_answer.payment_status := v_registration.payment_status;
    v_answer.confirmation_number := v_registration.confirmation_number;
    v_answer.revision := v_registration.revision;
    v_answer.payment_id := v_payment.payment_id;
    v_answer.tickets_created := coalesce((v_persisted ->> 'tickets_created')::integer, 0);
    v_answer.tickets_cancelled := coalesce((v_persisted ->> 'tickets_removed')::integer, 0);
    v_answer.subtotal := ticketing_internal.scale_amount(v_registration.subtotal, v_registration.currency);
    v_answer.adjustment := ticketing_internal.scale_amount(v_registration.adjustment, v_registration.currency);
    v_answer.total := ticketing_internal.scale_amount(v_registration.total, v_registration.currency);
    v_answer.paid := ticketing_internal.scale_amount(v_ledger.paid, v_registration.currency);
    v_answer.refunded := ticketing_internal.scale_amount(v_ledger.refunded, v_registration.currency);
    v_answer.amount_due := ticketing_internal.scale_amount(v_ledger.amount_due, v_registration.currency);
    v_answer.refund_due := ticketing_internal.scale_amount(v_ledger.refund_due, v_registration.currency);
    v_answer.currency := v_registration.currency;
    v_answer.server_time := p_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing_internal.amend_selections IS
'Amends p_registration (locked, as it is before) to what p_request selects, with its payment (without a reference: none), the
tickets that it cancels by name and its reason, and returns the answer of an amendment. p_issues: what the caller has found
wrong already.';
