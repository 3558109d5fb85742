/** Clients of each kind of caller, whose requests go to a stand-in for PostgREST. */
import { PostgrestClient } from '@supabase/postgrest-js'
import { createClient } from '@supabase/supabase-js'
import { tokenOf } from './postgrest.js'

/** @typedef {import('ticketing-sql').Database} Database */
/** @typedef {import('ticketing-sql').DatabaseWithForwarders} DatabaseWithForwarders */

const URL = 'http://localhost:54321'

/** Node.js 20 has no WebSocket, without which supabase-js does not start. */
export const OPTIONS = {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: /** @type {any} */ (class {}) },
}

/** The keys of a project, which supabase-js sends as a token when no user is signed in. */
export const ANON_KEY = tokenOf({ role: 'anon' })
export const SERVICE_KEY = tokenOf({ role: 'service_role' })

/** @param {string} sub */
export const userToken = (sub) => tokenOf({ role: 'authenticated', sub, aud: 'authenticated' })

/**
 * @param {typeof globalThis.fetch} fetch
 */
export function clientsOf(fetch) {
  /** @param {string} key @param {string} [token] */
  const supabase = (key, token) =>
    /** @type {typeof createClient<Database, 'ticketing'>} */ (createClient)(URL, key, {
      ...OPTIONS,
      db: { schema: 'ticketing' },
      global: { fetch },
      ...(token && { accessToken: async () => token }),
    })
  return {
    visitor: supabase(ANON_KEY),
    service: supabase(SERVICE_KEY),
    /** @param {string} sub */
    user: (sub) => supabase(ANON_KEY, userToken(sub)),
    /** @param {string} sub */
    forwarded: (sub) =>
      /** @type {typeof createClient<DatabaseWithForwarders>} */ (createClient)(URL, ANON_KEY, {
        ...OPTIONS,
        global: { fetch },
        accessToken: async () => userToken(sub),
      }),
    /** @param {string} [sub] */
    postgrest: (sub) =>
      /** @type {PostgrestClient<Database>} */ (
        new PostgrestClient(`${URL}/rest/v1`, {
          schema: 'ticketing',
          fetch,
          ...(sub && { headers: { Authorization: `Bearer ${userToken(sub)}` } }),
        })
      ),
  }
}

/**
 * Returns the data of a response that has to be a success.
 *
 * @template T
 * @param {{ data: T, error: unknown, status: number }} response
 * @returns {NonNullable<T>}
 */
export function answered({ data, error, status }) {
  if (error || data == null) throw new Error(`HTTP ${status}: ${JSON.stringify(error)}`)
  return data
}
