import { useCallback, useEffect, useState } from 'react'
import { useApp } from '../app'
import { toError } from '../sdk'
import type { LectureCard, LecternError } from '../sdk'

export interface Found {
  card: LectureCard | null
  error: LecternError | null
  again: () => void
}

/** The lecture that a code stands for. */
export function useLecture(code: string): Found {
  const { rest } = useApp()
  const [found, setFound] = useState<{ code: string; card: LectureCard | null; error: LecternError | null } | null>(null)
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    let live = true
    rest.lecture(code).then(
      (card) => { if (live) setFound({ code, card, error: null }) },
      (raw: unknown) => { if (live) setFound({ code, card: null, error: toError(raw) }) },
    )
    return () => { live = false }
  }, [rest, code, attempt])
  const again = useCallback(() => {
    setFound(null)
    setAttempt((n) => n + 1)
  }, [])
  const current = found?.code === code ? found : null
  return { card: current?.card ?? null, error: current?.error ?? null, again }
}
