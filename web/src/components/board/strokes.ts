interface Stroke {
  readonly type: string
  readonly points?: readonly unknown[]
}

/**
 * Strokes marked as finished. The editor's `restoreElements` forgets that they are, and an unfinished
 * one is painted short of its end.
 */
export function finished<T extends Stroke>(elements: readonly T[]): T[] {
  return elements.map((element) =>
    element.type === 'freedraw' ? { ...element, lastCommittedPoint: element.points?.at(-1) ?? null } : element,
  )
}
