-- Domains: the rules about single values, each stated once.
--
-- PostgreSQL prepares all CHECK constraints of a table for every statement that writes it, also
-- those on columns that the statement does not change; they were a fifth of the cost of updating a
-- registration. A domain constraint is prepared once per session and evaluated only for assigned
-- values. Rules between columns remain CHECK constraints of their tables.
--
-- All domains accept null; whether a column is nullable is declared by the column.
--
-- squawk objects to constraints of domains because changing one later scans every table that uses
-- the domain. That is accepted: these rules are not expected to change.
-- squawk-ignore-file ban-create-domain-with-constraint

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

-- Numbers and times

-- NaN has to be excluded by name: it is greater than every other number.
CREATE DOMAIN ticketing.amount AS numeric(12, 2)
CONSTRAINT amount_range CHECK (value >= 0 AND value <> 'NaN');

COMMENT ON DOMAIN ticketing.amount IS 'Amount of money in major units of a currency; zero or more.';

CREATE DOMAIN ticketing.adjustment AS numeric(12, 2)
CONSTRAINT adjustment_range CHECK (value <> 'NaN');

COMMENT ON DOMAIN ticketing.adjustment IS 'Amount of money by which a total is changed; negative for a discount.';

CREATE DOMAIN ticketing.counter AS integer
CONSTRAINT counter_range CHECK (value >= 0);

COMMENT ON DOMAIN ticketing.counter IS 'A count; zero or more.';

CREATE DOMAIN ticketing.pool_capacity AS integer
CONSTRAINT pool_capacity_range CHECK (value BETWEEN 0 AND 10000000);

COMMENT ON DOMAIN ticketing.pool_capacity IS 'Capacity of a pool: 0 to 10,000,000.';

CREATE DOMAIN ticketing.feed_epoch AS bigint
CONSTRAINT feed_epoch_range CHECK (value >= 1);

COMMENT ON DOMAIN ticketing.feed_epoch IS 'Epoch of the change feed; one or more.';

CREATE DOMAIN ticketing.finite_time AS timestamptz
CONSTRAINT finite_time_range CHECK (isfinite(value));

COMMENT ON DOMAIN ticketing.finite_time IS 'A finite timestamp.';

-- Text

CREATE DOMAIN ticketing.registration_type AS text
CONSTRAINT registration_type_values CHECK (value IN ('individuals', 'lodges', 'delegations'));

COMMENT ON DOMAIN ticketing.registration_type IS 'individuals, lodges or delegations.';

CREATE DOMAIN ticketing.ticket_change AS text
CONSTRAINT ticket_change_values
CHECK (value IN ('added', 'removed', 'paid', 'assigned', 'cancelled', 'refunded'));

COMMENT ON DOMAIN ticketing.ticket_change IS 'added, removed, paid, assigned, cancelled or refunded.';

CREATE DOMAIN ticketing.registration_change AS text
CONSTRAINT registration_change_values
CHECK (
    value IN (
        'amended', 'adjusted', 'attendee_added', 'attendee_updated', 'ticket_assigned',
        'transferred', 'hold_extended'
    )
);

COMMENT ON DOMAIN ticketing.registration_change IS
'amended, adjusted, attendee_added, attendee_updated, ticket_assigned, transferred or hold_extended.';

CREATE DOMAIN ticketing.pool_name AS text
CONSTRAINT pool_name_length CHECK (length(value) BETWEEN 1 AND 200);

COMMENT ON DOMAIN ticketing.pool_name IS 'Display name of a pool: 1 to 200 characters.';

CREATE DOMAIN ticketing.pool_slug AS text
CONSTRAINT pool_slug_shape CHECK (value ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(value) <= 100);

COMMENT ON DOMAIN ticketing.pool_slug IS 'Name of a pool in catalogue documents: lower-case words joined by hyphens.';

CREATE DOMAIN ticketing.confirmation_number AS text
CONSTRAINT confirmation_number_length CHECK (length(value) BETWEEN 1 AND 50);

COMMENT ON DOMAIN ticketing.confirmation_number IS 'Confirmation number: 1 to 50 characters.';

CREATE DOMAIN ticketing.reason AS text
CONSTRAINT reason_length CHECK (length(value) <= 1000);

COMMENT ON DOMAIN ticketing.reason IS 'Reason of a change, in words: at most 1,000 characters.';

-- JSON

-- The bounds of is_bounded, through which every argument passes, for all other writers: 1e131071 is
-- 8 bytes of jsonb and 131,072 digits for every reader. (1 + n - n) / 3 has as many decimals as n,
-- if not fewer than 20.
CREATE DOMAIN ticketing.bounded_json AS jsonb
CONSTRAINT bounded_json_levels CHECK (
    NOT jsonb_path_exists(value, 'strict $.**{64} ? (@.type() == "object" || @.type() == "array")')
)
CONSTRAINT bounded_json_numbers CHECK (
    NOT jsonb_path_exists(value, 'strict $.** ? (@.type() == "number" && (
        @ >= 1e30 || @ <= -1e30 || (1 + @ - @) / 3 > 0.333333333333333333333333333333))')
);

COMMENT ON DOMAIN ticketing.bounded_json IS
'JSON of at most 64 levels, with numbers below 1e30 and of at most 30 decimals.';

CREATE DOMAIN ticketing.wizard_object AS ticketing.bounded_json
CONSTRAINT wizard_object_shape CHECK (jsonb_typeof(value) = 'object');

COMMENT ON DOMAIN ticketing.wizard_object IS 'JSON object, stored as the wizard sent it.';

CREATE DOMAIN ticketing.eligibility AS ticketing.bounded_json
CONSTRAINT eligibility_shape CHECK (
    CASE
        WHEN value IS NULL THEN TRUE
        WHEN jsonb_typeof(value) <> 'object' THEN FALSE
        WHEN value - '{operator,rules}'::text[] <> '{}'::jsonb THEN FALSE
        WHEN
            value ? 'operator' AND value -> 'operator' NOT IN ('"AND"'::jsonb, '"OR"'::jsonb)
            THEN FALSE
        WHEN coalesce(jsonb_typeof(value -> 'rules'), 'missing') <> 'array' THEN FALSE
        WHEN jsonb_path_exists(value, 'strict $.rules[*] ? (@.type() != "object")') THEN FALSE
        WHEN
            jsonb_path_exists(
                value, '$.rules[*].keyvalue() ? (!(@.key like_regex "^(type|operator|value)$"))'
            )
            THEN FALSE
        ELSE NOT jsonb_path_exists(
            value,
            '$.rules[*] ? (
                !(@.type.type() == "string" && @.type like_regex "^.{1,100}$" flag "s"
                    && @.operator.type() == "string" && @.operator like_regex "^(equals|not_equals|in|not_in)$"
                    && exists(@.value))
                || (@.operator like_regex "^(in|not_in)$" && @.value.type() != "array"))'
        )
    END
);

COMMENT ON DOMAIN ticketing.eligibility IS
'Eligibility rules over the facts of an attendee: `{"operator": "AND"|"OR", "rules": [{"type", "operator":
equals|not_equals|in|not_in, "value"}]}`. A missing operator means AND; without rules every attendee is eligible.';
