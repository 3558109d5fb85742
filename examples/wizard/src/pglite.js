// The transport to PostgreSQL in the page itself.

const USER = 'ticketing-wizard/user'

export class PGliteTransport {
  /**
   * @param {(request: object) => Promise<object>} call  what connect() in database.js returns
   * @param {Storage} storage  where the browser keeps who is signed in
   */
  constructor(call, storage = localStorage) { Object.assign(this, { call, storage }) }

  /** The e-mail address of the signed-in buyer, or null. */
  get email() { return JSON.parse(this.storage.getItem(USER))?.email ?? null }

  /** Sign in: the same address is the same user. */
  async signIn(email) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(email.trim().toLowerCase()))
    const hex = [...new Uint8Array(digest)].slice(0, 16).map(byte => byte.toString(16).padStart(2, '0')).join('')
    const sub = hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-8$4-') // a UUID of version 4
    this.storage.setItem(USER, JSON.stringify({ email, sub }))
  }

  signOut() { this.storage.removeItem(USER) }

  availability(id, registrationId) { return this.#rpc('get_ticket_availability', { p_function_id: id, p_registration_id: registrationId }) }
  quote(id, body) { return this.#rpc('quote_ticket_selections', { p_function_id: id, ...body }) }
  create(body) { return this.#rpc('create_individual_registration_with_tickets', body) }
  read(id) { return this.#rpc('get_registration', { p_registration_id: id }) }
  persist(id, body) { return this.#rpc('persist_attendee_tickets', { p_registration_id: id, ...body }) }
  startPayment(id, body) { return this.#rpc('start_payment', { p_registration_id: id, ...body }) }
  cancel(id, body) { return this.#rpc('cancel_registration', { p_registration_id: id, ...body }) }
  updateAttendees(id, body) { return this.#rpc('update_attendees', { p_registration_id: id, ...body }) }
  amend(id, body) { return this.#rpc('amend_registration', { p_registration_id: id, ...body }) }
  cancelTickets(id, body) { return this.#rpc('cancel_tickets', { p_registration_id: id, ...body }) }

  /** Pay. Stands in for the payment provider and for the service that it tells. */
  async pay(id) {
    const { amount_due: amount, currency } = await this.read(id)
    return this.#record('complete_registration_payment', { p_registration_id: id }, { amount, currency })
  }

  /** Pay what dearer tickets cost more. What the buyer may not change is refused before. */
  async payDifference(id, { amount, ...body }) {
    try {
      await this.amend(id, body)
      return { outcome: 'recorded' } // nothing due, or changed already
    } catch (error) {
      if (error.issues?.[0]?.code !== 'payment_required') throw error
    }
    const { currency } = await this.read(id)
    return this.#record('amend_registration', { p_registration_id: id, ...body }, { amount, currency })
  }

  async #record(name, args, payment) {
    const given = { reference: crypto.randomUUID(), ...payment }
    await this.call({ name, args: { ...args, p_payment: given }, role: 'service_role', claims: {} })
    return { outcome: 'recorded' }
  }

  #rpc(name, args) {
    const user = JSON.parse(this.storage.getItem(USER))
    return this.call({ name, args, role: user ? 'authenticated' : 'anon', claims: user ?? {} })
  }
}
