/** The stand-in for PostgREST sends what the one in Python sends. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { DATABASES, given } from './support/databases.js'
import { callStatement, readRoutines } from './support/postgrest.js'

const plain = (/** @type {string} */ text) => text.replaceAll(/\s+/g, ' ').replaceAll(/(?<=\() | (?=[),])/g, '').trim()

test('both stand-ins for PostgREST send the same statements', async () => {
  const sent = JSON.parse(await readFile(given('TICKETING_STATEMENTS'), 'utf8'))
  const database = await DATABASES.server()
  const routines = await readRoutines(database, ['ticketing'])
  await database.close()
  const names = new Set(routines.map((each) => each.name))
  assert.deepEqual(new Set(sent.map((/** @type {any} */ each) => each.rpc)), names)
  for (const { rpc, names, method, text } of sent) {
    const routine = routines.find((each) => each.name === rpc)
    assert.ok(routine)
    assert.equal(plain(callStatement(routine, names, method === 'GET')), plain(text))
  }
})
