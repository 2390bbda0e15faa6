import { CaptureUpdateAction, Excalidraw } from '@excalidraw/excalidraw'
import type { ExcalidrawImperativeAPI } from '@excalidraw/excalidraw/types'
import '@excalidraw/excalidraw/index.css'
import { useEffect, useRef, useState } from 'react'
import { usePrefersDark, useStore } from '../../app'
import { useWords } from '../../i18n'
import { fitViewport } from '../../sdk'
import type { BoardElement, BoardState, Participant, Viewport } from '../../sdk'
import { OPTIONS, editorLang, merge, replace, toEditor } from './editor'
import { BoardTools } from './BoardTools'
import { ForeignCanvas } from './ForeignCanvas'

function show(api: ExcalidrawImperativeAPI, elements: BoardElement[]): void {
  api.updateScene({
    elements: toEditor(elements),
    captureUpdate: CaptureUpdateAction.NEVER,
  })
}

function follow(api: ExcalidrawImperativeAPI, view: Viewport, box: Element): void {
  const { width, height } = box.getBoundingClientRect()
  if (width === 0 || height === 0) return
  const { zoom, scrollX, scrollY } = fitViewport(view, width, height)
  api.updateScene({ appState: { zoom: { value: zoom as never }, scrollX, scrollY } })
}

/** What lies over the editor: a board that is drawn with another client, or that nothing is on. */
function Covers({ board: { elements, foreign, raw }, may }: { board: BoardState; may: boolean }) {
  const { t } = useWords()
  // Who may draw draws a new board, as the presenter would.
  if (foreign && may) {
    return (
      <div className="board-over">
        <p className="notice warn" role="status" data-testid="board-foreign">{t('board.foreign.presenter')}</p>
      </div>
    )
  }
  if (foreign) return <ForeignCanvas objects={foreign} view={raw} testId="board-canvas" />
  if (may || elements?.length !== 0) return null
  return <p className="board-empty soft" data-testid="board-empty">{t('board.empty')}</p>
}

/** The presenter's board, to look at. Moving it oneself stops following, the button starts it again. */
export default function ParticipantBoard({ participant }: { participant: Participant }) {
  const { t, lang } = useWords()
  const dark = usePrefersDark()
  const board = useStore(participant.board)
  const { elements, view, foreign, page } = board
  const { may } = useStore(participant.pen.state)
  const [editor, setEditor] = useState<ExcalidrawImperativeAPI | null>(null)
  // The editor gives its interface away before it has loaded its (empty) first scene, which then
  // replaces whatever was put there: it is used from its first change on, which comes after that.
  const [loaded, setLoaded] = useState(false)
  const api = loaded ? editor : null
  const [following, setFollowing] = useState(true)
  const box = useRef<HTMLDivElement>(null)

  // The page whose elements the editor has: they must not be sent as another's.
  const scene = useRef(page)

  useEffect(() => {
    if (!api || !elements || may) return
    scene.current = page
    show(api, elements)
  }, [api, elements, may, page])

  // Where it may draw, what others draw is merged into what it is drawing itself.
  useEffect(() => {
    if (!api || !may) return
    merge(api, { puts: participant.elements(scene.current), removed: [] }, scene.current)
    return participant.pen.follow((change) => { merge(api, change, scene.current) })
  }, [api, may, participant])
  useEffect(() => {
    if (!api || !may || scene.current === page) return
    scene.current = page
    replace(api, participant.elements(page))
  }, [api, may, page, participant])

  useEffect(() => {
    const element = box.current
    if (!api || !view || !element || !following) return
    follow(api, view, element)
    const observer = new ResizeObserver(() => { follow(api, view, element) })
    observer.observe(element)
    return () => { observer.disconnect() }
  }, [api, view, following])

  return (
    <>
      <div
        ref={box}
        className="editor"
        data-testid="board-view"
        data-elements={elements?.length ?? 0}
        onWheelCapture={() => { setFollowing(false) }}
        data-drawing={may}
        onPointerMoveCapture={(event) => { if (event.buttons > 0 && !may) setFollowing(false) }}
      >
        <Excalidraw
          excalidrawAPI={setEditor}
          onChange={(scenes, { isLoading }) => {
            if (!isLoading) setLoaded(true)
            if (loaded) participant.pen.draw(scenes as unknown as readonly BoardElement[], scene.current)
          }}
          viewModeEnabled={!may}
          zenModeEnabled={!may}
          langCode={editorLang(lang)}
          theme={dark ? 'dark' : 'light'}
          UIOptions={OPTIONS}
          aiEnabled={false}
          validateEmbeddable={false}
        />
      </div>
      <Covers board={board} may={may} />
      {may && <p className="visually-hidden" role="status" data-testid="may-draw">{t('board.may')}</p>}
      <BoardTools following={following} onFollow={foreign && !may ? null : setFollowing} />
    </>
  )
}
