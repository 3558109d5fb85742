-- May everybody have what he would hold? Seen in one pass over the plan; who may not have what, and
-- why, is left to find_eligibility_issues.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.are_eligible(
    p_registration_type text,
    p_attendees ticketing_internal.attendee[],
    p_named uuid[],
    p_plan ticketing_internal.planned_ticket[],
    p_subject_ids uuid[],
    p_eligibilities jsonb[]
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_is_everyone CONSTANT boolean := cardinality(p_named) = cardinality(p_attendees);
    v_ticket ticketing_internal.planned_ticket;
    v_attendee_id uuid;
    v_person integer := 1;
    v_attendee ticketing_internal.attendee;
    v_seen jsonb [];
    v_subject_id uuid;
    v_eligibility jsonb;
    v_rules jsonb;
    v_is_or boolean;
    v_is_met boolean;
BEGIN
    FOREACH v_ticket IN ARRAY p_plan LOOP
        -- mostly it has no rules
        CONTINUE WHEN NOT p_subject_ids && ARRAY[v_ticket.ticket_type_id, v_ticket.package_id]
            OR v_ticket.change = 'removed'
            OR NOT (v_is_everyone OR v_ticket.attendee_id = ANY(p_named));
        IF v_ticket.attendee_id IS DISTINCT FROM v_attendee_id THEN
            v_attendee_id := v_ticket.attendee_id;
            WHILE p_attendees[v_person].attendee_id <> v_attendee_id LOOP
                v_person := v_person + 1;
            END LOOP;
            v_attendee := p_attendees[v_person];
            v_seen := '{}';
        END IF;

        FOREACH v_subject_id IN ARRAY ARRAY[v_ticket.ticket_type_id, v_ticket.package_id] LOOP
            v_eligibility := p_eligibilities[array_position(p_subject_ids, v_subject_id)];
            CONTINUE WHEN v_eligibility IS NULL OR v_eligibility = ANY(v_seen);
            v_seen := array_append(v_seen, v_eligibility);

            -- one rule that is met is enough for OR, and one that is not is too many for AND
            v_is_or := coalesce(v_eligibility ->> 'operator' = 'OR', FALSE);
            v_rules := v_eligibility -> 'rules';
            FOR v_place IN 0..jsonb_array_length(v_rules) - 1 LOOP
                v_is_met := coalesce(ticketing_internal.rule_is_met(
                    v_rules -> v_place,
                    ticketing_internal.attendee_fact(
                        v_rules -> v_place ->> 'type', p_registration_type, v_attendee.attendee_type,
                        v_attendee.attendee_data
                    )
                ), FALSE);
                EXIT WHEN v_is_met = v_is_or;
            END LOOP;
            IF NOT v_is_met THEN
                RETURN FALSE;
            END IF;
        END LOOP;
    END LOOP;
    RETURN TRUE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.are_eligible IS
'Whether every attendee in p_named meets the rules of all that p_plan leaves him with. p_subject_ids: the packages and ticket
types that have rules; p_eligibilities: these, at the same places.';
