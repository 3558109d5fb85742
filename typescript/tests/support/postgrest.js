/**
 * The part of PostgREST that callers of ticketing-sql use, as a `fetch` over any connection: RPCs by
 * POST, GET and HEAD, rows of tables by GET and HEAD, new rows by POST, and errors with PostgREST's
 * status and body. No embedding, no other writes of tables, and tokens are not signed.
 *
 * It sends PostgreSQL what PostgREST 12 and later send; tests/support/postgrest.py does the same for
 * the tests in Python, and contract.test.js compares their statements.
 */

/**
 * @typedef {(text: string, values?: unknown[]) => Promise<any[]>} Query Runs a statement, returns rows.
 * @typedef {{ transaction<T>(work: (query: Query) => Promise<T>): Promise<T> }} Database
 * @typedef {{ schema: string, name: string, names: string[], types: string[], required: number,
 *   writes: boolean, returnsRows: boolean }} Routine
 */

/** @param {string} name */
const quoted = (name) => `"${name.replaceAll('"', '""')}"`

const ROUTINES = `
  SELECT n.nspname AS schema, p.proname AS name,
    coalesce(p.proargnames[:p.pronargs], '{}') AS names,
    array(
      SELECT format_type(type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, position)
      ORDER BY position
    ) AS types,
    p.pronargs - p.pronargdefaults AS required, p.provolatile = 'v' AS writes,
    p.proretset AS "returnsRows"
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
  WHERE n.nspname = ANY ($1)
  ORDER BY 1, 2`

/**
 * Reads the functions of the exposed schemas, as PostgREST does when it starts.
 *
 * @param {Database} database
 * @param {string[]} schemas
 * @returns {Promise<Routine[]>}
 */
export const readRoutines = (database, schemas) =>
  database.transaction((query) => query(ROUTINES, [schemas]))

/** The status of each SQLSTATE but 42501: the first pattern that it begins with. */
const STATUSES = /** @type {const} */ ([
  [/^08|^53(?!400)|^57P01/, 503],
  [/^09|^2D|^38|^39|^3B|^40|^53400|^54|^55|^57|^58|^F0|^HV|^P0(?!001)|^XX|^42P17|^21/, 500],
  [/^25006/, 405],
  [/^25/, 500],
  [/^0L|^0P|^28/, 403],
  [/^23503|^23505/, 409],
  [/^42883|^42P01/, 404],
])

const OPERATORS = new Map([
  ['eq', '='],
  ['neq', '<>'],
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
])

/** An answer that is an error; `code` is a SQLSTATE or one of PostgREST's own. */
class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {{ details?: string | null, hint?: string | null, headers?: Record<string, string> }} more
   */
  constructor(status, code, message, { details = null, hint = null, headers = {} } = {}) {
    super(message)
    Object.assign(this, { status, headers })
    this.body = { code, details, hint, message }
  }

  response() {
    const { status, headers, body } = /** @type {any} */ (this)
    return json(status, JSON.stringify(body), headers)
  }
}

/**
 * @param {number} status
 * @param {string | null} body
 * @param {Record<string, string>} [headers]
 */
function json(status, body, headers = {}) {
  const type = { 'Content-Type': 'application/json; charset=utf-8' }
  return new Response(body, { status, headers: { ...type, ...headers } })
}

/**
 * Says what PostgREST makes of an error of PostgreSQL.
 *
 * @param {{ code: string, message: string, detail?: string, hint?: string }} error
 * @param {boolean} isSignedIn Whether the role of the request is another than that for visitors.
 */
function problemOf({ code, message, detail, hint }, isSignedIn) {
  if (code === 'PGRST') {
    // the function has chosen the status and the body
    const body = JSON.parse(message)
    const { status, headers } = JSON.parse(detail ?? '')
    return new Problem(status, body.code, body.message, { ...body, headers })
  }
  let status = STATUSES.find(([pattern]) => pattern.test(code))?.[1] ?? 400
  if (code === '42501') status = isSignedIn ? 403 : 401
  return new Problem(status, code, message, { details: detail ?? null, hint: hint ?? null })
}

/**
 * Returns the statement that calls a routine.
 *
 * @param {Routine} routine
 * @param {string[]} given Names of the arguments that were sent.
 * @param {boolean} inQuery Whether they are in the query string, one value each, rather than one JSON
 *   object in the body.
 */
export function callStatement(routine, given, inQuery) {
  /** @param {string} name */
  const typeOf = (name) => routine.types[routine.names.indexOf(name)]
  const target = `${quoted(routine.schema)}.${quoted(routine.name)}`
  const named = given.map(
    inQuery
      ? (name, i) => `${quoted(name)} := $${i + 1}::${typeOf(name)}`
      : (name) => `${quoted(name)} := pgrst_body.${quoted(name)}`,
  )
  const call = `${target}(${named.join(', ')})`
  const columns = given.map((name) => `${quoted(name)} ${typeOf(name)}`)
  const source =
    inQuery || !given.length
      ? 'FROM'
      : `FROM (SELECT $1::json AS json_data) pgrst_payload,
          LATERAL (
            SELECT ${given.map(quoted).join(', ')}
            FROM json_to_record(pgrst_payload.json_data) AS _(${columns.join(', ')})
          ) pgrst_body, LATERAL`
  return routine.returnsRows
    ? statement(routine.name, `SELECT * ${source} ${call} pgrst_call`, ROWS)
    : statement(
        routine.name,
        `SELECT pgrst_call.pgrst_scalar ${source} (SELECT ${call} pgrst_scalar) pgrst_call`,
        VALUE,
      )
}

const ROWS = "coalesce(json_agg(_postgrest_t), '[]')"
const VALUE = "coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null')"

/**
 * @param {string} name
 * @param {string} source A SELECT.
 * @param {string} body The expression for the body of the response.
 */
function statement(name, source, body) {
  return `
    WITH pgrst_source AS (${source})
    SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total,
      ${body}::text AS body,
      nullif(current_setting('response.headers', true), '') AS response_headers,
      nullif(current_setting('response.status', true), '') AS response_status
    FROM (SELECT ${quoted(name)}.* FROM pgrst_source AS ${quoted(name)}) _postgrest_t`
}

/**
 * Returns the statement that reads rows of a table.
 *
 * @param {string} table Quoted, with its schema.
 * @param {string} name
 * @param {URLSearchParams} query
 * @returns {{ text: string, count: string, values: unknown[] }} The statement, and one that counts
 *   all rows that the filters let through.
 */
function readStatement(table, name, query) {
  /** @type {string[]} */
  const where = []
  /** @type {string[]} */
  const tail = []
  /** @type {unknown[]} */
  const values = []
  let columns = '*'
  for (const [key, value] of query) {
    const operator = /^(\w+)\.(.*)$/s.exec(value)
    if (key === 'select') {
      columns = value.split(',').map((each) => (each === '*' ? each : quoted(each))).join(', ')
    } else if (key === 'order') {
      const keys = value.split(',').map((each) => each.split('.'))
      tail.unshift(`ORDER BY ${keys.map(([c, d]) => quoted(c ?? '') + (d === 'desc' ? ' DESC' : '')).join(', ')}`)
    } else if (key === 'limit' || key === 'offset') {
      tail.push(`${key} ${Number(value)}`)
    } else if (operator?.[1] === 'is' && operator[2] === 'null') {
      where.push(`${quoted(key)} IS NULL`)
    } else if (operator && OPERATORS.has(operator[1] ?? '')) {
      values.push(operator[2])
      where.push(`${quoted(key)} ${OPERATORS.get(operator[1] ?? '')} $${values.length}`)
    } else {
      throw new Problem(400, 'PGRST100', `failed to parse filter (${key}=${value})`)
    }
  }
  const from = `FROM ${table}${where.length ? ` WHERE ${where.join(' AND ')}` : ''}`
  const text = statement(name, `SELECT ${columns} ${from} ${tail.join(' ')}`, ROWS)
  return { text, count: `SELECT count(*) AS total ${from}`, values }
}

/**
 * Makes a `fetch` that answers as PostgREST does over a database.
 *
 * @param {Database} database
 * @param {{ schemas: string[], anon?: string }} options The exposed schemas, of which requests mean
 *   the first when they name none, and the role of visitors.
 * @returns {Promise<typeof globalThis.fetch>}
 */
export async function createPostgrest(database, { schemas, anon = 'anon' }) {
  const routines = await readRoutines(database, schemas)

  /** @param {Request} request */
  async function answer(request) {
    const url = new URL(request.url)
    const path = url.pathname.replace(/^\/rest\/v1/, '')
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const profile = request.headers.get(isRead ? 'accept-profile' : 'content-profile')
    const schema = profile ?? schemas[0] ?? ''
    if (!schemas.includes(schema)) {
      throw new Problem(406, 'PGRST106', `Invalid schema: ${schema}`, {
        hint: `Only the following schemas are exposed: ${schemas.join(', ')}`,
      })
    }
    if (!isRead && request.method !== 'POST') {
      throw new Problem(405, 'PGRST117', `Unsupported HTTP method: ${request.method}`)
    }
    const claims = claimsOf(request)
    const role = claims['role'] ?? anon
    const name = decodeURIComponent(path.replace(/^\/(rpc\/)?/, ''))
    let isReadOnly = isRead
    /** @type {unknown[]} */
    let values = []
    let text = ''
    let count = ''
    if (path.startsWith('/rpc/')) {
      const sent = isRead ? Object.fromEntries(url.searchParams) : await bodyOf(request)
      const routine = routines.find(
        (each) =>
          each.schema === schema &&
          each.name === name &&
          Object.keys(sent).every((key) => each.names.includes(key)) &&
          each.names.slice(0, each.required).every((key) => Object.hasOwn(sent, key)),
      )
      if (!routine) {
        const keys = Object.keys(sent).sort().join(', ')
        throw new Problem(404, 'PGRST202', `Could not find the function ${schema}.${name}(${keys}) in the schema cache`)
      }
      // functions that do not write get transactions that cannot, whichever the method
      isReadOnly ||= !routine.writes
      const given = isRead ? Object.keys(sent) : routine.names.filter((key) => Object.hasOwn(sent, key))
      text = callStatement(routine, given, isRead)
      if (isRead) values = given.map((key) => sent[key])
      else if (given.length) values = [JSON.stringify(sent)]
    } else if (isRead) {
      ;({ text, count, values } = readStatement(`${quoted(schema)}.${quoted(name)}`, name, url.searchParams))
    } else {
      const rows = [await bodyOf(request)].flat()
      const columns = [...new Set(rows.flatMap(Object.keys))].map(quoted).join(', ')
      const table = `${quoted(schema)}.${quoted(name)}`
      text = `INSERT INTO ${table} (${columns})
        SELECT ${columns} FROM json_populate_recordset(null::${table}, $1)`
      values = [JSON.stringify(rows)]
    }
    if (!/\bcount=exact\b/.test(request.headers.get('prefer') ?? '')) count = ''

    const isSignedIn = role !== anon
    const [row, total] = await database
      .transaction(async (query) => {
        if (isReadOnly) await query('SET LOCAL transaction_read_only = on')
        const settings = {
          search_path: `${quoted(schema)}, "public"`,
          role,
          'request.jwt.claims': JSON.stringify({ ...claims, role }),
          'request.method': request.method,
          'request.path': path,
          'request.headers': JSON.stringify(Object.fromEntries(request.headers)),
          'request.cookies': '{}',
        }
        await query(
          'SELECT set_config(name, value, true) FROM unnest($1::text[], $2::text[]) AS setting (name, value)',
          [Object.keys(settings), Object.values(settings)],
        )
        const [row] = await query(text, values)
        return [row, count ? (await query(count, values))[0].total : '*']
      })
      .catch((error) => {
        throw typeof error.code === 'string' ? problemOf(error, isSignedIn) : error
      })
    if (!row) return json(201, null)
    const rows = Number(row.page_total)
    const headers = { 'Content-Range': `${rows ? `0-${rows - 1}` : '*'}/${total}` }
    if (request.headers.get('accept')?.startsWith('application/vnd.pgrst.object')) {
      if (rows !== 1) {
        throw new Problem(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', {
          details: `The result contains ${rows} rows`,
        })
      }
      return json(200, JSON.stringify(JSON.parse(row.body)[0]), headers)
    }
    return json(200, request.method === 'HEAD' ? null : row.body, headers)
  }

  return async (input, init) => {
    try {
      return await answer(new Request(input, init))
    } catch (error) {
      if (error instanceof Problem) return error.response()
      throw error
    }
  }
}

/**
 * Returns the claims of the bearer token, whose signature is not looked at.
 *
 * @param {Request} request
 * @returns {Record<string, string>}
 */
function claimsOf(request) {
  const token = request.headers.get('authorization')?.replace(/^Bearer /i, '')
  if (!token) return {}
  try {
    return JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    throw new Problem(401, 'PGRST301', 'Expected 3 parts in JWT; got 1')
  }
}

/** @param {Request} request */
async function bodyOf(request) {
  try {
    return JSON.parse((await request.text()) || '{}')
  } catch {
    throw new Problem(400, 'PGRST102', 'Empty or invalid json')
  }
}

/**
 * Returns a token with these claims, unsigned.
 *
 * @param {Record<string, string>} claims
 */
export function tokenOf(claims) {
  const encode = (/** @type {unknown} */ part) =>
    btoa(JSON.stringify(part)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return `${encode({ alg: 'none' })}.${encode(claims)}.`
}
