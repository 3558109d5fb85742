/** Commands of the package's own node_modules. */
import { execFile } from 'node:child_process'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the package. */
export const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Runs a program and returns how it ended and what it wrote.
 *
 * @param {string} program
 * @param {string[]} options
 * @param {string} [cwd]
 * @returns {Promise<{ code: number, output: string }>}
 */
export const run = (program, options, cwd = PACKAGE) =>
  new Promise((resolve) => {
    execFile(program, options, { cwd, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr })
    })
  })

/**
 * Runs the compiler of TypeScript.
 *
 * @param {...string} options
 */
export const tsc = (...options) => run(join(PACKAGE, 'node_modules/.bin/tsc'), options)

/**
 * Makes an empty folder for files that a test compiles, inside the package.
 *
 * @param {string} name
 * @param {object} compilerOptions What is different from the options of the tests.
 */
export async function workshop(name, compilerOptions) {
  const folder = join(PACKAGE, 'build', name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const options = { extends: '../../tsconfig.json', compilerOptions, include: ['.'] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options))
  return folder
}

export { cp, join, writeFile }
