// The transport to the FastAPI service. A call without a reply is repeated: the database does nothing
// twice.

import { NoReply, Problem } from './problem.js'

const PAUSES = [300, 1000, 3000] // in milliseconds
const TOKEN = 'ticketing-wizard/token'

export class HttpTransport {
  constructor(storage = localStorage) { this.storage = storage }

  /** The e-mail address of the signed-in buyer, or null. */
  get email() { return JSON.parse(this.storage.getItem(TOKEN))?.email ?? null }

  /** Sign in. The service of an example takes everyone at their word; yours has a sign-in of its own. */
  async signIn(email) {
    const { token } = await this.#request('POST', '/development/sign-in', { email })
    this.storage.setItem(TOKEN, JSON.stringify({ email, token }))
  }

  signOut() { this.storage.removeItem(TOKEN) }

  availability(functionId, registrationId) {
    const of = registrationId ? `?p_registration_id=${registrationId}` : ''
    return this.#request('GET', `/functions/${encodeURIComponent(functionId)}/availability${of}`)
  }

  quote(functionId, body) { return this.#request('POST', `/functions/${encodeURIComponent(functionId)}/quote`, body) }
  create(body) { return this.#request('POST', '/registrations/individuals', body) }
  read(id) { return this.#request('GET', `/registrations/${id}`) }
  persist(id, body) { return this.#request('POST', `/registrations/${id}/tickets`, body) }
  startPayment(id, body) { return this.#request('POST', `/registrations/${id}/payment`, body) }
  cancel(id, body) { return this.#request('POST', `/registrations/${id}/cancel`, body) }
  updateAttendees(id, body) { return this.#request('POST', `/registrations/${id}/attendees`, body) }
  amend(id, body) { return this.#request('POST', `/registrations/${id}/amendment`, body) }
  cancelTickets(id, body) { return this.#request('POST', `/registrations/${id}/tickets/cancel`, body) }

  /** Pay. Stands in for the payment provider, which tells the service by its webhook. */
  pay(id) { return this.#request('POST', `/development/pay/${id}`) }

  /** Pay what dearer tickets cost more. The body is that of amend, and the amount that the buyer agrees to. */
  payDifference(id, body) { return this.#request('POST', `/development/pay/${id}/difference`, body) }

  async #request(method, path, body) {
    const token = JSON.parse(this.storage.getItem(TOKEN))?.token
    const headers = { ...(body && { 'Content-Type': 'application/json' }), ...(token && { Authorization: `Bearer ${token}` }) }
    for (const pause of [...PAUSES, null]) {
      try {
        const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store' })
        if (response.ok) return await response.json()
        if (response.status !== 503) throw new Problem(await response.json())
      } catch (error) {
        if (error instanceof Problem) throw error
      }
      if (pause !== null) await new Promise(resolve => setTimeout(resolve, pause))
    }
    throw new NoReply('No reply from the server.')
  }
}
