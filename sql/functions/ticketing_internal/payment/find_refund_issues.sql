-- Whether the money of a refund may be given back.

CREATE OR REPLACE FUNCTION ticketing_internal.find_refund_issues(
    p_registration ticketing.registrations,
    p_refund ticketing.payments,
    p_most numeric
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ledger CONSTANT ticketing_internal.ledger := ticketing_internal.read_ledger(p_registration);
    v_currency CONSTANT text := p_registration.currency;
    v_most CONSTANT numeric := ticketing_internal.scale_amount(least(v_ledger.refund_due, p_most), v_currency);
    v_most_surcharge CONSTANT numeric := ticketing_internal.scale_amount(
        v_ledger.surcharge_paid - v_ledger.surcharge_refunded, v_currency
    );
    v_amount CONSTANT numeric := ticketing_internal.scale_amount(
        p_refund.amount - p_refund.surcharge_amount, v_currency
    );
    v_issues jsonb := ticketing_internal.find_money_issues('p_refund', p_refund, v_currency);
BEGIN
    IF v_amount > 0 AND v_ledger.refund_due = 0 THEN
        v_issues := v_issues || ticketing_internal.issue(
            'not_refundable', 'p_registration_id', 'Nothing is due back for the registration.',
            p_actual => to_jsonb(p_registration.status)
        );
    ELSIF v_amount > v_most THEN
        v_issues := v_issues || ticketing_internal.issue(
            'refund_too_large', 'p_refund.amount', CASE
                WHEN v_most < v_ledger.refund_due THEN format('The tickets named cost only %s.', v_most)
                ELSE format('Only %s can still be refunded.', v_most)
            END,
            p_expected => to_jsonb(v_most), p_actual => to_jsonb(v_amount)
        );
    END IF;
    IF p_refund.surcharge_amount > v_most_surcharge THEN
        v_issues := v_issues || ticketing_internal.issue(
            'refund_too_large', 'p_refund.surcharge_amount',
            format('Only %s of the surcharge can still be refunded.', v_most_surcharge),
            p_expected => to_jsonb(v_most_surcharge), p_actual => to_jsonb(
                ticketing_internal.scale_amount(p_refund.surcharge_amount, v_currency)
            )
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_refund_issues IS
'Issues of the amounts of p_refund, of which without surcharge no more than p_most (null: no such limit) may be given back.';
