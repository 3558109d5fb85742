// The wizard: which screen is shown, what its buttons do, and the history of the browser.
// The address is #/<registration>/<step>; the browser's own Back and Forward do what the buttons do.
// Once it is paid, the last step is "My registration", and exchange chooses tickets once more.

import { ask, html, show } from './markup.js'
import { NoReply, Problem } from './problem.js'
import { Store, isEmpty } from './store.js'
import * as view from './view.js'
import { issueInWords, money, nameOf, problemInWords } from './words.js'

const ORDER = view.STEPS.map(([name]) => name)
const REFRESH = 15_000 // milliseconds between two looks at what is left
const PATIENCE = 60_000 // milliseconds to wait for the payment provider

const $ = id => document.getElementById(id)
const later = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/**
 * Run the wizard in the page.
 *
 * @param {object} transport  how calls reach the database: HttpTransport or PGliteTransport
 * @param {string} functionId  the event function that is sold
 */
export async function runWizard(transport, functionId) {
  const store = new Store(transport, functionId)
  const screen = {
    step: 'start', wanted: null, lines: [], errors: new Map(), reasons: new Map(), withoutTickets: new Set(),
    naming: new Set(), quote: null, isBusy: false, isWaiting: false, offset: 0,
  }

  // What is shown

  const screens = {
    start: () => view.start({ store, email: transport.email, wanted: screen.wanted }),
    attendees: () => view.attendees({ store, errors: screen.errors }),
    tickets: () => view.tickets({ store, reasons: screen.reasons, withoutTickets: screen.withoutTickets }),
    summary: () => view.summary({ store, link: `${location.href.split('#')[0]}#/${store.state.registrationId}/summary` }),
    payment: () => view.payment({ store, isWaiting: screen.isWaiting }),
    done: () => view.done({ store, naming: beingNamed(), errors: screen.errors, now: Date.now() + screen.offset }),
  }
  screens.exchange = screens.tickets

  function draw() {
    const { step } = screen
    const { name } = store.availability.function
    const { answer } = store
    document.title = `${view.STEPS.find(([one]) => one === step)?.[1] ?? (step === 'exchange' ? 'Exchange' : 'Welcome')} – ${name}`
    $('function').textContent = name
    show($('account'), transport.email ? html`<span>${transport.email}</span> <button type="button" class="link" data-do="sign-out">Sign out</button>` : '')
    show($('progress'), ORDER.includes(step) ? view.progress(step) : '')
    show($('conflict'), store.conflict ? view.conflict() : '')
    show($('messages'), view.messages(screen.lines))
    show($('screen'), screens[step]())
    const total = step === 'tickets' ? screen.quote?.subtotal : step === 'summary' ? answer?.total : null
    show($('hold'), ['tickets', 'summary', 'payment'].includes(step) && answer ? view.hold({ answer, offset: screen.offset }) : '')
    show($('total'), step === 'exchange' && screen.quote ? differenceInWords(screen.quote)
      : total === null || total === undefined ? '' : totalInWords(total))
    $('bar').hidden = ['start', 'done'].includes(step)
    $('back').hidden = step === 'attendees'
    $('continue').hidden = step === 'payment'
    $('continue').textContent = { summary: 'To payment', exchange: 'Exchange' }[step] ?? 'Continue'
    $('continue').disabled = $('back').disabled = screen.isBusy
    document.body.toggleAttribute('data-busy', screen.isBusy)
  }

  const totalInWords = total => store.attendeesWithoutTickets.length === store.attendees.length
    ? 'Nothing chosen yet' : html`Total <strong>${money(total, store.availability.currency)}</strong>`

  const amount = number => money(number, store.availability.currency)

  const differenceInWords = ({ amount_due: due, refund_due: refund }) => Number(due) ? html`To pay <strong>${amount(due)}</strong>`
    : Number(refund) ? html`Due back to you <strong>${amount(refund)}</strong>` : 'Nothing to pay'

  const announce = text => { $('live').textContent = text }

  function say(error) {
    if (!(error instanceof Problem) && !(error instanceof NoReply)) throw error
    screen.lines = problemInWords(error)
  }

  // Where the buyer is

  const isOver = () => ['completed', 'cancelled'].includes(store.answer?.status)

  /** Where a step of one that is over leads. */
  const whereOver = step => (store.isPaid && step === 'exchange' ? step : 'done')

  /** Whose names are being corrected, also in another tab or before a reload. */
  const beingNamed = () => store.isPaid
    ? new Set([...screen.naming, ...store.unsavedAttendees.map(one => one.attendeeId)]) : screen.naming

  /** The farthest step that the registration allows. */
  function farthest() {
    if (isOver()) return 'done'
    if (!store.isStored || store.hasUnsavedAttendees) return 'attendees'
    if (store.hasUnsavedTickets || store.attendeesWithoutTickets.length) return 'tickets'
    return store.answer?.status === 'pending' ? 'payment' : 'summary'
  }

  async function go(step, { replace = false } = {}) {
    quotes++ // what is under way is about another step
    if (['tickets', 'exchange'].includes(step)) await lookAtTickets()
    if (step === 'summary') await read()
    screen.step = step
    screen.errors = new Map()
    screen.withoutTickets = new Set()
    screen.naming = new Set()
    const address = `#/${store.state.registrationId}/${step}`
    if (location.hash !== address) history[replace ? 'replaceState' : 'pushState'](null, '', address)
    draw()
    $('screen').querySelector('h1')?.focus()
    scrollTo(0, 0)
  }

  async function read() {
    const answer = await store.read()
    screen.offset = Date.parse(answer.server_time) - Date.now()
  }

  /** What is left, what each attendee may not have and why, and what the selection costs. */
  async function lookAtTickets() {
    await store.readAvailability()
    const found = await Promise.all(store.attendees.map(async ({ attendeeId }) => [attendeeId, await store.reasonsFor(attendeeId)]))
    screen.reasons = new Map(found)
    await quote()
  }

  let quotes = 0
  async function quote() {
    const mine = ++quotes
    const answer = await store.quote()
    if (mine !== quotes) return
    screen.quote = answer
    screen.lines = answer.issues.map(issueInWords)
    draw()
    announce(`${$('total').textContent}. ${screen.lines.join(' ')}`)
  }

  // What has to be done before a step is left towards the next one; false: it stays

  const leave = {
    async attendees() {
      if (!isComplete(new Map([...faultsOfNames(store.attendees), ...faultsOfContact()]))) return false
      const { primaryAttendee, billingDetails } = store.state.registration
      const { firstName, lastName } = primaryAttendee
      if (billingDetails.firstName !== firstName || billingDetails.lastName !== lastName) {
        store.change(state => { Object.assign(state.registration.billingDetails, { firstName, lastName }) })
      }
      if (store.isStored && !store.hasUnsavedAttendees) return true
      try {
        await store.saveAttendees()
      } catch (error) {
        const holders = new Set(error.issues?.map(issue => issue.client_attendee_id))
        if (error.status !== 422 || !holders.size || holders.has(undefined) || [...holders].some(id => isEmpty(store.selectionOf(id)))) throw error
        if (!await ask({
          title: 'Some tickets have to go',
          lines: linesAboutTicketsThatGo(store, error.issues),
          yes: 'Change, and give up these tickets', no: 'Keep it as it was',
        })) {
          holders.forEach(id => store.undoAttendee(id))
          return false
        }
        await store.saveAttendees([...holders])
      }
      return true
    },

    async tickets() {
      let without = store.attendeesWithoutTickets.map(one => one.attendeeId)
      if (!without.length) {
        const answer = await store.persistTicketsToDatabase()
        without = answer.attendees_without_tickets.map(one => one.client_attendee_id)
      }
      if (!without.length) return true
      screen.withoutTickets = new Set(without)
      screen.lines = store.attendees.map((one, place) => without.includes(one.attendeeId) && `${nameOf(one, place)} has no ticket yet.`).filter(Boolean)
      draw()
      $(`person-${without[0]}`)?.focus()
      return false
    },

    async summary() {
      await store.startPayment()
      return true
    },

    async exchange() {
      if (!store.hasUnsavedTickets) return true
      await quote()
      const { valid, amount_due: due, refund_due: refund } = screen.quote
      const { gone, added } = linesAboutExchange(store)
      const deed = !gone.length ? 'Add' : !added.length ? 'Give up' : 'Exchange'
      if (!valid || !await ask({
        title: `${deed} the tickets?`,
        lines: [...gone, ...added, Number(due) ? 'This example has no payment provider: the button stands in for one, and charges nothing.'
          : Number(refund) ? `${amount(refund)} is due back to you then.` : 'It costs nothing.'],
        yes: Number(due) ? `Pay ${amount(due)}` : deed, no: 'Not yet',
      })) return false
      return hasArrived(await store.exchange(due), () => !store.hasUnsavedTickets)
    },
  }

  /** Say what is missing beside its field. */
  function isComplete(faults) {
    screen.errors = faults
    if (faults.size) {
      draw()
      $([...faults.keys()][0])?.focus()
    }
    return !faults.size
  }

  /** Wait until what the provider has said of a payment has arrived. */
  async function hasArrived({ outcome, reason }, isThere) {
    if (outcome === 'to_refund') {
      screen.lines = [`The payment could not be used and is given back: ${reason}`]
      return false
    }
    await read()
    for (const end = Date.now() + PATIENCE; !isThere() && Date.now() < end; await read()) await later(500)
    if (!isThere()) screen.lines = ['The payment is not confirmed yet. Reload this page in a while to look again.']
    return isThere()
  }

  /** Do something that may be refused or stay without a reply, and say so. */
  async function attempt(work) {
    if (screen.isBusy) return
    screen.isBusy = true
    screen.lines = []
    draw()
    try {
      await work()
    } catch (error) {
      await recover(error)
    } finally {
      screen.isBusy = false
      draw()
    }
  }

  async function recover(error) {
    say(error)
    if (error instanceof NoReply) return
    if (error.status === 401) {
      transport.signOut()
      screen.wanted = store.state?.registrationId ?? null
      screen.step = 'start'
      screen.lines = ['Please sign in again.']
    } else if (error.status === 409 && store.state) {
      await read() // sold out, saved by another device, or no longer to be changed
      if (store.conflict) screen.lines = []
      if (isOver() && screen.step !== whereOver(screen.step)) await go('done', { replace: true })
      if (['tickets', 'exchange', 'done'].includes(screen.step)) await store.readAvailability()
    }
  }

  async function forward() {
    const { step } = screen
    if (await leave[step]()) {
      screen.lines = []
      await go(isOver() ? 'done' : ORDER[ORDER.indexOf(step) + 1])
    }
  }

  // What buttons and fields do

  const deeds = {
    add() {
      const { attendeeId } = store.addAttendee()
      draw()
      $(`first-${attendeeId}`).focus()
    },
    async remove({ id }) {
      const place = store.attendees.findIndex(one => one.attendeeId === id)
      const name = nameOf(store.attendees[place], place)
      if (!isEmpty(store.selectionOf(id)) && !await ask({
        title: `Remove ${name}?`, lines: [`${name} has tickets. They go as well.`], yes: `Remove ${name}`, no: 'Keep',
      })) return
      store.removeAttendee(id)
      announce(`${name} is removed.`)
      $('add').focus()
    },
    resume: ({ id }) => attempt(() => open(id, null)),
    theirs() { store.takeTheirs(); return attempt(() => go(screen.step)) },
    mine() { store.keepMine(); announce('Kept. Continue to save it.') },
    pay: () => attempt(async () => {
      screen.isWaiting = true
      draw()
      try {
        if (await hasArrived(await store.pay(), isOver)) await go('done', { replace: true })
      } finally {
        screen.isWaiting = false
      }
    }),
    cancel: () => attempt(async () => {
      const refund = store.isPaid && (await store.quoteCancellation()).refund_due
      if (!await ask({
        title: 'Cancel this registration?',
        lines: ['Your tickets become free for others.',
          ...(store.isPaid ? [Number(refund) ? `${amount(refund)} is due back to you then.` : 'Nothing is due back to you then.'] : [])],
        yes: 'Cancel the registration', no: 'Keep it',
      })) return
      await store.cancel()
      await go('done', { replace: true })
    }),
    name({ id }) {
      screen.naming.add(id)
      draw()
      $(`first-${id}`).focus()
    },
    'keep-name'({ id }) {
      screen.naming.delete(id)
      screen.errors = new Map()
      store.undoAttendee(id)
    },
    exchange: ({ id }) => attempt(async () => {
      await go('exchange')
      $(`person-${id}`).focus()
      $(`person-${id}`).scrollIntoView()
    }),
    'give-up': ({ id }) => attempt(async () => {
      const { title, tickets } = view.lineOf(store, id)
      const { issues, refund_due: refund } = await store.quoteWithout(tickets)
      screen.lines = issues.map(issueInWords)
      if (issues.length || !await ask({
        title: `Give up ${title}?`, lines: [Number(refund) ? `${amount(refund)} is due back to you then.` : 'Nothing is given back for it.'],
        yes: 'Give it up', no: 'Keep it',
      })) return
      await store.giveUp(tickets)
      announce(`${title} is given up.`)
    }),
    new() { store.forget(); store.begin(transport.email); return go('attendees') },
    async 'sign-out'() {
      if (store.state && (store.hasUnsavedAttendees || store.hasUnsavedTickets) && !await ask({
        title: 'Sign out?', lines: ['What you have entered here is not saved yet, and will be lost.'], yes: 'Sign out', no: 'Stay',
      })) return
      transport.signOut()
      store.forgetAll()
      screen.step = 'start'
      screen.wanted = null
      history.pushState(null, '', location.pathname + location.search)
      draw()
    },
  }

  document.addEventListener('click', event => {
    const button = event.target.closest('[data-do]')
    if (button) deeds[button.dataset.do](button.dataset)
  })
  $('continue').addEventListener('click', () => attempt(forward))
  $('back').addEventListener('click', () => attempt(() => {
    if (screen.step !== 'exchange') return go(ORDER[ORDER.indexOf(screen.step) - 1])
    store.undoExchange()
    return go('done')
  }))

  document.addEventListener('submit', event => {
    if (event.target.method === 'dialog') return
    event.preventDefault()
    if (event.target.matches('.naming')) { attempt(saveNames); return }
    if (event.target.id !== 'sign-in') { attempt(forward); return }
    const { email } = event.target.elements
    if (!email.checkValidity()) { screen.lines = ['Please enter an e-mail address, such as name@example.org.']; draw(); $('email').focus(); return }
    attempt(async () => {
      await transport.signIn(email.value)
      if (screen.wanted) { await open(screen.wanted, null); return }
      store.begin(email.value)
      await go('attendees')
    })
  })

  async function saveNames() {
    const named = beingNamed()
    if (!isComplete(faultsOfNames(store.attendees.filter(one => named.has(one.attendeeId))))) return
    if (store.unsavedAttendees.length) await store.saveNames()
    screen.naming = new Set()
    announce('Saved.')
  }

  const editing = event => {
    const { name, value, dataset } = event.target
    if (dataset.select) {
      const gone = store.select(dataset.attendee, dataset.select, dataset.id, event.target.checked)
      if (gone.length) announce(`${gone.join(', ')} is no longer selected.`)
      attemptQuietly(quote)
      return
    }
    const attendeeId = event.target.closest('[data-attendee]')?.dataset.attendee
    if (!attendeeId && !(name in (store.state?.registration.billingDetails ?? {}))) return
    isTyping = event.type === 'input'
    screen.errors.delete(event.target.id)
    event.target.removeAttribute('aria-invalid')
    $(`${event.target.id}-error`)?.remove()
    store.change(({ registration }) => {
      const edited = attendeeId ? store.attendees.find(one => one.attendeeId === attendeeId) : registration.billingDetails
      const key = dataset.fact ?? name
      const found = 'json' in dataset ? JSON.parse(value) : value
      if (dataset.fact && (found === '' || found === null)) delete edited[key]
      else edited[key] = found
    })
    isTyping = false
  }
  let isTyping = false // a field that is being typed in is not drawn again
  document.addEventListener('input', event => { if (event.target.matches('input:not([type=checkbox])')) editing(event) })
  document.addEventListener('change', event => { if (event.target.matches('select, [type=checkbox]')) editing(event) })

  store.addEventListener('change', () => {
    if (isTyping || !store.state || screen.step === 'start') return
    if (isOver() && screen.step !== whereOver(screen.step) && !screen.isBusy) { go('done', { replace: true }); return }
    draw()
  })

  async function attemptQuietly(work) {
    try { await work() } catch (error) { say(error); draw() }
  }

  // The history of the browser, reloads and links

  /** Show a step of a registration, or the last one before it that is possible. */
  async function open(registrationId, step) {
    screen.wanted = registrationId
    if (!transport.email) { screen.step = 'start'; draw(); return }
    try {
      await store.resume(registrationId)
    } catch (error) {
      screen.step = 'start'
      throw error
    }
    screen.wanted = null
    if (store.answer) screen.offset = Date.parse(store.answer.server_time) - Date.now()
    const limit = ORDER.indexOf(farthest())
    const possible = ORDER.includes(step) ? Math.min(ORDER.indexOf(step), limit) : limit
    await go(isOver() ? whereOver(step) : ORDER[possible], { replace: true })
  }

  const address = () => /^#\/([0-9a-f-]{36})(?:\/(\w+))?$/.exec(location.hash)?.slice(1) ?? [null, null]

  addEventListener('popstate', () => attempt(async () => {
    const [id, step] = address()
    if (!id) { screen.step = 'start'; screen.wanted = null; return }
    if (id !== store.state?.registrationId) { await open(id, step); return }
    if (isOver()) {
      if (screen.step === 'exchange') store.undoExchange()
      await go(whereOver(step), { replace: true })
      return
    }
    const from = ORDER.indexOf(screen.step)
    for (let place = from; place < ORDER.indexOf(step); place++) {
      if (!leave[ORDER[place]] || !await leave[ORDER[place]]()) { await stay(ORDER[place]); return }
    }
    await go(isOver() ? 'done' : step, { replace: true })
  }).then(() => { if (screen.step !== 'start' && address()[1] !== screen.step) stay(screen.step) }))

  async function stay(step) {
    const { lines, withoutTickets, errors } = screen
    await go(step, { replace: true })
    Object.assign(screen, { lines, withoutTickets, errors })
    draw()
  }

  setInterval(() => {
    if (document.hidden || screen.isBusy || !store.state) return
    if (['tickets', 'exchange'].includes(screen.step)) attemptQuietly(() => store.readAvailability())
    else if (['summary', 'payment', 'done'].includes(screen.step)) attemptQuietly(read)
  }, REFRESH)

  try {
    await store.readAvailability()
  } catch (error) {
    say(error)
    show($('messages'), view.messages(screen.lines))
    return
  }
  const [id, step] = address()
  await attempt(async () => { if (id) await open(id, step) })
  document.body.dataset.ready = 'yes'
}

/** Which names are missing, by the id of the field. */
function faultsOfNames(attendees) {
  const faults = new Map()
  attendees.forEach(({ attendeeId, firstName, lastName }) => {
    if (!firstName?.trim()) faults.set(`first-${attendeeId}`, 'Please enter a first name.')
    if (!lastName?.trim()) faults.set(`last-${attendeeId}`, 'Please enter a last name.')
  })
  return faults
}

/** Whether the address to write to is missing. */
function faultsOfContact() {
  const address = document.getElementById('emailAddress')
  return new Map(address.value && address.checkValidity() ? []
    : [['emailAddress', 'Please enter an e-mail address, such as name@example.org.']])
}

/** Which tickets go with a change of attendees, one line for each attendee. */
function linesAboutTicketsThatGo(store, issues) {
  return [...new Set(issues.map(issue => issue.client_attendee_id))].map(id => {
    const selection = store.selectionOf(id)
    const names = [...selection.packages, ...selection.individualTickets].map(line => store.nameOf(line.packageId ?? line.ticketId))
    const mine = issues.filter(issue => issue.client_attendee_id === id)
    return `${mine[0].attendee_name} gives up ${names.join(', ')}. ${mine.map(issueInWords).join(' ')}`
  })
}

/** Which tickets go and which come with an exchange, one line for each attendee. */
function linesAboutExchange(store) {
  const lines = { gone: [], added: [] }
  store.attendees.forEach((one, place) => {
    const { gone, added } = store.exchangeOf(one.attendeeId)
    if (gone.length) lines.gone.push(`${nameOf(one, place)} gives up ${gone.join(', ')}.`)
    if (added.length) lines.added.push(`${nameOf(one, place)} gets ${added.join(', ')}.`)
  })
  return lines
}
