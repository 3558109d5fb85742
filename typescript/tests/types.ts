// What must compile, and what must not: tsc reports an @ts-expect-error that is not needed.
import { createClient } from '@supabase/supabase-js'
import { PostgrestClient } from '@supabase/postgrest-js'
import {
  issuesOf,
  type Answer,
  type Args,
  type Database,
  type DatabaseWithForwarders,
  type IssueCode,
  type Json,
  type QuoteAnswer,
  type Row,
  type Selections,
  type Sqlstate,
} from 'ticketing-sql'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

const supabase = createClient<Database, 'ticketing'>('', '', { db: { schema: 'ticketing' } })
const postgrest = new PostgrestClient<Database>('', { schema: 'ticketing' })
const forwarded = createClient<DatabaseWithForwarders>('', '')
/** What `supabase gen types` makes of an app's own schema. */
type Own = {
  public: {
    Tables: { [_ in never]: never }
    Views: { [_ in never]: never }
    Functions: { hello: { Args: { name: string }; Returns: string } }
  }
}
const joined = createClient<Own & Database>('', '')
const id = '7e9a6303-0000-4000-8000-000000000001'

export async function arguments_(): Promise<void> {
  await supabase.rpc('get_registration', { p_registration_id: id })
  await supabase.rpc('get_registration', { p_registration_id: id }, { get: true })
  await postgrest.rpc('get_registration', { p_registration_id: id })
  await forwarded.rpc('get_registration', { p_registration_id: id })
  await forwarded.schema('ticketing').rpc('get_registration', { p_registration_id: id })
  await supabase.rpc('begin_feed_epoch')

  await joined.rpc('hello', { name: 'Ada' })
  await joined.schema('ticketing').rpc('get_registration', { p_registration_id: id })

  // @ts-expect-error not in schema public
  await joined.rpc('get_registration', { p_registration_id: id })
  // @ts-expect-error no such RPC
  await supabase.rpc('get_registrations', { p_registration_id: id })
  // @ts-expect-error another name
  await supabase.rpc('get_registration', { registration_id: id })
  await supabase.rpc('cancel_registration', {
    p_registration_id: id,
    p_reason: 'Ill.',
  } satisfies Args<'cancel_registration'>)
  // supabase-js accepts an argument that is none, which `satisfies` does not
  await supabase.rpc('cancel_registration', { p_registration_id: id, p_raison: '' })
  await supabase.rpc('cancel_registration', {
    p_registration_id: id,
    // @ts-expect-error a misspelt argument
    p_raison: '',
  } satisfies Args<'cancel_registration'>)
  // @ts-expect-error another type
  await supabase.rpc('get_registration', { p_registration_id: 1 })
  // @ts-expect-error null instead of a required value
  await supabase.rpc('get_registration', { p_registration_id: null })
  // @ts-expect-error no arguments here
  await supabase.rpc('begin_feed_epoch', { p_epoch: 2 })
  // @ts-expect-error the same in schema public
  await forwarded.rpc('get_registration', { registration_id: id })

  const selections: Selections = { [id]: { individualTickets: [{ ticketId: id, quantity: 1 }] } }
  await supabase.rpc('persist_ticket_selections', {
    p_registration_id: id,
    p_selections: selections,
    p_expected_revision: null, // the same as none
  })
  await supabase.rpc('quote_ticket_selections', {
    p_function_id: id,
    p_selections: { [id]: { packages: [{ packageId: id, quantity: 1 }] } },
    p_registration_type: 'lodges',
  })
  await supabase.rpc('quote_ticket_selections', {
    p_function_id: id,
    p_selections: selections,
    // @ts-expect-error not one of the vocabulary
    p_registration_type: 'club',
  })
  await supabase.rpc('persist_ticket_selections', {
    p_registration_id: id,
    // @ts-expect-error a line names a ticket type by ticketId
    p_selections: { [id]: { individualTickets: [{ ticket_type_id: id, quantity: 1 }] } },
  })
  await supabase.rpc('persist_ticket_selections', {
    p_registration_id: id,
    // @ts-expect-error no other keys in a selection
    p_selections: { [id]: { tickets: [] } },
  })
  await supabase.rpc('complete_registration_payment', {
    p_registration_id: id,
    p_payment: { reference: 'pi_1', amount: '120.00', currency: 'AUD' },
  })
  await supabase.rpc('complete_registration_payment', {
    p_registration_id: id,
    // @ts-expect-error a payment has a currency
    p_payment: { reference: 'pi_1', amount: 120 },
  })
}

/** A wizard has types of its own, with keys that the database stores unchanged. */
interface Attendee {
  attendeeId: string
  attendeeType: 'mason' | 'guest'
  firstName: string
  dietaryRequirements?: string
  lodge: { name: string; number: number }
}

export async function wizardObjects(primaryAttendee: Attendee): Promise<void> {
  await supabase.rpc('create_individual_registration_with_tickets', {
    p_registration_data: { functionId: id, primaryAttendee, agreedToTerms: true },
  })
  await supabase.rpc('create_individual_registration_with_tickets', {
    // @ts-expect-error a registration is for a function
    p_registration_data: { primaryAttendee },
  })
  await supabase.rpc('create_individual_registration_with_tickets', {
    // @ts-expect-error an attendee has an id
    p_registration_data: { functionId: id, primaryAttendee: { attendeeType: 'mason' } },
  })
}

export async function answers(): Promise<void> {
  const quote = await supabase.rpc('quote_ticket_selections', {
    p_function_id: id,
    p_selections: {},
  })
  if (quote.error) {
    same<typeof quote.data, null>(true)
    return
  }
  same<typeof quote.data, QuoteAnswer>(true)
  same<typeof quote.data.subtotal, number>(true)
  // what is quoted can be sent as it is
  await supabase.rpc('persist_attendee_tickets', {
    p_registration_id: id,
    p_tickets: quote.data.tickets,
  })
  // @ts-expect-error no such key
  void quote.data.total_price

  const { data } = await supabase.rpc('get_registration', { p_registration_id: id })
  if (data) {
    same<typeof data.status, 'draft' | 'pending' | 'completed' | 'cancelled' | 'expired'>(true)
    same<typeof data.hold_expires_at, string | null>(true)
    // the wizard's own objects can be sent back
    await supabase.rpc('persist_ticket_selections', {
      p_registration_id: data.registration_id,
      p_selections: data.ticket_selections,
      p_expected_revision: data.revision,
    })
    await supabase.rpc('create_individual_registration_with_tickets', {
      p_registration_data: data.registration,
    })
    // @ts-expect-error null: it holds nothing
    new Date(data.hold_expires_at)
  }
  const problems = await supabase.rpc('check_integrity')
  same<typeof problems.data, Answer<'check_integrity'> | null>(true)
  void problems.data?.map((problem) => problem.check_name)
}

export async function rows(): Promise<void> {
  const tickets = await supabase
    .from('tickets')
    .select('ticket_id, price_paid, status, package_id')
    .eq('registration_id', id)
  if (tickets.data) {
    const [ticket] = tickets.data
    same<typeof ticket, {
      ticket_id: string
      price_paid: number
      status: 'Active' | 'Cancelled'
      package_id: string | null
    } | undefined>(true)
  }
  const { data } = await supabase.from('registrations').select('*').maybeSingle()
  same<typeof data, Row<'registrations'> | null>(true)
  const all = await postgrest.from('events').select('title, ticket_types(name, eligibility)')
  same<NonNullable<typeof all.data>[number]['ticket_types'][number]['name'], string>(true)

  // @ts-expect-error no such table
  supabase.from('bookings')
  const unknown = await supabase.from('tickets').select('ticket_id, prize')
  // @ts-expect-error no such column
  void unknown.data?.[0]?.ticket_id
  // @ts-expect-error not one of the vocabulary
  supabase.from('tickets').select().eq('status', 'active')
  // @ts-expect-error tickets are written by RPCs
  supabase.from('tickets').insert({ ticket_id: id })
  // @ts-expect-error
  supabase.from('tickets').update({ status: 'Cancelled' })
  // the service manages members
  supabase.from('organisation_members').insert({ organisation_id: id, user_id: id, role: 'staff' })
}

export async function errors(): Promise<string> {
  const { error } = await supabase.rpc('start_payment', { p_registration_id: id })
  const [issue] = issuesOf(error)
  switch (issue?.code) {
    case 'sold_out':
      same<typeof issue.available, number | undefined>(true)
      return `${issue.available ?? 0} left`
    // @ts-expect-error no such code
    case 'sold_outt':
      return ''
  }
  same<IssueCode, Exclude<typeof issue, undefined>['code']>(true)
  same<Exclude<typeof issue, undefined>['expected'], Json | undefined>(true)
  const meaning: Partial<Record<Sqlstate, string>> = { TK005: 'sold out' }
  // @ts-expect-error no such SQLSTATE
  meaning.TK099 = ''
  return meaning[error?.code as Sqlstate] ?? ''
}

same<Args<'cancel_registration'>, { p_registration_id: string; p_reason?: string | null }>(true)
