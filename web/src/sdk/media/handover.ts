/** How long the new connection's sound is waited for once it stands, in ms: nobody may be speaking. */
const PATIENCE = 1500

/**
 * From one connection to the next without a gap: the old one carries on, and its tracks stay with
 * the page, until the new one is connected and something comes over it.
 */
export class Handover {
  private leaving: RTCPeerConnection | null = null
  private arriving: (() => void)[] = []
  private timer: ReturnType<typeof setTimeout> | undefined

  get isOn(): boolean {
    return this.leaving !== null
  }

  /** `pc` is left from now on. One that was being left already is closed. */
  begin(pc: RTCPeerConnection): void {
    this.close()
    pc.onicecandidate = null
    pc.onconnectionstatechange = null
    this.leaving = pc
  }

  /** Yet another connection is made: what the one before it brought counts no more. */
  again(): void {
    clearTimeout(this.timer)
    this.arriving = []
  }

  /** Does what hands new tracks to the page: now, or when the new connection has taken over. */
  deliver(hand: () => void): void {
    if (this.isOn) this.arriving.push(hand)
    else hand()
  }

  /** The new connection stands; `track` is the first that it receives, if it receives any. */
  connected(track: MediaStreamTrack | null): void {
    if (!this.isOn) return
    if (!track?.muted) {
      this.finish()
      return
    }
    track.addEventListener('unmute', () => { this.finish() }, { once: true })
    clearTimeout(this.timer)
    this.timer = setTimeout(() => { this.finish() }, PATIENCE)
  }

  /** Gives up: the connection that was being left is closed. */
  close(): void {
    this.again()
    this.leaving?.close()
    this.leaving = null
  }

  private finish(): void {
    const arriving = this.arriving
    this.close()
    for (const hand of arriving) hand()
  }
}
