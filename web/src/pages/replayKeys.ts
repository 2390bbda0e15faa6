import { useEffect, useRef } from 'react'
import { RATES } from '../sdk/replay/clock'
import type { Replay } from '../sdk/replay/replay'

interface Rest {
  mute: () => void
  louder: (by: number) => void
  captions: () => void
}

const STEP_MS = 5_000
const LONG_STEP_MS = 10_000

function stepRate(replay: Replay, by: number): void {
  const { rate } = replay.play.get()
  const now = RATES.findIndex((one) => one >= rate)
  const next = RATES[Math.min(RATES.length - 1, Math.max(0, now + by))]
  if (next !== undefined) replay.setRate(next)
}

/** What a key does, by its name. */
function commands(replay: Replay, rest: Rest): Record<string, () => void> {
  const toggle = () => { replay.toggle() }
  const keys: Record<string, () => void> = {
    ' ': toggle, k: toggle,
    ArrowLeft: () => { replay.skip(-STEP_MS) }, ArrowRight: () => { replay.skip(STEP_MS) },
    j: () => { replay.skip(-LONG_STEP_MS) }, l: () => { replay.skip(LONG_STEP_MS) },
    ArrowUp: () => { rest.louder(0.1) }, ArrowDown: () => { rest.louder(-0.1) },
    Home: () => { replay.seek(0) }, End: () => { replay.seek(replay.play.get().duration) },
    '<': () => { stepRate(replay, -1) }, '>': () => { stepRate(replay, 1) },
    m: rest.mute, c: rest.captions,
  }
  for (let n = 0; n <= 9; n += 1) keys[String(n)] = () => { replay.seek((replay.play.get().duration * n) / 10) }
  return keys
}

/** Whether the element has a use of its own for the key. */
function keeps(element: EventTarget | null, key: string): boolean {
  if (!(element instanceof HTMLElement)) return false
  if (element.closest('dialog')) return true
  if (element instanceof HTMLInputElement) return element.type !== 'range' || element.dataset.testid !== 'replay-seek'
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement || element.isContentEditable) return true
  if (key === ' ') return element.closest('button, a, summary') !== null
  return key.startsWith('Arrow') && element.closest('[role=tablist]') !== null
}

/** The keyboard of a replay: space, arrows, numbers, and those that players have in common. */
export function useReplayKeys(replay: Replay, rest: Rest): void {
  const latest = useRef(rest)
  useEffect(() => { latest.current = rest })
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || keeps(event.target, event.key)) return
      const command = commands(replay, latest.current)[event.key.length === 1 ? event.key.toLowerCase() : event.key]
      if (!command) return
      event.preventDefault()
      event.stopPropagation()
      command()
    }
    // Before the board's editor, which has a use of its own for most keys.
    window.addEventListener('keydown', key, { capture: true })
    return () => { window.removeEventListener('keydown', key, { capture: true }) }
  }, [replay])
}
