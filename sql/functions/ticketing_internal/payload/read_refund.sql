-- Reads p_refund into a row of payments.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.read_refund(p_refund jsonb)
RETURNS ticketing.payments
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := ticketing_internal.payload_issues('p_refund', p_refund);
    v_refund ticketing.payments;
BEGIN
    IF v_issues = '[]' THEN
        v_refund := ticketing_internal.read_payment(p_refund - 'ticket_ids');
        IF v_refund.surcharge_amount > v_refund.amount THEN
            v_issues := jsonb_build_array(ticketing_internal.issue(
                'invalid_value', 'p_refund.surcharge_amount', 'p_refund.surcharge_amount must be at most the amount.',
                p_expected => to_jsonb(v_refund.amount), p_actual => to_jsonb(v_refund.surcharge_amount)
            ));
        END IF;
    END IF;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    v_refund.kind := 'refund';
    SELECT array_agg(DISTINCT element.value::uuid)
    INTO v_refund.ticket_ids
    FROM jsonb_array_elements_text(nullif(p_refund -> 'ticket_ids', 'null')) AS element;
    RETURN v_refund;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_refund IS
'What p_refund says, with provider "default" and surcharge_amount 0 where it says nothing, and its ticket_ids each once
and in order; the other columns are null.';
