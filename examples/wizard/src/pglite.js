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

  /** Pay. Stands in for the payment provider and for the service that it tells. */
  async pay(id) {
    const { amount_due: amount, currency } = await this.read(id)
    const payment = { reference: crypto.randomUUID(), amount, currency }
    await this.call({ name: 'complete_registration_payment', args: { p_registration_id: id, p_payment: payment }, role: 'service_role', claims: {} })
    return { outcome: 'recorded' }
  }

  #rpc(name, args) {
    const user = JSON.parse(this.storage.getItem(USER))
    return this.call({ name, args, role: user ? 'authenticated' : 'anon', claims: user ?? {} })
  }
}
