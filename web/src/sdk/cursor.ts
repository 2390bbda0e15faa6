/** How far this page has followed the room: where it goes on after a lost connection. */
export class Cursor {
  /** The newest event that came, or the number that the room had when this page came. */
  private last: number | null = null
  private complete: number | null = null
  /** What came with `state`, and bears its number, is not a repeat of it. */
  private arriving = false

  /** To be sent with the next connection: everything up to here has come. Null: show it all anew. */
  get seq(): number | null {
    return this.complete
  }

  /** `state` came. What was missed follows (`resumed`), or the room as it stands is shown anew. */
  began(state: { seq?: number; resumed?: boolean }): void {
    if (typeof state.seq !== 'number' || state.resumed === true) return
    this.last = state.seq
    this.complete = null
    this.arriving = true
  }

  /** The room as it stands has come whole. */
  arrived(): void {
    this.complete = this.last
  }

  /** Whether an event is to be taken: each once. Events without a number always are. */
  accept(event: unknown): boolean {
    const seq = (event as { seq?: unknown } | null | undefined)?.seq
    if (typeof seq !== 'number' || this.last === null) return true
    if (seq > this.last) {
      this.last = seq
      this.complete = seq
      this.arriving = false
      return true
    }
    return seq === this.last && this.arriving
  }
}
