// The screens, as markup of what the store has. They decide nothing.

import { html } from './markup.js'
import { isEmpty } from './store.js'
import { between, label, leftInWords, money, nameOf, reasonInWords, time, when } from './words.js'

export const STEPS = [
  ['attendees', 'People'], ['tickets', 'Tickets'], ['summary', 'Summary'], ['payment', 'Payment'], ['done', 'Done'],
]

export const progress = step => html`<ol>
  ${STEPS.map(([name, title], place) => {
    const now = STEPS.findIndex(([other]) => other === step)
    return html`<li ${place === now ? html`aria-current="step"` : ''} class="${place < now ? 'past' : place === now ? 'now' : ''}"><span>${place + 1}</span> ${title}</li>`
  })}</ol>`

const nameFields = ({ attendee: { attendeeId: id, firstName, lastName }, errors, isBuyer = false }) => html`
        ${field({ id: `first-${id}`, name: 'firstName', title: 'First name', value: firstName, error: errors.get(`first-${id}`), more: html`autocomplete="${isBuyer ? 'given-name' : 'off'}" required` })}
        ${field({ id: `last-${id}`, name: 'lastName', title: 'Last name', value: lastName, error: errors.get(`last-${id}`), more: html`autocomplete="${isBuyer ? 'family-name' : 'off'}" required` })}`

const field = ({ id, name, title, value, type = 'text', error, more = '' }) => html`<div class="field">
  <label for="${id}">${title}</label>
  <input id="${id}" name="${name}" type="${type}" value="${value ?? ''}" ${more}
    ${error ? html`aria-invalid="true" aria-describedby="${id}-error"` : ''}>
  ${error ? html`<p class="error" id="${id}-error">${error}</p>` : ''}
</div>`

/** What the rules of the catalogue ask about attendees: their types, and further facts with known values. */
export function questionsOf(availability) {
  const types = new Set(['guest'])
  const facts = new Map()
  for (const { eligibility } of [...availability.ticket_types, ...availability.packages]) {
    const rules = eligibility.rules ?? []
    const only = rules.filter(rule => rule.type === 'attendee_type').flatMap(rule => rule.value)
    only.forEach(type => types.add(type))
    for (const rule of rules.filter(one => !['attendee_type', 'registration_type'].includes(one.type))) {
      const fact = facts.get(rule.type) ?? { types: new Set(), values: new Set(), isForAll: false }
      only.forEach(type => fact.types.add(type))
      ;[rule.value].flat().forEach(value => fact.values.add(value))
      fact.isForAll ||= only.length === 0
      facts.set(rule.type, fact)
    }
  }
  return { types: [...types], facts: [...facts].map(([name, fact]) => ({ name, ...fact, values: [...fact.values] })) }
}

export const start = ({ store, email, wanted }) => {
  const { function: { name, timezone, starts_at: from, ends_at: to }, events } = store.availability
  return html`
  <h1 tabindex="-1">${wanted ? 'Continue your registration' : name}</h1>
  <p class="lead">${wanted ? 'Sign in with the e-mail address that it was made with.' : between(from, to, timezone)}</p>
  <form id="sign-in" novalidate class="card">
    ${field({ id: 'email', name: 'email', title: 'Your e-mail address', type: 'email', value: email, more: html`autocomplete="email" required` })}
    <div class="buttons"><button class="main">${wanted ? 'Continue' : 'Start'}</button></div>
  </form>
  ${store.lastRegistrationId && !wanted ? html`<p class="lead">You have begun a registration in this browser.
    <button type="button" class="link" data-do="resume" data-id="${store.lastRegistrationId}">Continue it</button></p>` : ''}
  ${wanted ? '' : html`<h2>Programme</h2><ul class="programme">${events.filter(event => event.is_active).map(event =>
    html`<li><span>${event.title}</span> <small>${when(event.starts_at, timezone)}</small></li>`)}</ul>`}`
}

export const attendees = ({ store, errors }) => {
  const { types, facts } = questionsOf(store.availability)
  const { billingDetails } = store.state.registration
  return html`
  <h1 tabindex="-1">Who is coming?</h1>
  <form id="people" novalidate>
  ${store.attendees.map((one, place) => {
    const id = one.attendeeId
    const asked = facts.filter(fact => fact.isForAll || fact.types.has(one.attendeeType))
    return html`<fieldset class="card" data-attendee="${id}">
      <legend>${place === 0 ? 'You' : nameOf(one, place)}</legend>
      ${place > 0 ? html`<button type="button" class="link remove" data-do="remove" data-id="${id}" aria-label="Remove ${nameOf(one, place)}">Remove</button>` : ''}
      <div class="columns">
        ${nameFields({ attendee: one, errors, isBuyer: place === 0 })}
        <div class="field"><label for="type-${id}">Comes as</label>
          <select id="type-${id}" name="attendeeType">
            ${types.map(type => html`<option value="${type}" ${type === one.attendeeType ? 'selected' : ''}>${label(type)}</option>`)}
          </select></div>
        ${asked.map(fact => fact.values.every(value => typeof value === 'string')
          ? html`<div class="field"><label for="${fact.name}-${id}">${label(fact.name)}</label>
            <input id="${fact.name}-${id}" data-fact="${fact.name}" value="${one[fact.name] ?? ''}" list="${fact.name}-values" autocomplete="off">
            <datalist id="${fact.name}-values">${fact.values.map(value => html`<option value="${value}">`)}</datalist></div>`
          : html`<div class="field"><label for="${fact.name}-${id}">${label(fact.name)}</label>
            <select id="${fact.name}-${id}" data-fact="${fact.name}" data-json>
              ${[null, ...new Set([...fact.values, ...(fact.values.some(value => typeof value === 'boolean') ? [true, false] : [])])].map(value => html`
                <option value="${JSON.stringify(value)}" ${(one[fact.name] ?? null) === value ? 'selected' : ''}>${value === null ? 'Not said' : value === true ? 'Yes' : value === false ? 'No' : value}</option>`)}
            </select></div>`)}
      </div>
    </fieldset>`
  })}
  <button type="button" id="add" class="add" data-do="add">+ Add a person</button>
  <fieldset class="card"><legend>Where we can reach you</legend>
    <div class="columns">
      ${field({ id: 'emailAddress', name: 'emailAddress', title: 'E-mail address', type: 'email', value: billingDetails.emailAddress, error: errors.get('emailAddress'), more: html`autocomplete="email" required` })}
      ${field({ id: 'mobileNumber', name: 'mobileNumber', title: 'Mobile number (if you like)', type: 'tel', value: billingDetails.mobileNumber, more: html`autocomplete="tel"` })}
    </div>
  </fieldset>
  <button hidden>Continue</button>
  </form>`
}

const offer = ({ store, attendeeId, kind, id, offered, title, detail, reason }) => {
  const { timezone } = store.availability.function
  const key = kind === 'package' ? 'packageId' : 'ticketId'
  const list = kind === 'package' ? 'packages' : 'individualTickets'
  const isSelected = store.selectionOf(attendeeId)[list].some(line => line[key] === id && line.quantity > 0)
  const isPossible = offered.status === 'on_sale' && !reason
  const box = `${attendeeId}-${id}`
  return html`<li class="offer ${isSelected ? 'selected' : ''} ${isPossible || isSelected ? '' : 'impossible'}">
    <input type="checkbox" id="${box}" data-select="${kind}" data-id="${id}" data-attendee="${attendeeId}"
      ${isSelected ? 'checked' : ''} ${isPossible || isSelected ? '' : 'disabled'} aria-describedby="${box}-about">
    <label for="${box}"><span class="name">${title}</span> <span class="price">${money(offered.price, store.availability.currency)}</span></label>
    <p id="${box}-about" class="about">${offered.description ? html`<span class="full">${offered.description}</span>` : ''}
      ${detail ? html`<span>${detail}</span>` : ''}
      ${reason ? html`<span class="reason">${reasonInWords(reason, title)}</span>`
        : html`<span class="${offered.status === 'on_sale' ? (offered.available <= 20 && offered.available !== null ? 'few' : 'left') : 'reason'}">${leftInWords(offered, timezone)}</span>`}</p>
  </li>`
}

export const tickets = ({ store, reasons, withoutTickets }) => {
  const { availability } = store
  const { timezone, selection_mode: mode } = availability.function
  const typeOf = new Map(availability.ticket_types.map(type => [type.ticket_type_id, type]))
  return html`
  <h1 tabindex="-1">${store.isPaid ? 'Exchange tickets' : 'Choose tickets'}</h1>
  ${mode === 'exclusive' ? html`<p class="lead">A package, or single tickets, for each person.</p>` : ''}
  ${store.attendees.map((one, place) => {
    const attendeeId = one.attendeeId
    const why = reasons.get(attendeeId) ?? new Map()
    const selection = store.selectionOf(attendeeId)
    const holds = id => [...selection.packages, ...selection.individualTickets].some(line => (line.packageId ?? line.ticketId) === id)
    const isForOthers = issue => issue?.code === 'registration_type_not_allowed'
      || (issue?.code === 'not_eligible' && issue.expected.some(rule => rule.type === 'registration_type'))
    const isShown = (offered, id) => holds(id) || (offered.status !== 'inactive' && !isForOthers(why.get(id)))
    const packages = availability.packages.filter(offered => isShown(offered, offered.package_id))
    const lacks = withoutTickets.has(attendeeId) && isEmpty(selection)
    return html`<section class="card person ${lacks ? 'lacks' : ''}" aria-labelledby="person-${attendeeId}" id="tickets-${attendeeId}">
      <h2 id="person-${attendeeId}" tabindex="-1">${nameOf(one, place)} <small>${label(one.attendeeType)}</small></h2>
      ${lacks ? html`<p class="error">${nameOf(one, place)} has no ticket yet.</p>` : ''}
      ${packages.length ? html`<h3>Packages</h3><ul class="offers">${packages.map(offered => offer({
        store, attendeeId, kind: 'package', id: offered.package_id, offered, title: offered.name, reason: why.get(offered.package_id),
        detail: offered.items.map(item => (item.quantity > 1 ? `${item.quantity} × ` : '') + typeOf.get(item.ticket_type_id)?.name).join(' + '),
      }))}</ul>` : ''}
      <h3>Single tickets</h3><ul class="offers">${availability.events.flatMap(event => availability.ticket_types
        .filter(type => type.event_id === event.event_id && isShown(type, type.ticket_type_id))
        .map(type => offer({
          store, attendeeId, kind: 'ticket', id: type.ticket_type_id, offered: type, title: type.name, reason: why.get(type.ticket_type_id),
          detail: [type.name.includes(event.title) ? '' : event.title, when(event.starts_at, timezone)].filter(Boolean).join(', '),
        })))}</ul>
    </section>`
  })}`
}

const linesOf = (store, answer, attendee) => {
  const mine = answer.tickets.filter(ticket => ticket.client_attendee_id === attendee.attendeeId && ticket.status === 'Active')
  const packages = Map.groupBy
    ? Map.groupBy(mine, ticket => ticket.package_id ?? ticket.ticket_id)
    : mine.reduce((map, ticket) => map.set(ticket.package_id ?? ticket.ticket_id, [...(map.get(ticket.package_id ?? ticket.ticket_id) ?? []), ticket]), new Map())
  return [...packages.values()].map(of => {
    const [first] = of
    const contents = of.map(ticket => store.nameOf(ticket.ticket_type_id))
    return {
      tickets: of,
      title: first.package_id ? store.nameOf(first.package_id) : contents[0],
      detail: first.package_id ? contents.join(' + ') : '',
      price: of.reduce((sum, ticket) => sum + Math.round(Number(ticket.price_paid) * 100), 0) / 100,
    }
  })
}

/** The line of a receipt with a ticket in it. */
export const lineOf = (store, ticketId) => store.attendees.flatMap(one => linesOf(store, store.answer, one))
  .find(line => line.tickets.some(ticket => ticket.ticket_id === ticketId))

const receipt = ({ store, below, beside = () => '', under = () => '' }) => {
  const { answer } = store
  return html`<div class="card receipt">
    ${store.attendees.map((one, place) => html`<section data-attendee="${one.attendeeId}"><h2>${nameOf(one, place)} <small>${label(one.attendeeType)}</small></h2>
      <ul>${linesOf(store, answer, one).map(line => html`<li><span>${line.title}${line.detail ? html`<small>${line.detail}</small>` : ''}${beside(line)}</span>
        <span class="price">${money(line.price, answer.currency)}</span></li>`)}</ul>${store.isPaid && isEmpty(answer.ticket_selections[one.attendeeId]) ? html`<p class="about">No ticket</p>` : ''}
      ${under(one, place)}</section>`)}
    <p class="total"><span>Total</span> <strong>${money(answer.total, answer.currency)}</strong></p>
    ${below}
  </div>`
}

export const summary = ({ store, link }) => html`
  <h1 tabindex="-1">Is everything right?</h1>
  ${receipt({ store })}
  <p>The confirmation goes to <strong>${store.state.registration.billingDetails.emailAddress}</strong>.</p>
  <details class="card"><summary>Continue on another device</summary>
    <p>Open this link there, and sign in with ${store.state.registration.billingDetails.emailAddress}:</p>
    <p><a href="${link}" id="link">${link}</a></p></details>
  <p><button type="button" id="cancel" class="link danger" data-do="cancel">Cancel this registration</button></p>`

export const payment = ({ store, isWaiting }) => html`
  <h1 tabindex="-1">Payment</h1>
  <div class="card pay">
    <p class="amount"><span>To pay</span> <strong>${money(store.answer.amount_due, store.answer.currency)}</strong></p>
    <p class="about">This example has no payment provider: the button stands in for one, and charges nothing.</p>
    <button type="button" id="pay" class="main" data-do="pay" ${isWaiting ? 'disabled' : ''}>
      ${isWaiting ? 'Waiting for the payment …' : html`Pay ${money(store.answer.amount_due, store.answer.currency)}`}</button>
  </div>
  <p><button type="button" id="cancel" class="link danger" data-do="cancel">Cancel this registration</button></p>`

const cancelled = ({ store: { answer } }) => html`
  <h1 tabindex="-1">Cancelled</h1>
  <p class="lead">This registration is cancelled, and its tickets are free again.
    ${Number(answer.refund_due) ? `You get ${money(answer.refund_due, answer.currency)} back.` : ''}</p>
  <p><button type="button" class="main" data-do="new">Start a new registration</button></p>`

const registration = ({ store, naming, errors, now }) => {
  const { answer, availability: { function: { timezone, changes_until: changes, refunds_until: refunds } } } = store
  const isUntil = deadline => Boolean(deadline) && now < Date.parse(deadline)
  const day = deadline => time(deadline, timezone, { dateStyle: 'long', timeStyle: 'short' })
  const isOpen = isUntil(changes)
  const amounts = [
    [answer.adjustment < 0 ? 'Discount, in the total' : 'Fee, in the total', answer.adjustment],
    ['Paid', answer.paid], ['Given back', answer.refunded], ['Due back to you', answer.refund_due],
  ]
  return html`
  <div class="tick" aria-hidden="true">✓</div>
  <h1 tabindex="-1">My registration</h1>
  <p class="lead">Thank you, you are registered. Your confirmation number is <strong id="confirmation">${answer.confirmation_number}</strong>.</p>
  ${receipt({
    store,
    beside: ({ title, tickets }) => isOpen && !naming.size && html` <button type="button" class="link" data-do="give-up" data-id="${tickets[0].ticket_id}"
      aria-label="Give up ${title}">Give up</button>`,
    under: (one, place) => naming.has(one.attendeeId) ? html`<form class="naming" novalidate>
        <div class="columns">${nameFields({ attendee: one, errors })}</div>
        <div class="buttons"><button type="button" class="quiet" data-do="keep-name" data-id="${one.attendeeId}">Keep it as it was</button>
        <button class="main">Save the name</button></div></form>`
      : isOpen && html`<p class="deeds"><button type="button" class="link" data-do="name" data-id="${one.attendeeId}"
          aria-label="Correct the name of ${nameOf(one, place)}">Correct the name</button>
        ${naming.size ? '' : html`<button type="button" class="link" data-do="exchange" data-id="${one.attendeeId}"
          aria-label="Exchange tickets of ${nameOf(one, place)}">Exchange tickets</button>`}</p>`,
    below: html`<dl>${amounts.filter(([, amount]) => Number(amount)).map(([title, amount]) =>
      html`<div><dt>${title}</dt> <dd>${money(amount, answer.currency)}</dd></div>`)}</dl>`,
  })}
  <p id="deadlines">${!changes ? 'Only the organiser can change it.'
    : !isOpen ? `Changes ended on ${day(changes)}. Please ask the organiser.`
      : `You can change it until ${day(changes)}. ${!refunds ? 'Money is not given back.'
        : isUntil(refunds) ? `Money is given back until ${day(refunds)}.` : `Refunds ended on ${day(refunds)}.`}`}</p>
  ${isUntil(refunds) || Number(answer.paid) === Number(answer.refunded) ? html`<p><button type="button" id="cancel" class="link danger" data-do="cancel">Cancel this registration</button></p>` : ''}
  <p><button type="button" class="link" data-do="new">Start another registration</button></p>`
}

export const done = given => (given.store.isPaid ? registration : cancelled)(given)

/** Until when the tickets are kept, counted by the clock of the database and shown by the buyer's. */
export const hold = ({ answer, offset }) => {
  if (answer.status === 'expired') return html`<p class="hold over">The time for these tickets is over. Continue, and you get them back if there are any left.</p>`
  if (!answer.hold_expires_at) return ''
  const minutes = Math.max(0, Math.ceil((Date.parse(answer.hold_expires_at) - Date.now() - offset) / 60000))
  return html`<p class="hold">Kept for you until <strong>${time(answer.hold_expires_at, undefined, { hour: 'numeric', minute: '2-digit' })}</strong> (${minutes} min)</p>`
}

export const messages = lines => lines.length
  ? html`<div class="card notice"><ul>${lines.map(line => html`<li>${line}</li>`)}</ul></div>` : ''

export const conflict = () => html`<div class="card notice" role="alert">
  <h2>Changed on another device</h2>
  <p>This registration was saved somewhere else in the meantime, and you have changes here that are not saved yet.</p>
  <div class="buttons"><button type="button" class="quiet" data-do="theirs">Take what was saved there</button>
  <button type="button" class="main" data-do="mine">Keep what I see here</button></div></div>`
