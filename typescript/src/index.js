/** Returns the issues that a refused call lists; see index.d.ts. */
export function issuesOf(error) {
  try {
    const { issues } = JSON.parse(error.details)
    return Array.isArray(issues) ? issues : []
  } catch {
    return [] // not an error, or not one of ours
  }
}

// Nothing or a page of a gateway came back, a class of connection errors, a deadlock or a
// serialization failure, a lock or statement timeout, and what PostgREST says without a connection.
const TRANSIENT = /^(08\d\w\w|40001|40P01|53\w{3}|55P03|57\w{3}|PGRST00[0-3])?$/

/** Tells whether the same call may succeed when it is repeated; see index.d.ts. */
export function isTransient(error) {
  return error != null && TRANSIENT.test(error.code ?? '')
}
