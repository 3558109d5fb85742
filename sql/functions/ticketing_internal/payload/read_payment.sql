-- Reads p_payment into a row of payments.
--
-- Errors: a data exception if it is not of the documented shape, as in read_submitted_tickets;
-- TK001 if fee_amount, the older name of surcharge_amount, says something else than this.

CREATE OR REPLACE FUNCTION ticketing_internal.read_payment(p_payment jsonb)
RETURNS ticketing.payments
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- all that is matched in one text: starting the regular expression costs more than matching it
    c_values CONSTANT text :=
        '^[A-Z]{3}([|][0-9]{1,10}([.][0-9]{1,2}0{0,20})?){3}'
        '[|]([0-9]{4}(-[0-9]{2}){2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?$';
    v_amount CONSTANT jsonb := nullif(p_payment -> 'amount', 'null');
    -- two names of one amount: what only one of them says, both do
    v_fee_amount CONSTANT jsonb := coalesce(
        nullif(p_payment -> 'fee_amount', 'null'), nullif(p_payment -> 'surcharge_amount', 'null'), '0'
    );
    v_surcharge_amount CONSTANT jsonb := coalesce(nullif(p_payment -> 'surcharge_amount', 'null'), v_fee_amount);
    v_payment ticketing.payments;
BEGIN
    IF ticketing_internal.is_bounded(p_payment) IS NOT TRUE THEN
        RAISE data_exception;
    END IF;
    IF NOT coalesce(
        p_payment - '{reference,amount,currency,surcharge_amount,fee_amount,provider,paid_at}'::text[] = '{}'
        AND jsonb_typeof(p_payment -> 'reference') = 'string'
        AND length(p_payment ->> 'reference') BETWEEN 1 AND 200
        AND coalesce(jsonb_typeof(p_payment -> 'provider') IN ('string', 'null'), TRUE)
        AND coalesce(length(p_payment ->> 'provider') BETWEEN 1 AND 50, TRUE)
        AND concat(
            p_payment ->> 'currency', '|',
            CASE jsonb_typeof(v_amount)
                WHEN 'number' THEN trim_scale(v_amount::numeric)::text
                ELSE v_amount #>> '{}'
            END,
            '|',
            CASE jsonb_typeof(v_surcharge_amount)
                WHEN 'number' THEN trim_scale(v_surcharge_amount::numeric)::text
                ELSE v_surcharge_amount #>> '{}'
            END,
            '|',
            CASE jsonb_typeof(v_fee_amount)
                WHEN 'number' THEN trim_scale(v_fee_amount::numeric)::text
                ELSE v_fee_amount #>> '{}'
            END,
            '|', p_payment ->> 'paid_at'
        ) ~ c_values,
        FALSE
    ) THEN
        RAISE data_exception;
    END IF;

    v_payment.provider := coalesce(lower((p_payment ->> 'provider') COLLATE "C"), 'default');
    v_payment.reference := p_payment ->> 'reference';
    v_payment.amount := v_amount #>> '{}';
    v_payment.surcharge_amount := v_surcharge_amount #>> '{}';
    v_payment.currency := p_payment ->> 'currency';
    v_payment.paid_at := p_payment ->> 'paid_at';
    IF (v_fee_amount #>> '{}')::numeric <> v_payment.surcharge_amount THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'invalid_value', 'p_payment.fee_amount',
            'p_payment.fee_amount is the older name of surcharge_amount and must be the same.',
            p_expected => to_jsonb(v_payment.surcharge_amount), p_actual => v_fee_amount
        )));
    END IF;
    RETURN v_payment;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_payment IS
'What p_payment says, its provider in lower case, with provider "default" and surcharge_amount 0 where it says nothing;
the other columns are null. Raises a data exception (SQLSTATE class 22) when it is not of the documented shape.';
