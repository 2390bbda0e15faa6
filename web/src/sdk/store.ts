/** A value that changes, with listeners: what pages read through `useSyncExternalStore`. */
export class Store<T extends object> {
  private readonly listeners = new Set<() => void>()

  constructor(private value: T) {}

  readonly get = (): T => this.value

  /** Merges `change` and tells the listeners, unless nothing differs. */
  set(change: Partial<T>): void {
    const keys = Object.keys(change) as (keyof T)[]
    if (keys.every((key) => Object.is(this.value[key], change[key]))) return
    this.value = { ...this.value, ...change }
    for (const listener of [...this.listeners]) listener()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}
