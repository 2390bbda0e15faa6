import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import { Rest, Session } from './sdk'
import type { MediaPeer, Store } from './sdk'

export interface App {
  session: Session
  rest: Rest
}

export function createApp(): App {
  const session = new Session()
  const rest = new Rest(session.token, () => { session.expire() })
  session.keepFresh(() => rest.refresh())
  return { session, rest }
}

export const AppContext = createContext<App | null>(null)

export function useApp(): App {
  const app = useContext(AppContext)
  if (!app) throw new Error('AppContext is missing')
  return app
}

export function useStore<T extends object>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get)
}

export function useAccount() {
  return useStore(useApp().session.account).current
}

/** Ms since the epoch, each second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => { setNow(Date.now()) }, 1000)
    return () => { clearInterval(timer) }
  }, [])
  return now
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Lectern` : 'Lectern'
  }, [title])
}

const dark = () => window.matchMedia('(prefers-color-scheme: dark)')

export function usePrefersDark(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = dark()
      query.addEventListener('change', listener)
      return () => { query.removeEventListener('change', listener) }
    },
    () => dark().matches,
  )
}

/** h:mm:ss or m:ss. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0 ? `${String(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${String(minutes)}:${two(seconds % 60)}`
}

/** What tests measure with: connection statistics, in development or when the address asks for it. */
export function useStatsHook(peer: MediaPeer): void {
  useEffect(() => {
    if (!import.meta.env.DEV && new URLSearchParams(window.location.search).get('debug') !== '1') return
    const stats = async () => [...((await peer.stats()) ?? new Map<string, unknown>()).values()] as unknown[]
    Object.assign(window, { __lectern: { stats } })
    return () => { Reflect.deleteProperty(window, '__lectern') }
  }, [peer])
}

/** JSON of this tab's storage: survives a reload, not the tab. */
export function kept<T>(key: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null') as T | null
  } catch {
    return null
  }
}

export function keep(key: string, value: unknown): void {
  if (value === null) sessionStorage.removeItem(key)
  else sessionStorage.setItem(key, JSON.stringify(value))
}
