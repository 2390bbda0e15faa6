import { Store } from '../store'
import type { Source, Sources } from '../messages'

export type DeviceProblem = 'denied' | 'none' | 'busy' | 'unsupported'

/** Why a device cannot be had, for a person. */
export function deviceProblem(error: unknown): DeviceProblem {
  const name = error instanceof DOMException || error instanceof Error ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'none'
  if (name === 'NotReadableError' || name === 'AbortError') return 'busy'
  return 'unsupported'
}

export interface DeviceList {
  microphones: MediaDeviceInfo[]
  cameras: MediaDeviceInfo[]
}

export async function listDevices(): Promise<DeviceList> {
  const media = navigator.mediaDevices as MediaDevices | undefined
  if (!media) return { microphones: [], cameras: [] }
  const all = await media.enumerateDevices()
  return {
    microphones: all.filter((device) => device.kind === 'audioinput' && device.deviceId !== ''),
    cameras: all.filter((device) => device.kind === 'videoinput' && device.deviceId !== ''),
  }
}

export interface LocalState {
  tracks: Record<Source, MediaStreamTrack | null>
  /** What is sent: a muted microphone has its track, but is not on. */
  on: Sources
  chosen: { microphone: string; camera: string }
  problems: Partial<Record<Source, DeviceProblem>>
}

/** Remembered over a reload, per lecture. */
export interface Kept {
  on: Sources
  chosen: { microphone: string; camera: string }
}

/** A device's track; a screen is chosen by the person. Rejects as the browser does. */
export async function openDevice(source: Source, deviceId = ''): Promise<MediaStreamTrack> {
  const media = navigator.mediaDevices as MediaDevices | undefined
  if (!media) throw new Error('no media devices on this origin')
  let stream: MediaStream
  if (source === 'screen') {
    stream = await media.getDisplayMedia({ video: { frameRate: 15 }, audio: false })
  } else if (source === 'camera') {
    stream = await media.getUserMedia({
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...(deviceId ? { deviceId: { exact: deviceId } } : {}) },
    })
  } else {
    stream = await media.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
      },
    })
  }
  const track = stream.getTracks()[0]
  if (!track) throw new DOMException('no track', 'NotFoundError')
  if (source === 'screen') track.contentHint = 'detail'
  return track
}

/** The presenter's own microphone, camera and screen. A camera or screen that is off is released. */
export class LocalMedia {
  readonly state = new Store<LocalState>({
    tracks: { microphone: null, camera: null, screen: null },
    on: { microphone: false, camera: false, screen: false },
    chosen: { microphone: '', camera: '' },
    problems: {},
  })
  private closed = false

  constructor(private readonly keep: (kept: Kept) => void = () => undefined) {}

  /** Turns a source on; resolves to false (with the problem in the state) when it cannot be had. */
  async start(source: Source, deviceId?: string): Promise<boolean> {
    const known = this.state.get().tracks[source]
    const wanted = deviceId ?? (source === 'screen' ? '' : this.state.get().chosen[source])
    if (known && deviceId === undefined) {
      known.enabled = true
      this.turn(source, true)
      return true
    }
    try {
      const track = await this.openOrDefault(source, wanted)
      if (this.closed) {
        track.stop()
        return false
      }
      this.put(source, track, wanted)
      return true
    } catch (error) {
      this.state.set({ problems: { ...this.state.get().problems, [source]: deviceProblem(error) } })
      return false
    }
  }

  stop(source: Source): void {
    const track = this.state.get().tracks[source]
    if (source === 'microphone' && track) track.enabled = false
    else this.release(source)
    this.turn(source, false)
  }

  /** Another microphone or camera; a source that is off is only remembered. */
  async choose(source: 'microphone' | 'camera', deviceId: string): Promise<void> {
    this.state.set({ chosen: { ...this.state.get().chosen, [source]: deviceId } })
    if (this.state.get().on[source]) await this.start(source, deviceId)
    else this.release(source)
    this.remember()
  }

  /** After a reload: the same devices, where the browser allows it. A screen needs a person's click. */
  async resume(kept: Kept): Promise<void> {
    this.state.set({ chosen: kept.chosen })
    for (const source of ['microphone', 'camera'] as const) {
      if (kept.on[source]) await this.start(source)
    }
  }

  close(): void {
    this.closed = true
    for (const source of ['microphone', 'camera', 'screen'] as const) this.release(source)
  }

  private async openOrDefault(source: Source, deviceId: string): Promise<MediaStreamTrack> {
    try {
      return await openDevice(source, deviceId)
    } catch (error) {
      // The remembered device was unplugged: the default one is better than silence.
      if (deviceId === '' || deviceProblem(error) !== 'none') throw error
      return openDevice(source)
    }
  }

  private put(source: Source, track: MediaStreamTrack, deviceId: string): void {
    this.release(source)
    track.onended = () => {
      if (this.state.get().tracks[source] !== track) return
      this.release(source)
      this.turn(source, false)
    }
    const { tracks, chosen, problems } = this.state.get()
    const others = Object.entries(problems).filter(([name]) => name !== source)
    this.state.set({
      tracks: { ...tracks, [source]: track },
      chosen: source === 'screen' ? chosen : { ...chosen, [source]: deviceId },
      problems: Object.fromEntries(others),
    })
    this.turn(source, true)
  }

  private release(source: Source): void {
    const track = this.state.get().tracks[source]
    if (!track) return
    track.onended = null
    track.stop()
    this.state.set({ tracks: { ...this.state.get().tracks, [source]: null } })
  }

  private turn(source: Source, on: boolean): void {
    this.state.set({ on: { ...this.state.get().on, [source]: on } })
    this.remember()
  }

  private remember(): void {
    const { on, chosen } = this.state.get()
    if (!this.closed) this.keep({ on, chosen })
  }
}
