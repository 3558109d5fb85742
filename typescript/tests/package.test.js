/** What is published, and that a change of the database turns the compiler red. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { isTransient, issuesOf } from 'ticketing-sql'
import { cp, join, PACKAGE, run, tsc, workshop, writeFile } from './support/commands.js'

const read = (/** @type {string} */ path) => readFile(join(PACKAGE, path), 'utf8')

test('the package contains what it should and nothing else', async () => {
  const { code, output } = await run('npm', ['pack', '--dry-run', '--json', '--silent'])
  assert.equal(code, 0, output)
  const [{ name, files }] = JSON.parse(output)
  assert.equal(name, 'ticketing-sql')
  assert.deepEqual(
    files.map((/** @type {{ path: string }} */ each) => each.path).sort(),
    ['LICENSE', 'README.md', 'package.json', 'src/database.d.ts', 'src/index.d.ts', 'src/index.js'],
  )
})

test('licence and version are those of the product', async () => {
  assert.equal(await read('LICENSE'), await read('../LICENSE'))
  const version = /^version = "(.*)"$/m.exec(await read('../pyproject.toml'))?.[1]
  assert.equal(JSON.parse(await read('package.json')).version, version)
})

test('an app that installs the package compiles and runs', async () => {
  const folder = await workshop('app', { noEmit: false, module: 'esnext', moduleResolution: 'bundler' })
  const installed = join(folder, 'node_modules/ticketing-sql')
  for (const path of ['package.json', 'src']) {
    await cp(join(PACKAGE, path), join(installed, path), { recursive: true })
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(
    join(folder, 'app.ts'),
    `import { issuesOf, type Issue } from 'ticketing-sql'
     const issues: Issue[] = issuesOf({ details: '{"issues": [{"code": "sold_out"}]}' })
     console.log(issues[0]?.code)`,
  )
  const compiled = await tsc('--project', folder)
  assert.equal(compiled.code, 0, compiled.output)
  assert.deepEqual(await run('node', ['app.js'], folder), { code: 0, output: 'sold_out\n' })
})

/** Changes of the database, and what the compiler says of tests/types.ts then. */
const CHANGES = [
  ['p_registration_id: string', 'p_registration: string', /p_registration_id/],
  ['p_reason?: string | null', 'p_cause?: string | null', /p_reason/],
  ['get_registration: {', 'read_registration: {', /get_registration/],
  ['revision: number', 'version: number', /revision/],
  ["| 'sold_out'", "| 'no_tickets_left'", /sold_out/],
]

/** A folder with the types and the cases in types.ts. */
async function cases() {
  const folder = await workshop('changed', { paths: { 'ticketing-sql': ['./src/index.d.ts'] } })
  for (const path of ['database.d.ts', 'index.d.ts']) {
    await cp(join(PACKAGE, 'src', path), join(folder, 'src', path))
  }
  await cp(join(PACKAGE, 'tests/types.ts'), join(folder, 'types.ts'))
  return folder
}

test('the compiler is green when nothing changes', async () => {
  const { code, output } = await tsc('--project', await cases())
  assert.equal(code, 0, output)
})

for (const [old, changed, complaint] of /** @type {[string, string, RegExp][]} */ (CHANGES)) {
  test(`the compiler is red when ${old} becomes ${changed}`, async () => {
    const folder = await cases()
    const types = await read('src/database.d.ts')
    assert.ok(types.includes(old))
    await writeFile(join(folder, 'src/database.d.ts'), types.replaceAll(old, changed))
    const { code, output } = await tsc('--project', folder)
    assert.notEqual(code, 0)
    assert.match(output, complaint)
  })
}

test('issuesOf makes an empty list of all other errors', () => {
  const details = ['', 'The result contains 0 rows', 'null', '1', '[]', '{}', '{"issues": 1}', null, 7]
  for (const error of [null, undefined, '', 1, {}, new Error('no'), ...details.map((each) => ({ details: each }))]) {
    assert.deepEqual(issuesOf(error), [])
  }
  const issue = { code: 'sold_out', path: 'p_tickets', message: 'Sold out.' }
  assert.deepEqual(issuesOf({ details: JSON.stringify({ issues: [issue], issues_total: 1 }) }), [issue])
})

test('isTransient is true of what may succeed when it is repeated', () => {
  for (const code of ['', undefined, '08006', '40001', '40P01', '53300', '55P03', '57014', '57P01', 'PGRST001']) {
    assert.ok(isTransient({ code, message: '' }), code)
  }
  for (const code of ['TK001', 'TK005', 'TK006', '42501', '42883', '22P02', '25006', 'PGRST202', 'PGRST301']) {
    assert.ok(!isTransient({ code, message: '' }), code)
  }
  assert.ok(!isTransient(null) && !isTransient(undefined))
})
