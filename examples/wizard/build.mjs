// Builds the wizard as one HTML file: PostgreSQL, the package, an event function, the page.
//   node build.mjs <ticketing.sql> <catalogue.json> <deadlines.json> <wizard.html>

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { gzipSync } from 'node:zlib'

import { PGlite } from '@electric-sql/pglite'
import { build } from 'esbuild'

const [sqlFile, catalogueFile, deadlinesFile, htmlFile] = process.argv.slice(2)
const here = new URL('.', import.meta.url)
const text = path => readFile(new URL(path, here), 'utf8')
const pglite = new URL('node_modules/@electric-sql/pglite/dist/', here)

// A database with the package and the event function in it starts faster than an empty one.
const sql = await readFile(sqlFile, 'utf8')
const document = JSON.parse(await readFile(catalogueFile, 'utf8'))
Object.assign(document.function, JSON.parse(await readFile(deadlinesFile, 'utf8')))
const catalogue = JSON.stringify(document)
const db = await PGlite.create()
await db.exec(sql)
const { rows } = await db.query('SELECT ticketing.import_catalogue(p_catalogue => $1) AS answer', [catalogue])
await db.exec('CHECKPOINT')
const data = Buffer.from(await (await db.dumpDataDir('none')).arrayBuffer())
await db.close()

// PGlite also runs in Node.js; what it would import there is empty in a browser.
const nothing = {
  name: 'nothing',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:)?(${builtinModules.join('|')}|ws)$`) }, ({ path }) => ({ path, namespace: 'nothing' }))
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'export default {}' }))
  },
}
const { outputFiles: [script] } = await build({
  entryPoints: [new URL('src/single.js', here).pathname], absWorkingDir: here.pathname,
  bundle: true, minify: true, write: false, format: 'esm', platform: 'browser', plugins: [nothing], logLevel: 'error',
})

const pack = (id, bytes, attributes = '') =>
  `<script type="application/octet-stream" id="${id}"${attributes}>${gzipSync(bytes, { level: 9 }).toString('base64')}</script>`
const version = createHash('sha256').update(sql).update(catalogue).digest('hex').slice(0, 12)
const packed = [
  pack('wasm', await readFile(new URL('pglite.wasm', pglite))),
  pack('initdb', await readFile(new URL('initdb.wasm', pglite))),
  pack('bundle', await readFile(new URL('pglite.data', pglite))),
  pack('data', data, ` data-version="${version}" data-function="${rows[0].answer.function_id}"`),
]
const css = await text('wizard.css')
const page = (await text('index.html'))
  .replace('<link rel="stylesheet" href="wizard.css">', () => `<style>\n${css}</style>`)
  .replace('<script type="module" src="src/main.js"></script>', () =>
    [...packed, `<script type="module">${script.text.replaceAll('</script', '<\\/script')}</script>`].join('\n'))
await writeFile(htmlFile, page)
console.log(`${htmlFile}: ${(page.length / 1e6).toFixed(1)} MB`)
