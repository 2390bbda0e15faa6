import { useEffect } from 'react'
import type { RefObject } from 'react'
import type { Floor } from '../sdk'
import { QUALITY } from './quality'
import type { Quality } from './quality'

const SETTLED_MS = 400
/** A window's height is told in steps: every pixel of a drag is no news. */
const STEP = 90

/** Tells the relay how large a picture is shown, so that no larger one is sent; none while it is hidden. */
export function useWindow(box: RefObject<HTMLElement | null>, floor: Floor, mid: string | null, quality: Quality, active = true): void {
  useEffect(() => {
    const element = box.current
    // What is not sent has no size; where it was left, it goes on.
    if (!element || mid === null || !active || typeof ResizeObserver === 'undefined') return
    let timer: ReturnType<typeof setTimeout> | undefined
    let told = ''
    const tell = () => {
      const bounds = QUALITY[quality]
      const pixels = element.clientHeight * window.devicePixelRatio
      const off = bounds === null || document.visibilityState === 'hidden' || pixels === 0
      const wanted = off ? null : { ...bounds, height: Math.min(4320, Math.ceil(pixels / STEP) * STEP) }
      const text = JSON.stringify(wanted)
      if (text === told) return
      told = text
      void floor.prefer(mid, wanted)
    }
    const soon = () => {
      clearTimeout(timer)
      timer = setTimeout(tell, SETTLED_MS)
    }
    const observer = new ResizeObserver(soon)
    observer.observe(element)
    document.addEventListener('visibilitychange', soon)
    soon()
    return () => {
      clearTimeout(timer)
      observer.disconnect()
      document.removeEventListener('visibilitychange', soon)
    }
  }, [box, floor, mid, quality, active])
}
