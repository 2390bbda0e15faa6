import { restoreElements } from '@excalidraw/excalidraw'
import type { ExcalidrawProps } from '@excalidraw/excalidraw/types'
import type { DragEvent } from 'react'
import type { Lang } from '../../i18n'
import type { BoardElement } from '../../sdk'
import { finished } from './strokes'

/**
 * What the board offers: drawing. Images and embedded pages are not carried to the class, and saving
 * to a file or changing the background is not seen by it, so none of that is offered.
 */
export const OPTIONS: NonNullable<ExcalidrawProps['UIOptions']> = {
  canvasActions: {
    changeViewBackgroundColor: false,
    clearCanvas: true,
    export: false,
    loadScene: false,
    saveAsImage: true,
    saveToActiveFile: false,
    toggleTheme: false,
  },
  tools: { image: false },
}

export function editorLang(lang: Lang): string {
  return lang === 'ko' ? 'ko-KR' : 'en'
}

/** A dropped file would become an image on this board alone. */
export function refuseFiles(event: DragEvent): void {
  if (event.dataTransfer.files.length === 0) return
  event.preventDefault()
  event.stopPropagation()
}

/** Elements as they came from the server, in the editor's own form. */
export function toEditor(elements: readonly BoardElement[]): ReturnType<typeof restoreElements> {
  return finished(restoreElements(elements as unknown as Parameters<typeof restoreElements>[0], null))
}
