export const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2] as const

/** Where a replay is, in ms of its lecture. Every method takes `now`, in ms of any steady clock. */
export class ReplayClock {
  private base = 0
  private since: number | null = null
  private held = false
  rate = 1
  playing = false

  constructor(public duration: number) {}

  /** The position; it stands still at the end, while paused, and while held. */
  at(now: number): number {
    const gone = this.since === null ? 0 : Math.max(0, now - this.since) * this.rate
    return Math.min(this.duration, this.base + gone)
  }

  isOver(now: number): boolean {
    return this.at(now) >= this.duration
  }

  /** From the end, it plays again from the beginning. */
  play(now: number): void {
    if (this.isOver(now)) this.base = 0
    else this.base = this.at(now)
    this.playing = true
    this.run(now)
  }

  pause(now: number): void {
    this.base = this.at(now)
    this.playing = false
    this.run(now)
  }

  seek(to: number, now: number): void {
    this.base = Math.min(this.duration, Math.max(0, to))
    this.run(now)
  }

  setRate(rate: number, now: number): void {
    this.base = this.at(now)
    this.rate = rate
    this.run(now)
  }

  /** Waits for media that is not there yet; `false` goes on. Playing stays what it is. */
  hold(held: boolean, now: number): void {
    if (this.held === held) return
    this.base = this.at(now)
    this.held = held
    this.run(now)
  }

  get isHeld(): boolean {
    return this.held
  }

  private run(now: number): void {
    this.since = this.playing && !this.held ? now : null
  }
}
