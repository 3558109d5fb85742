// The registration of one buyer: what is on the screen, what the database has, and the difference.
// It knows no screen, and of the server only the transport's calls. What is on the screen is
// kept in the browser after every change, so that a reload loses nothing; other tabs follow it.

import { Problem } from './problem.js'

const PREFIX = 'ticketing-wizard/'
const NOTHING = { packages: [], individualTickets: [] }

/**
 * Expand what attendees have selected into rows, one per ticket, as p_tickets accepts them.
 *
 * @param {object} ticketSelections  {attendeeId: {packages: [{packageId, quantity}], individualTickets: [{ticketId, quantity}]}}
 * @param {object} availability  the answer of get_ticket_availability, which lists what is in a package
 * @returns {object[]} [{attendee_id, event_id, ticket_type_id, package_id}]; the database adds the prices
 */
export function expandPackagesToDatabaseFormat(ticketSelections, availability) {
  const eventOf = new Map(availability.ticket_types.map(type => [type.ticket_type_id, type.event_id]))
  const itemsOf = new Map(availability.packages.map(offered => [offered.package_id, offered.items]))
  const rows = []
  const add = (attendeeId, ticketTypeId, packageId, quantity) => {
    for (let i = 0; i < quantity; i++) {
      rows.push({
        attendee_id: attendeeId, event_id: eventOf.get(ticketTypeId), ticket_type_id: ticketTypeId, package_id: packageId,
      })
    }
  }
  for (const [attendeeId, { packages, individualTickets }] of Object.entries(ticketSelections)) {
    for (const line of packages) {
      for (const item of itemsOf.get(line.packageId) ?? []) {
        add(attendeeId, item.ticket_type_id, line.packageId, item.quantity * line.quantity)
      }
    }
    for (const line of individualTickets) add(attendeeId, line.ticketId, null, line.quantity)
  }
  return rows
}

/**
 * Build the arguments of persist_attendee_tickets: every attendee named holds exactly this afterwards.
 *
 * @param {object} ticketSelections  as above, one entry per attendee, also for those with nothing
 * @param {object} availability  as above
 * @param {number} revision  the revision that the buyer has seen
 * @returns {object} {p_tickets, p_attendee_updates, p_expected_revision}
 */
export function buildTicketSelectionPayload(ticketSelections, availability, revision) {
  return {
    p_tickets: expandPackagesToDatabaseFormat(ticketSelections, availability),
    p_attendee_updates: Object.entries(ticketSelections).map(([attendeeId, { packages, individualTickets }]) => ({
      attendee_id: attendeeId,
      selected_tickets: {
        packages: packages.map(({ packageId, quantity }) => ({ packageId, quantity })),
        individualTickets: individualTickets.map(({ ticketId, quantity }) => ({ ticketId, quantity })),
      },
    })),
    p_expected_revision: revision,
  }
}

/** Whether a selection has a line. */
export const isEmpty = selection =>
  [...(selection?.packages ?? []), ...(selection?.individualTickets ?? [])].every(line => line.quantity === 0)

/** The same text for the same content, whatever the order of keys: the database has an order of its own. */
const canonical = value => JSON.stringify(value, (_, inner) =>
  inner && typeof inner === 'object' && !Array.isArray(inner)
    ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
    : inner)

const canonicalSelections = ticketSelections => canonical(Object.fromEntries(
  Object.entries(ticketSelections).filter(([, selection]) => !isEmpty(selection)).map(([id, selection]) => [id, [
    selection.packages.map(line => `${line.packageId} ${line.quantity}`).sort(),
    selection.individualTickets.map(line => `${line.ticketId} ${line.quantity}`).sort(),
  ]])))

export class Store extends EventTarget {
  /**
   * @param {object} transport  how calls reach the database: http.js or pglite.js
   * @param {string} functionId  the event function that is sold
   * @param {Storage} storage  where the browser keeps what is not saved yet
   */
  constructor(transport, functionId, storage = localStorage) {
    super()
    Object.assign(this, { transport, functionId, storage })
    this.availability = null // the last answers of the database
    this.answer = null
    this.conflict = null // the answer that another device has saved while this one has unsaved changes
    this.state = null
    addEventListener('storage', event => {
      if (this.state && event.key === PREFIX + this.state.registrationId && event.newValue) {
        const { revision } = this.state.saved
        this.state = JSON.parse(event.newValue)
        this.#changed()
        if (this.state.saved.revision !== revision) this.read().catch(() => {}) // the next call tells
      }
    })
  }

  /** The registration that this browser worked on last, or null. */
  get lastRegistrationId() { return this.storage.getItem(PREFIX + 'last') }

  get attendees() {
    return [this.state.registration.primaryAttendee, ...this.state.registration.additionalAttendees]
  }

  get hasUnsavedAttendees() { return canonical(this.state.registration) !== this.state.saved.registration }
  get hasUnsavedTickets() { return canonicalSelections(this.state.ticketSelections) !== this.state.saved.ticketSelections }
  get isStored() { return this.state.saved.revision !== null }

  /** What is paid is exchanged: its selection is on the screen, its tickets are those of the answer. */
  get isPaid() { return this.answer?.status === 'completed' }

  selectionOf(attendeeId) { return this.state.ticketSelections[attendeeId] ?? NOTHING }
  get attendeesWithoutTickets() { return this.attendees.filter(one => isEmpty(this.selectionOf(one.attendeeId))) }

  /** Begin a registration for the signed-in buyer. Nothing is sent yet. */
  begin(email) {
    const registrationId = crypto.randomUUID()
    this.answer = this.conflict = null
    this.state = {
      registrationId,
      registration: {
        registrationId, functionId: this.functionId, registrationType: 'individuals',
        primaryAttendee: { attendeeId: crypto.randomUUID(), attendeeType: 'guest', isPrimary: true, firstName: '', lastName: '' },
        additionalAttendees: [],
        billingDetails: { firstName: '', lastName: '', emailAddress: email, mobileNumber: '' },
      },
      ticketSelections: {},
      saved: { revision: null, registration: null, ticketSelections: canonicalSelections({}) },
    }
    this.#keep()
  }

  /**
   * Resume a registration: from this browser, from the database, or both.
   *
   * @throws {Problem} when the database has no such registration of this buyer and the browser neither
   */
  async resume(registrationId) {
    const kept = this.storage.getItem(PREFIX + registrationId)
    this.conflict = null
    this.state = kept && JSON.parse(kept)
    try {
      await this.read(registrationId)
    } catch (error) {
      // begun here, but not sent yet, or sent without a reply
      if (!(this.state && !this.isStored && error instanceof Problem && error.status === 404)) throw error
    }
  }

  /** Read what the database has, and take it over unless this browser has changes of its own. */
  async read(registrationId = this.state.registrationId) {
    const answer = await this.transport.read(registrationId)
    this.answer = answer
    const mine = this.state
    const isOver = answer.status === 'cancelled' || (answer.status === 'completed' && !mine?.saved.isPaid)
    if (!mine || isOver || (mine.saved.revision !== answer.revision && !this.#differsFrom(answer))) {
      this.takeTheirs(answer)
    } else if (mine.saved.revision !== answer.revision) {
      if (this.hasUnsavedAttendees || this.hasUnsavedTickets) {
        this.conflict = answer
        this.#changed()
      } else {
        this.takeTheirs(answer)
      }
    } else {
      this.#changed()
    }
    return answer
  }

  /** Continue with what the database has; unsaved changes are dropped. */
  takeTheirs(answer = this.conflict) {
    this.conflict = null
    this.state = {
      registrationId: answer.registration_id,
      registration: structuredClone({ additionalAttendees: [], billingDetails: {}, ...answer.registration }),
      ticketSelections: structuredClone(answer.ticket_selections),
    }
    this.#saved(answer)
  }

  /** Continue with what is on the screen: the next save replaces what another device has saved. */
  keepMine() {
    const { conflict } = this
    this.conflict = null
    if (this.isPaid) { this.#keepOn(conflict); return }
    this.#saved(conflict, { registration: conflict.registration, ticketSelections: conflict.ticket_selections })
  }

  change(edit) {
    edit(this.state)
    this.#keep()
  }

  addAttendee() {
    const attendee = { attendeeId: crypto.randomUUID(), attendeeType: 'guest', isPrimary: false, firstName: '', lastName: '' }
    this.change(state => state.registration.additionalAttendees.push(attendee))
    return attendee
  }

  removeAttendee(attendeeId) {
    this.change(({ registration, ticketSelections }) => {
      registration.additionalAttendees = registration.additionalAttendees.filter(one => one.attendeeId !== attendeeId)
      delete ticketSelections[attendeeId]
    })
  }

  /** Put an attendee back to what is saved. */
  undoAttendee(attendeeId) {
    const saved = this.#savedAttendees().find(one => one.attendeeId === attendeeId)
    this.change(({ registration }) => {
      if (registration.primaryAttendee.attendeeId === attendeeId) registration.primaryAttendee = saved
      else registration.additionalAttendees = registration.additionalAttendees.map(one => (one.attendeeId === attendeeId ? saved : one))
    })
  }

  /**
   * Select a package or a ticket type for an attendee, or no longer.
   *
   * @returns {string[]} names of what had to go: an attendee has packages or single tickets where the
   *   function sells it so
   */
  select(attendeeId, kind, id, isSelected) {
    const [list, key, other] = kind === 'package'
      ? ['packages', 'packageId', 'individualTickets'] : ['individualTickets', 'ticketId', 'packages']
    const selection = structuredClone(this.selectionOf(attendeeId))
    const gone = []
    selection[list] = selection[list].filter(line => line[key] !== id)
    if (isSelected) {
      selection[list].push({ [key]: id, quantity: 1 })
      if (this.availability.function.selection_mode === 'exclusive') {
        gone.push(...selection[other].map(line => this.nameOf(line.packageId ?? line.ticketId)))
        selection[other] = []
      }
    }
    this.change(state => { state.ticketSelections[attendeeId] = selection })
    return gone
  }

  nameOf(id) {
    return this.availability?.packages.find(one => one.package_id === id)?.name
      ?? this.availability?.ticket_types.find(one => one.ticket_type_id === id)?.name ?? id
  }

  async readAvailability() {
    this.availability = await this.transport.availability(
      this.functionId, this.state && this.isStored ? this.state.registrationId : null)
    this.#changed()
  }

  /** Ask for the price of what is selected, and what is wrong with it. Nothing is written. */
  quote() {
    return this.transport.quote(this.functionId, {
      p_selections: this.#allSelections(), p_registration_id: this.state.registrationId,
    })
  }

  /**
   * Ask why an attendee cannot have what is on sale: the database judges everything at once.
   *
   * @returns {Promise<Map<string, object>>} the issue by package id or ticket type id
   */
  async reasonsFor(attendeeId) {
    const everything = {
      packages: this.availability.packages.map(one => ({ packageId: one.package_id, quantity: 1 })),
      individualTickets: this.availability.ticket_types.map(one => ({ ticketId: one.ticket_type_id, quantity: 1 })),
    }
    const { issues } = await this.transport.quote(this.functionId, {
      p_selections: { [attendeeId]: everything }, p_registration_id: this.state.registrationId,
    })
    const about = ['not_eligible', 'fact_missing', 'registration_type_not_allowed']
    return new Map(issues.filter(issue => about.includes(issue.code))
      .map(issue => [issue.package_id ?? issue.ticket_type_id, issue]))
  }

  /**
   * Save the attendees.
   *
   * @param {string[]} emptied  attendees who give up all their tickets with this change
   * @throws {Problem} with the issues of those who may not keep what they hold
   */
  async saveAttendees(emptied = []) {
    const { registration, saved } = this.state
    const sent = canonical(registration)
    const answer = await this.transport.create({
      p_registration_data: registration,
      p_attendee_updates: emptied.map(attendeeId => ({ attendee_id: attendeeId, selected_tickets: NOTHING })),
      p_expected_revision: saved.revision,
    })
    this.change(state => {
      for (const attendeeId of emptied) state.ticketSelections[attendeeId] = structuredClone(NOTHING)
      state.saved.registration = sent
      state.saved.revision = answer.revision
      if (emptied.length) state.saved.ticketSelections = canonicalSelections(state.ticketSelections)
    })
    return answer
  }

  /** Make the tickets in the database those of the screen; repeating it changes nothing. */
  async persistTicketsToDatabase() {
    const selections = this.#allSelections()
    const answer = await this.transport.persist(
      this.state.registrationId, buildTicketSelectionPayload(selections, this.availability, this.state.saved.revision))
    this.change(state => {
      state.saved.ticketSelections = canonicalSelections(selections)
      state.saved.revision = answer.revision
    })
    return answer
  }

  async startPayment() {
    const answer = await this.transport.startPayment(
      this.state.registrationId, { p_expected_revision: this.state.saved.revision })
    await this.read()
    return answer
  }

  async pay() { return this.transport.pay(this.state.registrationId) }

  async cancel() {
    await this.transport.cancel(this.state.registrationId, { p_reason: 'Cancelled in the wizard' })
    await this.read()
  }

  // A registration that is paid

  /** Those whose name on the screen is not saved. */
  get unsavedAttendees() {
    const saved = new Map(this.#savedAttendees().map(one => [one.attendeeId, canonical(one)]))
    return this.attendees.filter(one => canonical(one) !== saved.get(one.attendeeId))
  }

  async saveNames() {
    await this.transport.updateAttendees(this.state.registrationId, {
      p_attendees: this.unsavedAttendees.map(({ attendeeId, attendeeType, firstName, lastName }) => (
        { attendeeId, attendeeType, firstName, lastName })),
      p_expected_revision: this.state.saved.revision,
    })
    await this.read()
  }

  /** The names of what an attendee gives up, and of what is added, by the selection on the screen. */
  exchangeOf(attendeeId) {
    const change = new Map()
    const count = (selection, sign) => [...selection.packages, ...selection.individualTickets].forEach(line => {
      const id = line.packageId ?? line.ticketId
      change.set(id, (change.get(id) ?? 0) + sign * line.quantity)
    })
    count(this.answer.ticket_selections[attendeeId] ?? NOTHING, -1)
    count(this.selectionOf(attendeeId), 1)
    const names = sign => [...change].filter(([, quantity]) => quantity * sign > 0)
      .map(([id, quantity]) => (quantity * sign > 1 ? `${quantity * sign} × ` : '') + this.nameOf(id))
    return { gone: names(-1), added: names(1) }
  }

  /** Exchange tickets for those on the screen. What this costs more is paid, and has arrived once it is read. */
  exchange(amount) {
    const body = { p_selections: this.#allSelections(), p_expected_revision: this.state.saved.revision }
    const { registrationId } = this.state
    return Number(amount) > 0
      ? this.transport.payDifference(registrationId, { ...body, amount })
      : this.transport.amend(registrationId, body)
  }

  /** Put the selections back to what is stored. */
  undoExchange() { this.change(state => { state.ticketSelections = structuredClone(this.answer.ticket_selections) }) }

  /** Ask what giving up tickets of an attendee would leave to be given back. Nothing is written. */
  quoteWithout(tickets) {
    const selections = structuredClone(this.answer.ticket_selections)
    const [{ client_attendee_id: attendeeId, package_id: packageId, ticket_type_id: ticketId }] = tickets
    const selection = selections[attendeeId]
    if (packageId) selection.packages = selection.packages.filter(line => line.packageId !== packageId)
    else selection.individualTickets.find(line => line.ticketId === ticketId).quantity -= 1
    return this.transport.quote(this.functionId, { p_selections: selections, p_registration_id: this.state.registrationId })
  }

  /** Ask what cancelling would leave to be given back: it is what having no ticket would. Nothing is written. */
  quoteCancellation() {
    const selections = Object.fromEntries(this.attendees.map(({ attendeeId }) => [attendeeId, NOTHING]))
    return this.transport.quote(this.functionId, { p_selections: selections, p_registration_id: this.state.registrationId })
  }

  async giveUp(tickets) {
    await this.transport.cancelTickets(this.state.registrationId, {
      p_ticket_ids: tickets.map(ticket => ticket.ticket_id), p_reason: 'Given up in the wizard',
      p_expected_revision: this.state.saved.revision,
    })
    await this.read()
  }

  /** Forget the registration in this browser. */
  forget() {
    this.storage.removeItem(PREFIX + this.state.registrationId)
    this.storage.removeItem(PREFIX + 'last')
    this.state = this.answer = this.conflict = null
  }

  /** Forget all that this browser keeps: who uses it next must not see it. */
  forgetAll() {
    Object.keys(this.storage).filter(key => key.startsWith(PREFIX)).forEach(key => this.storage.removeItem(key))
    this.state = this.answer = this.conflict = null
  }

  #allSelections() {
    return Object.fromEntries(this.attendees.map(({ attendeeId }) => [attendeeId, this.selectionOf(attendeeId)]))
  }

  /** What is paid stays as another device has saved it, but for the names and selections changed here. */
  #keepOn(conflict) {
    const names = new Map(this.unsavedAttendees.map(({ attendeeId, firstName, lastName }) => [attendeeId, { firstName, lastName }]))
    const selections = this.hasUnsavedTickets ? this.state.ticketSelections : {}
    this.takeTheirs(conflict)
    this.change(state => {
      this.attendees.forEach(one => Object.assign(one, names.get(one.attendeeId)))
      Object.assign(state.ticketSelections, selections)
    })
  }

  #savedAttendees() {
    const { primaryAttendee, additionalAttendees } = JSON.parse(this.state.saved.registration)
    return [primaryAttendee, ...additionalAttendees]
  }

  #differsFrom(answer) {
    return canonical(this.state.registration) !== canonical(answer.registration)
      || canonicalSelections(this.state.ticketSelections) !== canonicalSelections(answer.ticket_selections)
  }

  #saved({ revision, status }, { registration, ticketSelections } = this.state) {
    this.state.saved = {
      revision,
      isPaid: status === 'completed',
      registration: canonical(registration),
      ticketSelections: canonicalSelections(ticketSelections),
    }
    this.#keep()
  }

  #keep() {
    this.storage.setItem(PREFIX + this.state.registrationId, JSON.stringify(this.state))
    this.storage.setItem(PREFIX + 'last', this.state.registrationId)
    this.#changed()
  }

  #changed() { this.dispatchEvent(new Event('change')) }
}
