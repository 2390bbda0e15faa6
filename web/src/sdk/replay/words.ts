import type { ReplayCaption, ReplayChapter, ReplayQuestion } from './archive'

/** What is said at `t`: captions are in order of their numbers, which is nearly that of time. */
export function captionsAt(captions: readonly ReplayCaption[], t: number): ReplayCaption[] {
  return captions.filter(({ start, end }) => start <= t && t < end).slice(-2)
}

export interface TimelineMark {
  at: number
  kind: 'chapter' | 'question'
  text: string
  /** How many are in one place, this one included. */
  count: number
}

const PLACES = 200

/** Marks of a timeline: what would lie on each other is one. A page that is turned is no mark: there may be hundreds. */
export function timelineMarks(
  questions: readonly ReplayQuestion[], chapters: readonly ReplayChapter[], duration: number,
): TimelineMark[] {
  const marks = new Map<string, TimelineMark>()
  const add = (kind: TimelineMark['kind'], at: number, text: string) => {
    const place = `${kind}:${String(Math.floor((at / Math.max(1, duration)) * PLACES))}`
    const there = marks.get(place)
    if (there) there.count += 1
    else marks.set(place, { kind, at, text, count: 1 })
  }
  for (const { at, title } of chapters) if (title !== null) add('chapter', at, title)
  for (const { at, content, erased } of questions) if (!erased) add('question', at, content)
  return [...marks.values()].sort((one, two) => one.at - two.at)
}

/** The last one that had begun at `t`. */
export function currentChapter(chapters: readonly ReplayChapter[], t: number): ReplayChapter | null {
  let current: ReplayChapter | null = null
  for (const chapter of chapters) if (chapter.title !== null && chapter.at <= t) current = chapter
  return current
}
