import { Excalidraw, MainMenu } from '@excalidraw/excalidraw'
import type { ExcalidrawInitialDataState } from '@excalidraw/excalidraw/types'
import '@excalidraw/excalidraw/index.css'
import { useState } from 'react'
import { usePrefersDark } from '../../app'
import { useWords } from '../../i18n'
import type { BoardElement, Presenter, Restored } from '../../sdk'
import { OPTIONS, editorLang, refuseFiles, toEditor } from './editor'

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

/** The board that the presenter draws on; every change goes to the room. */
export default function PresenterBoard({ presenter, restored }: { presenter: Presenter; restored: Restored }) {
  const { lang } = useWords()
  const dark = usePrefersDark()
  const [data] = useState(() => initial(restored))
  return (
    <div className="editor" onDropCapture={refuseFiles}>
      <Excalidraw
        initialData={data}
        langCode={editorLang(lang)}
        theme={dark ? 'dark' : 'light'}
        UIOptions={OPTIONS}
        aiEnabled={false}
        validateEmbeddable={false}
        onChange={(elements, { scrollX, scrollY, zoom, width, height }) => {
          const view = { scrollX, scrollY, zoom: zoom.value, width, height }
          presenter.draw(elements as unknown as readonly BoardElement[], view)
        }}
      >
        <MainMenu>
          <MainMenu.DefaultItems.SaveAsImage />
          <MainMenu.DefaultItems.ClearCanvas />
          <MainMenu.DefaultItems.Help />
        </MainMenu>
      </Excalidraw>
    </div>
  )
}
