import { CaptureUpdateAction, Excalidraw } from '@excalidraw/excalidraw'
import type { ExcalidrawImperativeAPI } from '@excalidraw/excalidraw/types'
import '@excalidraw/excalidraw/index.css'
import { useEffect, useRef, useState } from 'react'
import { usePrefersDark, useStore } from '../app'
import { BoardTools } from '../components/board/BoardTools'
import { OPTIONS, editorLang, toEditor } from '../components/board/editor'
import { ForeignCanvas } from '../components/board/ForeignCanvas'
import { useWords } from '../i18n'
import { fitViewport } from '../sdk'
import type { Viewport } from '../sdk'
import { hashOf } from '../sdk/replay/fold'
import type { Replay } from '../sdk/replay/replay'

function follow(api: ExcalidrawImperativeAPI, view: Viewport, box: Element): void {
  const { width, height } = box.getBoundingClientRect()
  if (width === 0 || height === 0) return
  const { zoom, scrollX, scrollY } = fitViewport(view, width, height)
  api.updateScene({ appState: { zoom: { value: zoom as never }, scrollX, scrollY } })
}

/** The board as it was, to look at; it follows what the presenter looked at until it is moved. */
export default function ReplayBoard({ replay }: { replay: Replay }) {
  const { t, lang } = useWords()
  const dark = usePrefersDark()
  const { elements, foreign, view, raw, page, hash, seq, loading } = useStore(replay.board)
  const [editor, setEditor] = useState<ExcalidrawImperativeAPI | null>(null)
  // As on a participant's page: its first, empty scene would replace what was put there before.
  const [loaded, setLoaded] = useState(false)
  const [following, setFollowing] = useState(true)
  const box = useRef<HTMLDivElement>(null)
  const api = loaded ? editor : null

  useEffect(() => {
    if (!api || !box.current) return
    api.updateScene({ elements: toEditor(elements ?? []), captureUpdate: CaptureUpdateAction.NEVER })
    // Of what is shown in truth, for whoever compares it with the live board.
    box.current.dataset.scene = hashOf(api.getSceneElements())
    box.current.dataset.seq = String(seq)
  }, [api, elements, seq])

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
        ref={box} className="editor" data-testid="replay-board" data-elements={elements?.length ?? 0}
        data-hash={hash} data-page={page} data-loading={loading}
        onWheelCapture={() => { setFollowing(false) }}
        onPointerMoveCapture={(event) => { if (event.buttons > 0) setFollowing(false) }}
      >
        <Excalidraw
          excalidrawAPI={setEditor}
          onChange={(_, { isLoading }) => { if (!isLoading) setLoaded(true) }}
          viewModeEnabled zenModeEnabled
          langCode={editorLang(lang)} theme={dark ? 'dark' : 'light'}
          UIOptions={OPTIONS} aiEnabled={false} validateEmbeddable={false}
        />
      </div>
      {foreign && <ForeignCanvas objects={foreign} view={raw} testId="replay-canvas" />}
      {loading && (
        <div className="board-over"><p className="notice" role="status" data-testid="replay-board-loading">{t('board.loading')}</p></div>
      )}
      <BoardTools following={following} onFollow={foreign ? null : setFollowing} />
    </>
  )
}
