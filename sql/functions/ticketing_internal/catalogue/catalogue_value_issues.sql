-- Values of a catalogue document that contradict each other, and an unknown time zone or currency.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_value_issues(
    p_catalogue jsonb, p_function ticketing.functions
)
RETURNS TABLE (path text, issue jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH element AS (
        SELECT catalogue.* FROM ticketing_internal.catalogue_elements(p_catalogue) AS catalogue
    ),
    time_window AS (
        SELECT element.path, element.value, span.from_key, span.to_key
        FROM element
        CROSS JOIN (VALUES ('starts_at', 'ends_at'), ('sale_starts_at', 'sale_ends_at')) AS span (from_key, to_key)
        UNION ALL
        SELECT 'p_catalogue.function', p_catalogue -> 'function', span.from_key, span.to_key
        FROM (
            VALUES ('starts_at', 'ends_at'), ('registration_opens_at', 'registration_closes_at')
        ) AS span (from_key, to_key)
    )
    SELECT
        time_window.path,
        ticketing_internal.issue(
            'invalid_window', time_window.path || '.' || time_window.to_key,
            format('%s must be after %s.', time_window.to_key, time_window.from_key),
            p_expected => time_window.value -> time_window.from_key, p_actual => time_window.value -> time_window.to_key
        )
    FROM time_window
    WHERE (time_window.value ->> time_window.to_key)::timestamptz
        <= (time_window.value ->> time_window.from_key)::timestamptz

    UNION ALL
    SELECT
        element.path,
        ticketing_internal.issue(
            'invalid_limits', element.path || '.' || upper_limit.key,
            format('%s must not be less than min_per_attendee.', upper_limit.key),
            p_expected => element.value -> 'min_per_attendee', p_actual => element.value -> upper_limit.key
        )
    FROM element
    CROSS JOIN (VALUES ('max_per_attendee'), ('max_per_registration')) AS upper_limit (key)
    WHERE (element.value ->> upper_limit.key)::integer < (element.value ->> 'min_per_attendee')::integer

    UNION ALL
    SELECT
        'p_catalogue.function.max_hold_minutes',
        ticketing_internal.issue(
            'invalid_limits', 'p_catalogue.function.max_hold_minutes',
            'max_hold_minutes must not be less than hold_minutes.',
            p_expected => to_jsonb(p_function.hold_minutes), p_actual => to_jsonb(p_function.max_hold_minutes)
        )
    WHERE p_function.max_hold_minutes < p_function.hold_minutes

    UNION ALL
    SELECT
        'p_catalogue.function.timezone',
        ticketing_internal.issue(
            'unknown_timezone', 'p_catalogue.function.timezone', 'The time zone is not one of the IANA names.',
            p_actual => to_jsonb(p_function.timezone)
        )
    WHERE CASE
        -- known when it was stored; the list is read from six hundred files, a quarter of an import
        WHEN EXISTS (SELECT FROM ticketing.functions AS known WHERE known.timezone = p_function.timezone) THEN FALSE
        ELSE p_function.timezone NOT IN (SELECT zone.name FROM pg_catalog.pg_timezone_names AS zone)
    END

    UNION ALL
    SELECT
        'p_catalogue.function.currency',
        ticketing_internal.issue(
            'unknown_currency', 'p_catalogue.function.currency',
            'The currency is not a code of ISO 4217 for a currency with two decimals or none.',
            p_actual => to_jsonb(p_function.currency)
        )
    WHERE ticketing_internal.currency_decimals(p_function.currency) IS NULL

    UNION ALL
    SELECT
        element.path,
        ticketing_internal.issue(
            'price_not_whole', element.path || '.price',
            format('%s has no decimals: prices are whole.', p_function.currency),
            p_item_name => element.value ->> 'name', p_actual => element.value -> 'price'
        )
    FROM element
    WHERE ticketing_internal.currency_decimals(p_function.currency) = 0
        AND mod((element.value ->> 'price')::numeric, 1) <> 0;
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_value_issues IS
'Issues of windows, limits, time zone, currency and prices in p_catalogue, a document that conforms to its schema and whose function
is p_function; path is that of the element.';
