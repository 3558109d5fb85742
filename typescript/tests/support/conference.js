/** A small event function to register for: two events, and a package of both. */
export const FUNCTION = 'c0f0e7e0-0000-4000-8000-000000000001'
export const ORGANISATION = 'c0f0e7e0-0000-4000-8000-000000000002'
export const TALKS = 'c0f0e7e0-0000-4000-8000-000000000011'
export const DINNER = 'c0f0e7e0-0000-4000-8000-000000000012'
export const TALKS_TICKET = 'c0f0e7e0-0000-4000-8000-000000000021'
export const DINNER_TICKET = 'c0f0e7e0-0000-4000-8000-000000000022'
export const BOTH = 'c0f0e7e0-0000-4000-8000-000000000031'

/** Places at the dinner. */
export const SEATS = 2

/** @type {import('ticketing-sql').Catalogue} */
export const CONFERENCE = {
  organisation: { organisation_id: ORGANISATION, slug: 'conferences', name: 'Conferences' },
  function: {
    function_id: FUNCTION,
    slug: 'conference',
    name: 'Conference',
    currency: 'EUR',
    status: 'published',
  },
  events: [
    { event_id: TALKS, slug: 'talks', title: 'Talks' },
    { event_id: DINNER, slug: 'dinner', title: 'Dinner', capacity: SEATS },
  ],
  ticket_types: [
    { ticket_type_id: TALKS_TICKET, event_id: TALKS, name: 'Talks', price: '100.00' },
    { ticket_type_id: DINNER_TICKET, event_id: DINNER, name: 'Dinner', price: 60 },
  ],
  packages: [
    {
      package_id: BOTH,
      name: 'Talks and dinner',
      price: '150.00',
      items: [
        { ticket_type_id: TALKS_TICKET, quantity: 1 },
        { ticket_type_id: DINNER_TICKET, quantity: 1 },
      ],
    },
  ],
}
