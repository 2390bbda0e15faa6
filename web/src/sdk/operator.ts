/** What GET /operator/state answers. */
export interface NodeState {
  id: string
  kind: string
  address: string
  state: 'initializing' | 'ready' | 'full' | 'draining'
  load: number | null
  regions: string[]
  isps: string[]
  usage: { cpu: number; packetsPerSecond: number; memoryBytes: number; networkBps: number }
  rooms: number
}

export interface RoomState {
  code: string
  lectureId: string
  status: 'LIVE' | 'AWAY'
  startTime: string
  listeners: number
  relay: string | null
}

export interface OperatorState {
  time: string
  nodes: NodeState[]
  rooms: RoomState[]
  roomCount: number
}

const UNITS = ['', 'k', 'M', 'G', 'T'] as const

/** 1234567 → "1.2 M": three figures at most, in thousands. */
export function short(value: number): string {
  let place = 0
  let rest = value
  while (rest >= 999.5 && place < UNITS.length - 1) {
    rest /= 1000
    place += 1
  }
  const figures = rest >= 100 || Number.isInteger(rest) ? rest.toFixed(0) : rest.toFixed(1)
  return `${figures} ${UNITS[place] ?? ''}`.trim()
}
