-- The values that occur in several payload schemas, each described once.

CREATE OR REPLACE FUNCTION ticketing_internal.schema_definitions()
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN '{
        "uuid": {"type": "string", "format": "uuid"},
        "slug": {"title": "lower-case words joined by hyphens, such as open-air",
            "type": "string", "maxLength": 100, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        "reference": {"title": "the slug of another entry of the document, or its UUID", "anyOf": [
            {"type": "string", "maxLength": 100, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
            {"type": "string", "format": "uuid"}]},
        "text": {"type": "string"},
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "currency": {"title": "three capital letters, such as EUR", "type": "string", "pattern": "^[A-Z]{3}$"},
        "flag": {"type": "boolean"},
        "time": {"type": "string", "format": "date-time"},
        "quantity": {"type": "integer", "minimum": 0, "maximum": 1000},
        "amount": {"title": "an amount from 0 with at most two decimals", "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 9999999999.99, "multipleOf": 0.01},
            {"type": "string", "pattern": "^[0-9]{1,10}([.][0-9]{1,2}0{0,20})?$"}]},
        "positive_amount": {"title": "an amount above 0 with at most two decimals", "anyOf": [
            {"type": "number", "minimum": 0.01, "maximum": 9999999999.99, "multipleOf": 0.01},
            {"type": "string", "pattern": "^(0{0,9}[1-9][0-9]{0,9}([.][0-9]{1,2}0{0,20})?|0{1,10}[.](0[1-9]|[1-9][0-9]?)0{0,20})$"}]},
        "sum": {"title": "an amount from 0, rounded to the cent", "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 9999999999.99},
            {"type": "string", "pattern": "^[0-9]{1,10}([.][0-9]{1,30})?$"}]}
    }';
END
$$;

COMMENT ON FUNCTION ticketing_internal.schema_definitions IS
'JSON Schemas of values by name: uuid, slug, reference (either), text, name, currency, flag, time, quantity, amount and
positive_amount (a number, or a decimal string, which no client rounds), and sum (of amounts, as JavaScript adds them: 59.699999999999996).';
