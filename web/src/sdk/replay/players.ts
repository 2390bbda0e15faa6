import type { RecordingFile } from './archive'
import type { ReplayClock } from './clock'

/** What is used of an `HTMLMediaElement`. */
export interface Playable {
  currentTime: number
  playbackRate: number
  readonly paused: boolean
  readonly ended: boolean
  readonly seeking: boolean
  readonly readyState: number
  play(): Promise<void>
  pause(): void
}

/** The browser has the next pictures or sound (`HTMLMediaElement.HAVE_FUTURE_DATA`). */
const HAVE_FUTURE = 3
/** Farther off than this, an element is sought; nearer, it runs a little faster or slower. */
const JUMP_SECONDS = 0.35
const NEAR_SECONDS = 0.04
const NUDGE = 0.06
/** The clock follows what is heard while it is this near; beyond, the sound is sought. */
const LEAD_SECONDS = 1
/** Media that do not come hold the replay for this long; then it goes on without them. */
export const PATIENCE_MS = 8_000
/** A picture is asked for this long before it is shown. */
export const SOON_MS = 10_000

export interface Player {
  file: RecordingFile
  element: Playable
}

/** The files to be heard: everybody's sound in one, or each for itself where that one is not made. */
export function soundsOf(files: readonly RecordingFile[]): RecordingFile[] {
  const mix = files.filter(({ kind }) => kind === 'mix')
  return mix.length > 0 ? mix : files.filter(({ kind }) => kind === 'audio')
}

export function isActive({ active }: Pick<RecordingFile, 'active'>, t: number, soon = 0): boolean {
  return active.some(([begin, end]) => begin - soon <= t && t < end)
}

const MOST_PICTURES = 4
const ORDER = ['screen', 'camera']

/** The pictures of a moment: a screen before the presenter's camera before those of others. */
export function picturesAt(files: readonly RecordingFile[], t: number, soon = 0): RecordingFile[] {
  const rank = ({ source, publisher }: RecordingFile) =>
    (publisher === 'presenter' ? 0 : 10) + (ORDER.includes(source) ? ORDER.indexOf(source) : ORDER.length)
  return files
    .filter((file) => file.kind === 'video' && isActive(file, t, soon))
    .sort((one, two) => rank(one) - rank(two))
    .slice(0, MOST_PICTURES)
}

/**
 * Keeps media elements and the replay's clock together. What is heard leads: the clock follows it, and pictures
 * follow the clock. Where nothing is to be heard the clock runs by itself.
 */
export class Players {
  private readonly players = new Map<string, Player>()
  private heldSince: number | null = null
  private gaveUp = false
  /** The browser wants a gesture before it plays anything. */
  onRefused: () => void = () => undefined

  constructor(private readonly clock: ReplayClock) {}

  add(player: Player): () => void {
    this.players.set(player.file.name, player)
    return () => {
      if (this.players.get(player.file.name) === player) this.players.delete(player.file.name)
    }
  }

  /** Media are waited for. */
  get buffering(): boolean {
    return this.clock.isHeld
  }

  /** After the position was set: every element goes there at once. */
  sought(now: number): void {
    this.gaveUp = false
    this.heldSince = null
    const t = this.clock.at(now)
    for (const player of this.players.values()) if (covers(player, t)) go(player, t)
  }

  /** To be called some ten times a second. */
  tick(now: number): void {
    const leader = this.leader(this.clock.at(now))
    if (this.clock.playing && leader) this.follow(leader, now)
    else this.release(now)
    const t = this.clock.at(now)
    for (const player of this.players.values()) this.steer(player, t, player === leader)
  }

  private leader(t: number): Player | undefined {
    const there = [...this.players.values()].filter((player) => covers(player, t) && !player.element.ended)
    return there.find(({ file }) => file.kind !== 'video') ?? there[0]
  }

  private follow(leader: Player, now: number): void {
    const { element, file } = leader
    if (element.seeking || element.readyState < HAVE_FUTURE) {
      this.wait(now)
      return
    }
    this.release(now)
    this.gaveUp = false
    if (element.paused) return
    const heard = file.start + element.currentTime * 1000
    const off = heard - this.clock.at(now)
    if (Math.abs(off) < LEAD_SECONDS * 1000) this.clock.seek(heard, now)
  }

  private wait(now: number): void {
    if (this.gaveUp) return
    this.heldSince ??= now
    if (now - this.heldSince > PATIENCE_MS) {
      this.gaveUp = true
      this.release(now)
    } else {
      this.clock.hold(true, now)
    }
  }

  private release(now: number): void {
    this.heldSince = null
    this.clock.hold(false, now)
  }

  private steer(player: Player, t: number, leads: boolean): void {
    const { element } = player
    if (!covers(player, t)) {
      if (!element.paused) element.pause()
      return
    }
    const off = (t - player.file.start) / 1000 - element.currentTime
    if (!element.seeking && !element.ended && Math.abs(off) > this.most(leads)) go(player, t)
    if (this.clock.playing && (leads || !this.clock.isHeld)) this.run(element, leads ? 0 : off)
    else if (!element.paused) element.pause()
  }

  /** How far off an element may be before it is sought, in seconds. */
  private most(leads: boolean): number {
    if (!this.clock.playing) return NEAR_SECONDS
    return leads ? LEAD_SECONDS : JUMP_SECONDS
  }

  /** Lets it play, a little faster where it is behind. */
  private run(element: Playable, off: number): void {
    const nudge = Math.abs(off) < NEAR_SECONDS ? 0 : Math.sign(off) * NUDGE
    const wanted = this.clock.rate * (1 + nudge)
    if (Math.abs(element.playbackRate - wanted) > 0.001) element.playbackRate = wanted
    if (element.paused && !element.ended) void this.start(element)
  }

  private async start(element: Playable): Promise<void> {
    try {
      await element.play()
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.onRefused()
      // Else it was paused or loaded anew meanwhile: the next tick starts it.
    }
  }
}

function covers({ file }: Player, t: number): boolean {
  return file.start <= t && t < file.end
}

function go({ element, file }: Player, t: number): void {
  element.currentTime = Math.max(0, (t - file.start) / 1000)
}
