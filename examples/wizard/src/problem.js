/** A refusal of the database, in the same form over every transport. */
export class Problem extends Error {
  constructor({ status, code, detail, hint, issues }) {
    super(detail)
    Object.assign(this, { status, code, hint: hint ?? null, issues: issues ?? [] })
  }
}

/** No reply: the call may have been done or not. Repeating it does no harm. */
export class NoReply extends Error {}
