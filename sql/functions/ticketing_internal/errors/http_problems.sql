-- What every SQLSTATE of a call is over HTTP, each once: the forwarders with HTTP statuses, the
-- Python client and docs/errors.md are made of this list. Names and titles of the package's own
-- SQLSTATEs are those of error_classes.

CREATE OR REPLACE FUNCTION ticketing_internal.http_problems()
RETURNS TABLE (sqlstate text, name text, http_status integer, http_headers jsonb, title text)
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        problem.sqlstate,
        coalesce(problem.name, class.name),
        problem.http_status,
        CASE problem.http_status
            WHEN 401 THEN '{"WWW-Authenticate": "Bearer"}'::jsonb
            WHEN 503 THEN '{"Retry-After": "1"}'
            ELSE '{}'
        END,
        coalesce(problem.title, class.message)
    FROM (
        VALUES
        (1, '42501', 'not_authenticated', 401, 'Not signed in'),
        (2, '42501', 'not_allowed', 403, 'Not allowed'),
        (3, 'TK002', NULL, 404, NULL),
        (4, 'TK008', NULL, 404, NULL),
        (5, 'TK001', NULL, 400, NULL),
        (6, 'TK003', NULL, 409, NULL),
        (7, 'TK006', NULL, 409, NULL),
        (8, 'TK007', NULL, 409, NULL),
        (9, 'TK004', NULL, 422, NULL),
        (10, 'TK005', NULL, 409, NULL),
        (11, '40001', 'serialization_failure', 503, 'Another request came first; repeat the call'),
        (12, '40P01', 'deadlock_detected', 503, 'Another request came first; repeat the call'),
        (13, '55P03', 'lock_not_available', 503, 'Another request takes long; repeat the call'),
        (14, '57014', 'query_canceled', 503, 'The call took too long or was cancelled; repeat it')
    ) AS problem (place, sqlstate, name, http_status, title)
    LEFT JOIN ticketing_internal.error_classes() AS class ON class.sqlstate = problem.sqlstate
    ORDER BY problem.place
$$;

COMMENT ON FUNCTION ticketing_internal.http_problems IS
'One row per kind of refusal: its SQLSTATE, its name (of 42501 the code of its issue), and over HTTP the status, the headers
and the title.';
