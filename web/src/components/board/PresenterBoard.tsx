import { Excalidraw, MainMenu } from '@excalidraw/excalidraw'
import type { ExcalidrawImperativeAPI, ExcalidrawInitialDataState } from '@excalidraw/excalidraw/types'
import '@excalidraw/excalidraw/index.css'
import { useEffect, useRef, useState } from 'react'
import { usePrefersDark, useStore } from '../../app'
import { useWords } from '../../i18n'
import type { BoardElement, Presenter, Restored } from '../../sdk'
import { OPTIONS, editorLang, merge, refuseFiles, replace, toEditor } from './editor'
import { DrawerRules } from './DrawerRules'
import { PageTurner } from './PageTurner'

function initial({ decoded, view }: Restored): ExcalidrawInitialDataState {
  const elements = decoded.kind === 'elements' ? decoded.elements : []
  return {
    elements: toEditor(elements),
    appState: view
      ? { scrollX: view.scrollX, scrollY: view.scrollY, zoom: { value: view.zoom as never } }
      : {},
    scrollToContent: false,
  }
}

/** What others draw comes into the editor, and the shown page is the one that is drawn on. */
function useRoomInEditor(presenter: Presenter, editor: ExcalidrawImperativeAPI | null, page: number) {
  // The page whose elements the editor has: they must not be sent as another's.
  const scene = useRef(page)
  useEffect(() => {
    if (!editor) return
    merge(editor, { puts: presenter.elements(scene.current), removed: [] }, scene.current)
    return presenter.follow((change) => { merge(editor, change, scene.current) })
  }, [presenter, editor])
  useEffect(() => {
    if (!editor || scene.current === page) return
    scene.current = page
    replace(editor, presenter.elements(page))
  }, [presenter, editor, page])
  return scene
}

/** The board that the presenter draws on; every change goes to the room. */
export default function PresenterBoard({ presenter, restored }: { presenter: Presenter; restored: Restored }) {
  const { lang } = useWords()
  const dark = usePrefersDark()
  const { page } = useStore(presenter.state)
  const [data] = useState(() => initial(restored))
  const [editor, setEditor] = useState<ExcalidrawImperativeAPI | null>(null)
  // The editor is given away before it has loaded its first scene, which would replace what was merged.
  const [loaded, setLoaded] = useState(false)
  const scene = useRoomInEditor(presenter, loaded ? editor : null, page)
  return (
    <div className="editor" onDropCapture={refuseFiles}>
      <Excalidraw
        excalidrawAPI={setEditor}
        initialData={data}
        langCode={editorLang(lang)}
        theme={dark ? 'dark' : 'light'}
        UIOptions={OPTIONS}
        aiEnabled={false}
        validateEmbeddable={false}
        onChange={(elements, { scrollX, scrollY, zoom, width, height, isLoading }) => {
          if (!isLoading) setLoaded(true)
          const view = { scrollX, scrollY, zoom: zoom.value, width, height }
          presenter.draw(elements as unknown as readonly BoardElement[], view, scene.current)
        }}
      >
        <MainMenu>
          <MainMenu.DefaultItems.SaveAsImage />
          <MainMenu.DefaultItems.ClearCanvas />
          <MainMenu.DefaultItems.Help />
        </MainMenu>
      </Excalidraw>
      <PageTurner page={page} onTurn={(next) => presenter.showPage(next)}>
        <DrawerRules presenter={presenter} />
      </PageTurner>
    </div>
  )
}
