export type Quality = 'best' | 'saving' | 'slides' | 'off'

/** What each choice asks of the relay for a picture; `null` is none. */
export const QUALITY: Record<Quality, object | null> = {
  best: {},
  saving: { layer: 0, maxBitrate: 400_000, slidesBelow: 0 },
  slides: { slides: 5 },
  off: null,
}
export const QUALITIES = Object.keys(QUALITY) as Quality[]
