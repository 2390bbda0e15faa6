import { toError } from './errors'
import type { LecternError } from './errors'
import { Store } from './store'

/** Why a recording that should be made is not; it goes on by itself when it can. */
export type RecordingFault = 'disk_full' | 'write_failed' | 'recorder_down'

export interface WireRecording {
  state: 'off' | 'on' | 'failed'
  since: string | null
  reason: RecordingFault | null
}

export interface RecordingState extends WireRecording {
  /** A change was asked for, and is not there yet. */
  busy: boolean
  error: LecternError | null
  /** This member has read that it is recorded. */
  noticed: boolean
}

type Hear = <T>(event: string, listener: (payload: T) => void) => void
type Ask = (event: string, payload: object) => Promise<unknown>

/** Whether the lecture is recorded: everybody knows, the presenter decides. */
export class Recording {
  readonly state = new Store<RecordingState>({
    state: 'off', since: null, reason: null, busy: false, error: null, noticed: false,
  })

  constructor(private readonly ask: Ask) {}

  listen(hear: Hear): void {
    hear<WireRecording>('recording', (now) => { this.now(now) })
  }

  load(room: { recording?: WireRecording }): void {
    if (room.recording) this.now(room.recording)
  }

  /** The presenter's: record from now on, or no more. */
  async switch(on: boolean): Promise<void> {
    this.state.set({ busy: true, error: null })
    try {
      await this.ask('record', { on })
      this.state.set({ busy: false })
    } catch (raw) {
      this.state.set({ busy: false, error: toError(raw) })
    }
  }

  /** The notice was read. A recording that begins anew shows it again. */
  understood(): void {
    this.state.set({ noticed: true })
  }

  private now({ state, since, reason }: WireRecording): void {
    const before = this.state.get()
    this.state.set({ state, since, reason, noticed: before.noticed && since === before.since })
  }
}
