import { CaptureUpdateAction, reconcileElements, restoreElements } from '@excalidraw/excalidraw'
import type { ExcalidrawImperativeAPI, ExcalidrawProps } from '@excalidraw/excalidraw/types'
import type { DragEvent } from 'react'
import type { Lang } from '../../i18n'
import { isNewer, pageOf } from '../../sdk'
import type { BoardElement, Change } from '../../sdk'
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

/** Brings what others drew on `page` into the scene; what is newer here stays. Undo leaves it alone. */
export function merge(editor: ExcalidrawImperativeAPI, { puts, removed }: Change, page: number): void {
  const scene = editor.getSceneElementsIncludingDeleted()
  const here = new Map(scene.map((element) => [element.id, element]))
  const newer = puts.filter((element) => {
    const local = here.get(element.id) as BoardElement | undefined
    return pageOf(element) === page && (!local || isNewer(element, local))
  })
  const gone = removed.flatMap(({ id, version }) => {
    const local = here.get(id)
    return local && !local.isDeleted && local.version <= version ? [{ ...local, version, isDeleted: true }] : []
  })
  if (newer.length + gone.length === 0) return
  const remote = [...toEditor(newer), ...gone] as unknown as Parameters<typeof reconcileElements>[1]
  editor.updateScene({
    elements: reconcileElements(scene, remote, editor.getAppState()),
    captureUpdate: CaptureUpdateAction.NEVER,
  })
}

/** Shows another page: what was done on the one before cannot be undone here. */
export function replace(editor: ExcalidrawImperativeAPI, elements: readonly BoardElement[]): void {
  editor.updateScene({ elements: toEditor(elements), captureUpdate: CaptureUpdateAction.NEVER })
  editor.history.clear()
}
