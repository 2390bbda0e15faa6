import { Store } from './store'
import { toError } from './errors'

export interface Account {
  token: string
  email: string
  username: string
}

const KEY = 'lectern.account'
/** A token is exchanged for a fresh one when less than this is left of its hour. */
const REFRESH_BELOW_MS = 20 * 60_000
const CHECK_EVERY_MS = 60_000

/** The `exp` claim in ms since the epoch; 0 for a token that cannot be read. */
export function expiry(token: string): number {
  const part = token.split('.')[1]
  if (!part) return 0
  try {
    const claims: unknown = JSON.parse(atob(part.replace(/-/g, '+').replace(/_/g, '/')))
    const exp = (claims as { exp?: unknown }).exp
    return typeof exp === 'number' ? exp * 1000 : 0
  } catch {
    return 0
  }
}

function restore(storage: Storage, now: number): Account | null {
  try {
    const kept = JSON.parse(storage.getItem(KEY) ?? 'null') as Account | null
    return kept && typeof kept.token === 'string' && expiry(kept.token) > now ? kept : null
  } catch {
    return null
  }
}

/** Who is signed in, kept across reloads and shared by the tabs of one browser. */
export class Session {
  /** `expired`: nobody is signed in since the server took the token no more, not since somebody signed out.
   *  `erased`: since the account was deleted here. */
  readonly account: Store<{ current: Account | null; expired: boolean; erased: boolean }>

  constructor(private readonly storage: Storage = localStorage) {
    this.account = new Store({ current: restore(storage, Date.now()), expired: false, erased: false })
    window.addEventListener('storage', (event) => {
      if (event.key === KEY) this.account.set({ current: restore(storage, Date.now()) })
    })
  }

  /** The token of the moment, `""` for nobody: read at each use, since it is refreshed in the background. */
  readonly token = (): string => this.account.get().current?.token ?? ''

  signIn(account: Account): void {
    this.storage.setItem(KEY, JSON.stringify(account))
    this.account.set({ current: account, expired: false, erased: false })
  }

  signOut(): void {
    this.storage.removeItem(KEY)
    this.account.set({ current: null, expired: false })
  }

  /** The account is no more; `erased` until somebody signs in. */
  forget(): void {
    this.signOut()
    this.account.set({ erased: true })
  }

  /** The server takes the token no more. */
  expire(): void {
    const had = this.account.get().current !== null
    this.storage.removeItem(KEY)
    this.account.set({ current: null, expired: had || this.account.get().expired })
  }

  /** Refreshes the token while it is valid; `exchange` asks the server. Returns what stops it. */
  keepFresh(exchange: () => Promise<string>): () => void {
    const check = async () => {
      const current = this.account.get().current
      const left = current ? expiry(current.token) - Date.now() : 0
      if (!current || left <= 0 || left > REFRESH_BELOW_MS) return
      try {
        const token = await exchange()
        if (this.account.get().current?.email === current.email) this.signIn({ ...current, token })
      } catch (error) {
        if (toError(error).code === 'unauthorized') this.expire()
      }
    }
    const onVisible = () => void check()
    const timer = setInterval(() => void check(), CHECK_EVERY_MS)
    document.addEventListener('visibilitychange', onVisible)
    void check()
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
  }
}
