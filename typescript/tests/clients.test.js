/** supabase-js and postgrest-js call everything, on a server and on PGlite. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { isTransient, issuesOf } from 'ticketing-sql'
import { answered, clientsOf } from './support/clients.js'
import {
  BOTH,
  CONFERENCE,
  DINNER_TICKET,
  FUNCTION,
  ORGANISATION,
  SEATS,
  TALKS,
  TALKS_TICKET,
} from './support/conference.js'
import { DATABASES } from './support/databases.js'
import { createPostgrest } from './support/postgrest.js'

/** @typedef {import('ticketing-sql').Rpc} Rpc */
/** @typedef {ReturnType<typeof clientsOf>} Clients */

const ADA = randomUUID()
const BEN = randomUUID()
const STAFF = randomUUID()

/** @param {string} attendeeId */
const adaOf = (attendeeId) => ({
  attendeeId,
  attendeeType: 'guest',
  firstName: 'Ada',
  lastName: 'Hill',
  primaryEmail: 'ada@example.org',
})

/** @param {...string} ticketIds */
const tickets = (...ticketIds) => ({
  individualTickets: ticketIds.map((ticketId) => ({ ticketId, quantity: 1 })),
})

/**
 * Makes a registration of one attendee.
 *
 * @param {ReturnType<Clients['user']>} client
 */
async function register(client) {
  const attendee = randomUUID()
  const created = answered(
    await client.rpc('create_individual_registration_with_tickets', {
      p_registration_data: {
        registrationId: randomUUID(),
        functionId: FUNCTION,
        primaryAttendee: adaOf(attendee),
        billingDetails: { firstName: 'Ada', lastName: 'Hill', emailAddress: 'ada@example.org' },
      },
    }),
  )
  return { registration: created.registration_id, attendee }
}

for (const [name, open] of Object.entries(DATABASES)) {
  describe(name, () => {
    /** @type {Awaited<ReturnType<typeof open>>} */
    let database
    /** @type {typeof globalThis.fetch} */
    let postgrest
    /** @type {Clients} */
    let clients
    /** @type {string[]} */
    const requests = []

    before(async () => {
      database = await open()
      postgrest = await createPostgrest(database, { schemas: ['ticketing', 'public'] })
      clients = clientsOf((input, init) => {
        const { method, url } = new Request(input, init)
        requests.push(`${method} ${new URL(url).pathname}`)
        return postgrest(input, init)
      })
      answered(await clients.service.rpc('import_catalogue', { p_catalogue: CONFERENCE }))
    })
    after(() => database.close())

    /**
     * Holds all seats of the dinner while something is done.
     *
     * @param {() => Promise<void>} work
     */
    async function soldOut(work) {
      const ben = clients.user(BEN)
      /** @type {string[]} */
      const held = []
      for (let seat = 0; seat < SEATS; seat++) {
        const { registration, attendee } = await register(ben)
        answered(
          await ben.rpc('persist_ticket_selections', {
            p_registration_id: registration,
            p_selections: { [attendee]: tickets(DINNER_TICKET) },
          }),
        )
        held.push(registration)
      }
      await work()
      for (const registration of held) {
        answered(await ben.rpc('cancel_registration', { p_registration_id: registration }))
      }
    }

    test('every RPC answers supabase-js', async () => {
      const { service } = clients
      const ada = clients.user(ADA)
      requests.length = 0

      const availability = answered(
        await clients.visitor.rpc('get_ticket_availability', { p_function_id: FUNCTION }),
      )
      assert.deepEqual(
        availability.ticket_types.map((each) => [each.name, each.price]),
        [['Dinner', 60], ['Talks', 100]],
      )

      const attendee = randomUUID()
      const selections = { [attendee]: { packages: [{ packageId: BOTH, quantity: 1 }] } }
      const quote = answered(
        await clients.visitor.rpc('quote_ticket_selections', {
          p_function_id: FUNCTION,
          p_selections: selections,
          p_attendees: [adaOf(attendee)],
        }),
      )
      assert.deepEqual([quote.valid, quote.subtotal, quote.currency], [true, 150, 'EUR'])

      const bare = answered(
        await ada.rpc('create_individual_registration_jsonb', {
          p_registration_data: { functionId: FUNCTION, primaryAttendee: adaOf(randomUUID()) },
        }),
      )
      assert.equal(bare.created, true)
      const p_registration_id = randomUUID()
      const created = answered(
        await ada.rpc('create_individual_registration_with_tickets', {
          p_registration_data: {
            registrationId: p_registration_id,
            functionId: FUNCTION,
            primaryAttendee: adaOf(attendee),
            billingDetails: { firstName: 'Ada', lastName: 'Hill', emailAddress: 'ada@example.org' },
          },
          p_tickets: quote.tickets,
        }),
      )
      assert.equal(created.registration_id, p_registration_id)
      assert.equal(created.tickets.length, 2)

      const persisted = answered(
        await ada.rpc('persist_ticket_selections', {
          p_registration_id,
          p_selections: selections,
          p_expected_revision: created.revision,
        }),
      )
      assert.deepEqual([persisted.tickets_unchanged, persisted.revision], [2, created.revision])
      const read = answered(await ada.rpc('get_registration', { p_registration_id }))
      assert.equal(read.status, 'draft')
      assert.equal(read.registration.primaryAttendee?.firstName, 'Ada')
      assert.equal(read.ticket_selections[attendee]?.packages?.[0]?.packageId, BOTH)
      const resent = answered(
        await ada.rpc('persist_attendee_tickets', {
          p_registration_id,
          p_tickets: quote.tickets,
          p_attendee_updates: [
            { attendee_id: attendee, selected_tickets: read.ticket_selections[attendee] ?? {} },
          ],
        }),
      )
      assert.equal(resent.tickets_created, 0)

      const due = answered(await ada.rpc('start_payment', { p_registration_id }))
      assert.equal(due.amount_due, 150)
      const until = new Date(Date.now() + 86_400_000).toISOString()
      const extended = answered(
        await service.rpc('extend_hold', { p_registration_id, p_until: until }),
      )
      assert.equal(new Date(extended.hold_granted_until).toISOString(), until)
      const p_payment = { reference: 'pi_1', amount: due.amount_due, currency: due.currency }
      const paid = answered(
        await service.rpc('complete_registration_payment', { p_registration_id, p_payment }),
      )
      assert.equal(paid.status, 'completed')
      const updated = answered(
        await service.rpc('update_attendees', {
          p_registration_id,
          p_attendees: [{ attendeeId: attendee, attendeeType: 'guest', lastName: 'Byron' }],
        }),
      )
      assert.deepEqual([updated.attendees_updated, updated.attendees_added], [1, 0])
      const holder = { firstName: 'Grace', lastName: 'Green', badge: 'Dr Green' }
      const ticket_id = created.tickets[0]?.ticket_id ?? ''
      const assigned = answered(
        await service.rpc('assign_tickets', {
          p_registration_id,
          p_holders: [{ ticket_id, holder }],
          p_expected_revision: updated.revision,
        }),
      )
      assert.equal(assigned.tickets_assigned, 1)
      const named = answered(await ada.rpc('get_registration', { p_registration_id }))
      assert.equal(named.registration.primaryAttendee?.lastName, 'Byron')
      assert.deepEqual(named.tickets.find((each) => each.ticket_id === ticket_id)?.holder, holder)
      const amended = answered(
        await service.rpc('amend_registration', {
          p_registration_id,
          p_selections: {
            [attendee]: {
              individualTickets: [
                { ticketId: DINNER_TICKET, quantity: 1 },
                { ticketId: TALKS_TICKET, quantity: 1 },
              ],
            },
          },
          p_payment: { reference: 'pi_amended', amount: 10, currency: 'EUR' },
        }),
      )
      assert.deepEqual([amended.tickets_created, amended.tickets_cancelled], [2, 2])
      assert.deepEqual([amended.paid, amended.total, amended.refund_due], [160, 160, 0])
      const exchanged = answered(await ada.rpc('get_registration', { p_registration_id }))
      const dinner = exchanged.tickets.find(
        (each) => each.status === 'Active' && each.ticket_type_id === DINNER_TICKET,
      )
      const without = answered(
        await service.rpc('cancel_tickets', {
          p_registration_id,
          p_ticket_ids: [dinner?.ticket_id ?? ''],
          p_reason: 'No dinner.',
          p_expected_revision: amended.revision,
        }),
      )
      assert.deepEqual([without.tickets_cancelled, without.refund_due], [1, 60])
      const cancelled = answered(
        await service.rpc('cancel_registration', { p_registration_id, p_reason: 'Ill.' }),
      )
      assert.equal(cancelled.tickets_cancelled, 1)
      const adjusted = answered(
        await service.rpc('adjust_registration', {
          p_registration_id,
          p_adjustment: 12.5,
          p_reason: 'Cancellation fee',
        }),
      )
      assert.equal(adjusted.refund_due, 147.5)
      const refund = { reference: 're_1', amount: '147.50', currency: 'EUR' }
      answered(await service.rpc('record_refund', { p_registration_id, p_refund: refund }))
      const settled = answered(await ada.rpc('get_registration', { p_registration_id }))
      assert.deepEqual(
        settled.payments.map(({ kind, amount }) => [kind, amount]),
        [['payment', 150], ['payment', 10], ['refund', 147.5]],
      )
      const transferred = answered(
        await service.rpc('transfer_registration', { p_registration_id, p_new_owner_id: BEN }),
      )
      assert.equal(transferred.owner_id, BEN)
      const hidden = await ada.rpc('get_registration', { p_registration_id })
      assert.equal(hidden.error?.code, 'TK002')

      const found = answered(await service.rpc('user_id', { p_sub: 'auth0|5f', p_iss: 'https://id' }))
      assert.match(found.user_id, /^[0-9a-f]{8}-[0-9a-f]{4}-8/)
      answered(await service.rpc('begin_feed_epoch'))
      const feed = answered(await service.rpc('get_ticket_changes', { p_limit: 2 }))
      assert.equal(feed.changes.length, 2)
      answered(await service.rpc('release_expired_holds'))
      answered(await service.rpc('repair_capacity', { p_function_id: FUNCTION }))
      const exported = answered(
        await service.rpc('export_catalogue', { p_function_id: FUNCTION }),
      )
      assert.equal(exported.catalogue.function.slug, CONFERENCE.function.slug)
      answered(await service.rpc('import_catalogue', { p_catalogue: CONFERENCE }))
      const again = answered(
        await service.rpc('import_catalogue', { p_catalogue: exported.catalogue }),
      )
      assert.deepEqual(again.changes, [])
      assert.deepEqual(answered(await service.rpc('check_integrity')), [])

      const [{ names }] = await database.transaction((query) =>
        query(`SELECT array_agg(proname::text ORDER BY proname) AS names FROM pg_proc
               WHERE pronamespace = 'ticketing'::regnamespace`),
      )
      const called = new Set(requests.map((each) => each.replace('POST /rest/v1/rpc/', '')))
      assert.deepEqual([...called].sort(), names)
    })

    test('every refusal has its status, code, hint and issues', async () => {
      const ada = clients.user(ADA)
      const { registration, attendee } = await register(ada)
      const gone = await register(ada)
      answered(await ada.rpc('cancel_registration', { p_registration_id: gone.registration }))

      /**
       * @param {PromiseLike<{ error: import('@supabase/postgrest-js').PostgrestError | null,
       *   data: unknown, status: number }>} call
       * @param {[number, import('ticketing-sql').Sqlstate, ...[import('ticketing-sql').IssueCode, string][]]} expected
       */
      async function refused(call, ...expected) {
        const { error, data, status } = await call
        assert.ok(error)
        assert.equal(data, null)
        const [expectedStatus, expectedCode, ...issues] = expected
        assert.deepEqual([status, error.code], [expectedStatus, expectedCode])
        const found = issuesOf(error).map(({ code, path }) => [code, path])
        assert.deepEqual(found.sort(), issues.sort())
        assert.ok(error.hint)
        assert.ok(issuesOf(error).every(({ message }) => message.length > 10))
        assert.equal(isTransient(error), false)
        return issuesOf(error)
      }

      const p_registration_id = registration
      await refused(
        ada.rpc('persist_ticket_selections', { p_registration_id, p_selections: { ada: {} } }),
        400, 'TK001', ['invalid_value', 'p_selections.ada'],
      )
      await refused(
        ada.rpc('get_registration', { p_registration_id: randomUUID() }),
        400, 'TK002', ['registration_not_found', 'p_registration_id'],
      )
      await refused(
        ada.rpc('persist_ticket_selections', { p_registration_id: gone.registration, p_selections: {} }),
        400, 'TK003', ['not_editable', 'p_registration_id'],
      )
      const unknown = randomUUID()
      await refused(
        ada.rpc('persist_ticket_selections', {
          p_registration_id,
          p_selections: { [attendee]: tickets(unknown), [unknown]: {} },
        }),
        400, 'TK004',
        ['ticket_type_not_found', `p_selections.${attendee}.individualTickets[0].ticketId`],
        ['attendee_not_found', `p_selections.${unknown}`],
      )
      await soldOut(async () => {
        const [issue] = await refused(
          ada.rpc('persist_ticket_selections', {
            p_registration_id,
            p_selections: { [attendee]: tickets(DINNER_TICKET) },
          }),
          400, 'TK005', ['sold_out', `p_selections.${attendee}.individualTickets[0]`],
        )
        assert.deepEqual([issue?.requested, issue?.available], [1, 0])
      })
      await refused(
        ada.rpc('start_payment', { p_registration_id, p_expected_revision: 99 }),
        400, 'TK006', ['revision_conflict', 'p_expected_revision'],
      )
      answered(
        await ada.rpc('persist_ticket_selections', {
          p_registration_id,
          p_selections: { [attendee]: tickets(TALKS_TICKET) },
        }),
      )
      const [mismatch] = await refused(
        clients.service.rpc('complete_registration_payment', {
          p_registration_id,
          p_payment: { reference: 'pi_2', amount: '1.00', currency: 'EUR' },
        }),
        400, 'TK007', ['amount_mismatch', 'p_payment.amount'],
      )
      assert.deepEqual([mismatch?.expected, mismatch?.actual], [100, 1])
      await refused(
        clients.visitor.rpc('get_ticket_availability', { p_function_id: unknown }),
        400, 'TK008', ['function_not_found', 'p_function_id'],
      )
      await refused(
        clients.visitor.rpc('start_payment', { p_registration_id }),
        401, '42501', ['not_authenticated', 'p_registration_id'],
      )
      await refused(
        ada.rpc('import_catalogue', { p_catalogue: CONFERENCE }),
        403, '42501', ['not_allowed', 'p_catalogue.organisation.organisation_id'],
      )
    })

    test('reads also answer GET and HEAD, and writes refuse them', async () => {
      const ada = clients.user(ADA)
      const { registration: p_registration_id } = await register(ada)
      requests.length = 0
      const read = answered(await ada.rpc('get_registration', { p_registration_id }, { get: true }))
      assert.equal(read.registration_id, p_registration_id)
      const head = await ada.rpc('get_registration', { p_registration_id }, { head: true })
      assert.deepEqual([head.status, head.data, head.error], [200, null, null])
      const { status, error } = await ada.rpc('start_payment', { p_registration_id }, { get: true })
      assert.deepEqual([status, error?.code], [405, '25006'])
      const absent = { p_registration_id: randomUUID() }
      const missing = await ada.rpc('get_registration', absent, { get: true })
      assert.equal(issuesOf(missing.error)[0]?.code, 'registration_not_found')
      const methods = requests.map((each) => each.split(' ')[0])
      assert.deepEqual(methods, ['GET', 'HEAD', 'GET', 'GET'])
    })

    test('rows of tables are those that the caller may see', async () => {
      const ada = clients.user(ADA)
      const { registration, attendee } = await register(ada)
      answered(
        await ada.rpc('persist_ticket_selections', {
          p_registration_id: registration,
          p_selections: { [attendee]: tickets(TALKS_TICKET) },
        }),
      )
      /** @param {ReturnType<Clients['user']>} client */
      const seen = (client) =>
        client
          .from('tickets')
          .select('ticket_type_id, price_paid, status')
          .eq('registration_id', registration)
      const ticket = { ticket_type_id: TALKS_TICKET, price_paid: 100, status: 'Active' }
      assert.deepEqual(answered(await seen(ada)), [ticket])
      assert.deepEqual(answered(await seen(clients.user(BEN))), [])
      assert.deepEqual(answered(await seen(clients.service)), [ticket])
      const { error, status } = await seen(clients.visitor)
      assert.deepEqual([status, error?.code, issuesOf(error)], [401, '42501', []])

      // the service manages the members of an organisation
      const member = { organisation_id: ORGANISATION, user_id: STAFF, role: /** @type {const} */ ('staff') }
      assert.deepEqual(answered(await seen(clients.user(STAFF))), [])
      const refused = await ada.from('organisation_members').insert(member)
      assert.deepEqual([refused.status, refused.error?.code], [403, '42501'])
      assert.equal((await clients.service.from('organisation_members').insert(member)).error, null)
      assert.deepEqual(answered(await seen(clients.user(STAFF))), [ticket])

      const one = await clients.visitor.from('events').select('title').eq('event_id', TALKS).single()
      assert.deepEqual(one.data, { title: 'Talks' })
      const none = await clients.visitor.from('events').select('title').eq('event_id', ADA).single()
      assert.deepEqual([none.status, none.error?.code], [406, 'PGRST116'])
      const events = await clients.visitor
        .from('events')
        .select('*', { count: 'exact' })
        .eq('function_id', FUNCTION)
        .order('title', { ascending: false })
        .limit(1)
      assert.deepEqual([events.data?.[0]?.title, events.count], ['Talks', 2])
    })

    test('postgrest-js gets the same', async () => {
      const { registration } = await register(clients.user(ADA))
      const ada = clients.postgrest(ADA)
      const read = answered(await ada.rpc('get_registration', { p_registration_id: registration }))
      assert.equal(read.registration_id, registration)
      const visitor = clients.postgrest()
      assert.equal(answered(await visitor.from('functions').select('currency'))[0]?.currency, 'EUR')
      const { error, status } = await visitor
        .rpc('cancel_registration', { p_registration_id: registration })
      assert.deepEqual([status, issuesOf(error)[0]?.code], [401, 'not_authenticated'])
      await assert.rejects(
        async () =>
          await visitor.rpc('get_ticket_availability', { p_function_id: ADA }).throwOnError(),
        (error) => issuesOf(error)[0]?.code === 'function_not_found',
      )
    })

    test('forwarders in schema public answer with statuses of their own', async () => {
      const { registration } = await register(clients.user(ADA))
      const ada = clients.forwarded(ADA)
      const read = answered(await ada.rpc('get_registration', { p_registration_id: registration }))
      assert.equal(read.registration_id, registration)
      /**
       * @param {PromiseLike<{ status: number, error: { code: string } | null }>} call
       */
      const refusal = async (call) => {
        const { status, error } = await call
        return [status, error?.code, issuesOf(error)[0]?.code]
      }
      const p_registration_id = registration
      assert.deepEqual(await refusal(ada.rpc('start_payment', { p_registration_id })), [
        422, 'TK004', 'attendee_without_ticket',
      ])
      assert.deepEqual(
        await refusal(ada.rpc('get_registration', { p_registration_id: randomUUID() })),
        [404, 'TK002', 'registration_not_found'],
      )
      assert.deepEqual(
        await refusal(ada.rpc('start_payment', { p_registration_id, p_expected_revision: 99 })),
        [409, 'TK006', 'revision_conflict'],
      )
      assert.deepEqual(await refusal(ada.rpc('import_catalogue', { p_catalogue: CONFERENCE })), [
        403, '42501', 'not_allowed',
      ])
      assert.deepEqual(await refusal(ada.rpc('check_integrity')), [403, '42501', undefined])
    })

    test('after a lost reply the same call can be repeated', async () => {
      const lossy = clientsOf(async (input, init) => {
        await postgrest(input, init)
        throw new TypeError('fetch failed')
      })
      const call = /** @type {const} */ ([
        'create_individual_registration_with_tickets',
        {
          p_registration_data: {
            registrationId: randomUUID(),
            functionId: FUNCTION,
            primaryAttendee: adaOf(randomUUID()),
          },
        },
      ])
      const lost = await lossy.user(ADA).rpc(...call)
      assert.ok(isTransient(lost.error))
      assert.deepEqual(issuesOf(lost.error), [])
      const repeated = answered(await clients.user(ADA).rpc(...call))
      assert.equal(repeated.created, false)
    })

    test('what no function takes is refused before the database is asked', async () => {
      const ada = clients.user(ADA)
      const misspelt = await ada.rpc('cancel_registration', {
        p_registration_id: ADA,
        p_raison: 'Ill.',
      })
      assert.deepEqual([misspelt.status, misspelt.error?.code], [404, 'PGRST202'])
      assert.deepEqual(issuesOf(misspelt.error), [])
      const elsewhere = await /** @type {any} */ (ada).schema('hidden').rpc('get_registration')
      assert.deepEqual([elsewhere.status, elsewhere.error.code], [406, 'PGRST106'])
    })
  })
}
