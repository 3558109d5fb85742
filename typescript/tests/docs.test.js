/** The code blocks of the pages compile, run in their order, and print what they should. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { answered, ANON_KEY, clientsOf, SERVICE_KEY, userToken } from './support/clients.js'
import { join, PACKAGE, tsc, workshop, writeFile } from './support/commands.js'
import { CONFERENCE } from './support/conference.js'
import { DATABASES } from './support/databases.js'
import { createPostgrest } from './support/postgrest.js'

const USER = randomUUID()

/** What the blocks of a page print, some of it by a pattern. */
const PAGES = {
  '../docs/supabase-js.md': [
    /^Dinner 60 on_sale$/,
    /^Talks 100 on_sale$/,
    /^1 ticket for 60 EUR$/,
    /^held until \d{4}-/,
    /^Dinner: only 1 left$/,
    /^1$/,
    /^TK006$/,
    /^draft \[ \{ .*quantity: 1/s,
    /^\[ 60 \]$/,
    /^completed$/,
    /^true 100$/,
    /^payment_required 100$/,
    /^1 160$/,
    /^1 60$/,
    /^cancelled$/,
  ],
  'README.md': [/^function_not_found p_function_id /],
}

/** @type {Awaited<ReturnType<typeof DATABASES.server>>} */
let database
const { fetch, console } = globalThis

before(async () => {
  database = await DATABASES.server('docs')
  const postgrest = await createPostgrest(database, { schemas: ['ticketing'] })
  const until = '2999-01-01T00:00:00Z'
  const p_catalogue = {
    ...CONFERENCE,
    function: { ...CONFERENCE.function, changes_until: until, refunds_until: until },
  }
  answered(await clientsOf(postgrest).service.rpc('import_catalogue', { p_catalogue }))
  process.env['SUPABASE_URL'] = 'http://localhost:54321'
  process.env['SUPABASE_ANON_KEY'] = ANON_KEY
  process.env['SUPABASE_SERVICE_KEY'] = SERVICE_KEY
  // Supabase's server of users, as far as an anonymous sign-in goes
  const session = {
    access_token: userToken(USER),
    refresh_token: 'refresh',
    token_type: 'bearer',
    expires_in: 3600,
    user: { id: USER, is_anonymous: true },
  }
  globalThis.fetch = async (input, init) =>
    new URL(new Request(input, init).url).pathname === '/auth/v1/signup'
      ? Response.json(session)
      : postgrest(input, init)
  globalThis.WebSocket ??= /** @type {any} */ (class {})
})
after(async () => {
  globalThis.fetch = fetch
  await database.close()
})

for (const [page, expected] of Object.entries(PAGES)) {
  test(`${page} shows code that works`, async () => {
    const text = await readFile(join(PACKAGE, page), 'utf8')
    const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1])
    assert.ok(blocks.length)
    const folder = await workshop(`docs-${page.replaceAll(/\W/g, '-')}`, { noEmit: false })
    await writeFile(join(folder, 'page.ts'), blocks.join('\n'))
    const { code, output } = await tsc('--project', folder)
    assert.equal(code, 0, output)

    /** @type {string[]} */
    const printed = []
    const { format } = await import('node:util')
    globalThis.console = { ...console, log: (...values) => printed.push(format(...values)) }
    try {
      await import(join(folder, 'page.js'))
    } finally {
      globalThis.console = console
    }
    assert.equal(printed.length, expected.length, printed.join('\n'))
    expected.forEach((pattern, line) => assert.match(printed[line] ?? '', pattern))
  })
}
