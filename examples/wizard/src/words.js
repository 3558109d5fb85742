// Everything in words: money, times, names, and why something is not possible.

import { NoReply } from './problem.js'

const LANGUAGE = 'en-AU'

export const money = (amount, currency) => {
  if (Number(amount) === 0) return 'Free'
  return new Intl.NumberFormat(LANGUAGE, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(Number(amount))
}

export const time = (text, timeZone, options) =>
  new Intl.DateTimeFormat(LANGUAGE, { timeZone, ...options }).format(new Date(text))

export const when = (text, timeZone) => text === null || text === undefined ? ''
  : time(text, timeZone, { weekday: 'short', day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' })

export const between = (start, end, timeZone) => !start ? '' : new Intl.DateTimeFormat(LANGUAGE, { timeZone, dateStyle: 'long' })
  .formatRange(new Date(start), new Date(end ?? start))

export const nameOf = (attendee, place) =>
  [attendee.firstName, attendee.lastName].filter(Boolean).join(' ') || `Person ${place + 1}`

/** A key or value of the catalogue as a label: `grand_lodge` becomes "Grand lodge". */
export const label = key => {
  const text = String(key).replace(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' ').trim()
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const FACTS = { attendee_type: 'those who come as', registration_type: 'registrations of' }
const value = text => text === true ? 'yes' : text === false ? 'no' : String(text)

/** A rule of eligibility, such as "only for those who come as Mason". */
function ruleInWords({ type, operator, value: values }) {
  const shown = FACTS[type] ? label : value
  const list = new Intl.ListFormat(LANGUAGE, { type: 'disjunction' }).format([values].flat().map(shown))
  const isNegative = operator.startsWith('not')
  if (FACTS[type]) return `${isNegative ? 'not for' : 'only for'} ${FACTS[type]} ${list}`
  return `${label(type).toLowerCase()} must ${isNegative ? 'not ' : ''}be ${list}`
}

/** An issue in words. The message of the database is for people already; rules read better like this. */
export function issueInWords(issue) {
  if (issue.code === 'not_eligible' && Array.isArray(issue.expected) && issue.expected.every(rule => rule?.type)) {
    return `${issue.item_name}: ${issue.expected.map(ruleInWords).join('; ')}.`
  }
  return issue.message
}

/** Why an attendee cannot have something, short enough to stand beside it. */
export function reasonInWords(issue, itemName) {
  switch (issue.code) {
    case 'fact_missing': return `We need to know first: ${label(issue.expected).toLowerCase()}`
    case 'not_eligible': {
      const words = issueInWords(issue)
      const own = `${itemName}: `
      return label(words.startsWith(own) ? words.slice(own.length) : `contains ${words}`).replace(/\.$/, '')
    }
    default: return issue.message
  }
}

/** What is left of something on sale, or why there is none. */
export function leftInWords(offered, timeZone) {
  switch (offered.status) {
    case 'sold_out': return 'Sold out'
    case 'not_yet': return `On sale from ${when(offered.sale_starts_at, timeZone)}`
    case 'ended': return 'Sale has ended'
    case 'inactive': return 'Not on sale'
    default: return offered.available === null || offered.available === undefined ? ''
      : offered.available > 20 ? `${offered.available} left` : `Only ${offered.available} left`
  }
}

/** What went wrong and what to do, as lines of a message. */
export function problemInWords(error) {
  if (error instanceof NoReply) {
    return ['The server does not answer. What you have entered is kept; try again in a moment.']
  }
  if (error.status === 404) {
    return ['There is no such registration for this e-mail address. Check the link, or sign in with the address that it was made with.']
  }
  if (error.issues?.length) return error.issues.map(issueInWords)
  return [error.message, error.hint].filter(Boolean)
}
