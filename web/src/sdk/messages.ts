/** What travels on the sockets, as docs/protocol.md has it. */

import type { Speaker } from './floor'
import type { WireRecording } from './recording'

export type Source = 'microphone' | 'camera' | 'screen'
export type Sources = Record<Source, boolean>
export const NO_SOURCES: Sources = { microphone: false, camera: false, screen: false }

/** A whole board snapshot; empty `objects` say "unchanged" and carry the viewport alone. */
export interface BoardContent {
  objects: ArrayBuffer
  viewport: number[]
  eventTime: number
  width: number
  height: number
}

/** What of a board is looked at: `viewport` is a canvas transform, `width` and `height` are the presenter's canvas. */
export type WireView = Omit<BoardContent, 'objects'>

/** The same as it arrives: nothing of it is trusted. `canvasJSON` comes with `reconnectPresenter` alone. */
export interface WireBoard extends Partial<Omit<BoardContent, 'objects'>> {
  objects?: ArrayBuffer | ArrayBufferView | null
  canvasJSON?: string | { objects?: unknown }
}

export interface ServerAnswer {
  SDP: RTCSessionDescriptionInit
  peerId?: string
  epoch?: number
  presenterPresent?: boolean
  startTime?: string
  whiteboard?: WireBoard
  iceServers?: RTCIceServer[]
}

/** The TURN servers to use from now on: fresh credentials, or others because one died. */
export interface IceServersNews {
  iceServers?: RTCIceServer[]
}

/** A stream entry, or the same with names. */
export type WireQuestion = [string, unknown[]] | { questionId: string; content: string; name?: string }

export interface ReconnectPresenter {
  whiteboard?: WireBoard
  startTime?: string
  questions?: WireQuestion[]
}

export interface RoomState {
  role: string
  /** The presenter's: 0 while an older connection of its own still holds the slot. */
  epoch?: number
  startTime?: string
  seq?: number
  presenterPresent?: boolean
  deadline?: string | null
  listeners?: number
  sources?: Partial<Sources> | null
  /** The presenter's are the unanswered; others' those that they may see. */
  questions?: WireQuestion[]
  memberId?: string
  assistant?: boolean
  assistants?: { memberId: string; name: string }[]
  moderation?: boolean
  /** What was missed since the cursor follows, with greater numbers than `seq`. */
  resumed?: boolean
  board?: { kind: 'whole' | 'elements'; rev: number; hash: string }
  page?: number
  drawing?: DrawingRule
  hands?: { id: string; name: string }[]
  speakers?: Speaker[]
  /** A participant's own name among the speakers. */
  speakerId?: string
  /** A broadcasting program carries the presenter's media. */
  whip?: boolean
  recording?: WireRecording
}

/** Who may draw beside the presenter; `may`: whether this member does. */
export interface DrawingRule {
  mode: 'presenter' | 'list' | 'everyone'
  may: boolean
  /** Of the mode `list`, for the presenter alone: e-mails. */
  members?: string[]
}

export interface Asked {
  content: string
  questionId: string
  name?: string
}

export interface Update {
  type: string
  content: WireBoard
}

export interface Failed {
  event: string
  code: string
  message: string
}

/** A question as pages show it. */
export interface Question {
  id: string
  content: string
  name: string
}

/** `[id, ["content", text, "name", …]]` to a question; fields come in pairs, as a stream entry has them. */
export function readQuestion(wire: WireQuestion): Question {
  if (!Array.isArray(wire)) return { id: wire.questionId, content: wire.content, name: wire.name ?? '' }
  const [id, fields] = wire
  const pairs = new Map<unknown, unknown>()
  for (let i = 0; i + 1 < fields.length; i += 2) pairs.set(fields[i], fields[i + 1])
  const text = (key: string) => (typeof pairs.get(key) === 'string' ? (pairs.get(key) as string) : '')
  return { id, content: text('content'), name: text('name') }
}

export function readSources(sources: Partial<Sources> | null | undefined): Sources {
  return {
    microphone: sources?.microphone === true,
    camera: sources?.camera === true,
    screen: sources?.screen === true,
  }
}
