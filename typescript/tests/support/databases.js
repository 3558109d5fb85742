/** The two kinds of database that the tests run on. */
import { readFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'

/** @typedef {import('./postgrest.js').Database} Database */

/**
 * @param {string} name The name of an environment variable that tests/support/typescript.py sets.
 */
export function given(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests with make test-typescript`)
  return value
}

/**
 * A server, by node-postgres; the connection is that of the PG* variables.
 *
 * @param {string} [database] Another database than that of PGDATABASE.
 * @returns {Promise<Database & { close(): Promise<void> }>}
 */
async function server(database) {
  const pool = new pg.Pool({ max: 4, ...(database && { database }) })
  return {
    async transaction(work) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const result = await work(async (text, values) => (await client.query(text, values)).rows)
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
    close: () => pool.end(),
  }
}

/**
 * PostgreSQL in this process, installed from the bundle.
 *
 * @returns {Promise<Database & { close(): Promise<void> }>}
 */
async function pglite() {
  const database = await PGlite.create()
  await database.exec(await readFile(given('TICKETING_BUNDLE'), 'utf8'))
  return {
    transaction: (work) =>
      database.transaction((tx) =>
        work(async (text, values) => /** @type {any[]} */ ((await tx.query(text, values)).rows)),
      ),
    close: () => database.close(),
  }
}

export const DATABASES = { server, PGlite: pglite }
