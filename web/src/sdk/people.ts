import { toError } from './errors'
import type { LecternError } from './errors'
import type { Hear, Say } from './forum'
import { Store } from './store'

export interface Person {
  id: string
  name: string
  kind: string
  role: string
  connections: number
}

export interface RemovedPerson {
  id: string
  name: string
  banned: boolean
}

export interface PeopleState {
  people: Person[]
  removed: RemovedPerson[]
  count: number
  /** There are more than were asked for. */
  more: boolean
  loading: boolean
  problem: LecternError | null
}

interface Page {
  people?: Person[]
  removed?: RemovedPerson[]
  count?: number
  cursor?: string | null
}

/** Who is in the lecture, for its presenter: asked for, never pushed, for a class may be thousands. */
export class People {
  readonly state = new Store<PeopleState>({
    people: [], removed: [], count: 0, more: false, loading: false, problem: null,
  })

  private cursor = '0'

  constructor(private readonly say: Say) {}

  listen(hear: Hear): void {
    hear<RemovedPerson>('expelled', ({ id, name, banned }) => {
      const { people, removed, count } = this.state.get()
      const here = people.some((person) => person.id === id)
      this.state.set({
        people: people.filter((person) => person.id !== id),
        removed: [...removed.filter((one) => one.id !== id), { id, name, banned }],
        count: here ? Math.max(0, count - 1) : count,
      })
    })
    hear<{ id: string }>('readmitted', ({ id }) => {
      this.state.set({ removed: this.state.get().removed.filter((one) => one.id !== id) })
    })
  }

  /** Asks anew, from the beginning. */
  async load(): Promise<void> {
    this.cursor = '0'
    this.state.set({ people: [], more: false })
    await this.next()
  }

  /** Asks for some more. */
  async next(): Promise<void> {
    if (this.state.get().loading) return
    this.state.set({ loading: true, problem: null })
    try {
      const page = (await this.say('people', { cursor: this.cursor })) as Page
      const known = new Map(this.state.get().people.map((person) => [person.id, person]))
      for (const person of page.people ?? []) known.set(person.id, person)
      this.cursor = page.cursor ?? '0'
      this.state.set({
        people: [...known.values()].sort((a, b) => a.name.localeCompare(b.name)),
        count: page.count ?? known.size,
        more: typeof page.cursor === 'string',
        ...(page.removed && { removed: page.removed.filter((one) => one.banned) }),
      })
    } catch (raw) {
      this.state.set({ problem: toError(raw) })
    } finally {
      this.state.set({ loading: false })
    }
  }

  /** Sends somebody away; with `ban` for as long as the lecture lasts. */
  async remove(member: string, ban: boolean): Promise<void> {
    await this.tried('remove', { member, ban })
  }

  /** Lets somebody who was banned come back. */
  async readmit(member: string): Promise<void> {
    await this.tried('readmit', { member })
  }

  private async tried(event: string, payload: object): Promise<void> {
    this.state.set({ problem: null })
    try {
      await this.say(event, payload)
    } catch (raw) {
      this.state.set({ problem: toError(raw) })
    }
  }
}
