import type { Database, Issue } from './database.js'

export * from './database.js'

/** Where the forwarders are installed: the RPCs in schema `public` as well. */
export type DatabaseWithForwarders = Database & {
  public: {
    Tables: { [_ in never]: never }
    Views: { [_ in never]: never }
    Functions: Database['ticketing']['Functions']
    Enums: { [_ in never]: never }
    CompositeTypes: { [_ in never]: never }
  }
}

/** A row of a table, such as `Row<'tickets'>`. */
export type Row<Table extends keyof Database['ticketing']['Tables']> =
  Database['ticketing']['Tables'][Table]['Row']

/** The name of an RPC. */
export type Rpc = keyof Database['ticketing']['Functions']

/** The arguments of an RPC, such as `Args<'persist_ticket_selections'>`. */
export type Args<Name extends Rpc> = Database['ticketing']['Functions'][Name]['Args']

/** The answer of an RPC, such as `Answer<'get_registration'>`. */
export type Answer<Name extends Rpc> = Database['ticketing']['Functions'][Name]['Returns']

/**
 * Returns the issues that a refused call lists: every problem with its code, path and message.
 *
 * @param error - The `error` of a response of supabase-js or postgrest-js, or what they throw.
 * @returns The issues, at most 100; none for null and for all other errors.
 */
export declare function issuesOf(error: unknown): Issue[]

/**
 * Tells whether the same call may succeed when it is repeated as it is: the reply was lost, there
 * was no connection, or a deadlock, a serialization failure or a timeout ended it.
 *
 * @param error - The `error` of a response of supabase-js or postgrest-js, or what they throw.
 */
export declare function isTransient(error: unknown): boolean
