// PostgreSQL in the page: PGlite with the package and an event function in it. What it stores stays
// in the browser (IndexedDB). One tab runs it, the first to get the lock; the others send their calls
// to that tab, and one of them takes over when it closes.

import { PGlite } from '@electric-sql/pglite'

import { NoReply, Problem } from './problem.js'

const TYPES = { // of arguments; all others are jsonb
  p_registration_id: 'uuid', p_function_id: 'uuid', p_expected_revision: 'integer', p_registration_type: 'text', p_reason: 'text',
}
const PATIENCE = 15_000 // milliseconds to wait for the tab that runs the database
const ATTEMPTS = 4

/** Unpack what build.mjs has packed into the page. */
const asset = async id => {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), character => character.charCodeAt(0))
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip')))
}

async function open() {
  const { version } = document.getElementById('data').dataset
  const name = `ticketing-wizard-${version}`
  const installed = `${name}/installed`
  const isNew = localStorage.getItem(installed) === null
  if (isNew) await new Promise(resolve => { // what an interrupted first start has left behind
    const deletion = indexedDB.deleteDatabase(`/pglite/${name}`)
    deletion.onsuccess = deletion.onerror = deletion.onblocked = resolve
  })
  const db = await PGlite.create({
    dataDir: `idb://${name}`,
    pgliteWasmModule: await WebAssembly.compile(await (await asset('wasm')).arrayBuffer()),
    initdbWasmModule: await WebAssembly.compile(await (await asset('initdb')).arrayBuffer()),
    fsBundle: await (await asset('bundle')).blob(),
    ...(isNew && { loadDataDir: await (await asset('data')).blob() }),
  })
  const { rows } = await db.query('SELECT sqlstate, http_status FROM ticketing_internal.http_problems()')
  localStorage.setItem(installed, 'yes')
  return { db, statuses: new Map(rows.map(row => [row.sqlstate, row.http_status])) }
}

/** Make a call, as PostgREST would: one transaction with a role and claims, one statement. */
async function call({ db, statuses }, { name, args, role, claims }) {
  const given = Object.entries(args).filter(([, value]) => value !== null && value !== undefined)
  const named = given.map(([key], place) => `${key} => $${place + 1}::${TYPES[key] ?? 'jsonb'}`)
  try {
    return await db.transaction(async transaction => {
      await transaction.query("SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", [role, JSON.stringify(claims)])
      const { rows } = await transaction.query(
        `SELECT ticketing.${name}(${named}) AS answer`,
        given.map(([key, value]) => (TYPES[key] ? value : JSON.stringify(value))))
      return rows[0].answer
    })
  } catch (error) {
    if (!error.code) throw error
    const { issues } = JSON.parse(error.detail?.startsWith('{') ? error.detail : '{}')
    throw new Problem({ status: statuses.get(error.code) ?? 500, code: error.code, detail: error.message, hint: error.hint, issues })
  }
}

/**
 * Connect this tab to the database.
 *
 * @returns {(request: {name, args, role, claims}) => Promise<object>} makes a call
 */
export function connect() {
  const channel = new BroadcastChannel('ticketing-wizard')
  const replies = new Map()
  let opening = null // only in the tab that runs the database

  navigator.locks.request('ticketing-wizard', async () => {
    opening = open()
    await opening
    await new Promise(() => {}) // until the tab is closed
  }).catch(error => console.error(error)) // callers are told, too

  channel.onmessage = async ({ data: { ask, request, reply, ...answered } }) => {
    if (reply) replies.get(reply)?.(answered)
    else if (opening) {
      try {
        channel.postMessage({ reply: ask, answer: await call(await opening, request) })
      } catch (error) {
        channel.postMessage({ reply: ask, problem: { ...error, detail: error.message } })
      }
    }
  }

  /** Send a call to the tab that runs the database; undefined when none replies, or this one does by now. */
  const send = request => new Promise(resolve => {
    const ask = crypto.randomUUID()
    const finish = answered => {
      clearTimeout(timer)
      clearInterval(look)
      replies.delete(ask)
      resolve(answered)
    }
    const timer = setTimeout(finish, PATIENCE)
    const look = setInterval(() => { if (opening) finish() }, 50)
    replies.set(ask, finish)
    channel.postMessage({ ask, request })
  })

  return async request => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (opening) return call(await opening.catch(error => { throw new NoReply(error.message) }), request)
      const answered = await send(request)
      if (answered?.problem) throw new Problem(answered.problem)
      if (answered) return answered.answer
    }
    throw new NoReply('The database does not answer.')
  }
}
