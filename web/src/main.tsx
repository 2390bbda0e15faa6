import { createRoot } from 'react-dom/client'
import { AppContext, createApp } from './app'
import { Root } from './Root'
import './style/main.css'

// Where the board finds its fonts: our own origin. Read by the editor when it is loaded.
Object.assign(window, { EXCALIDRAW_ASSET_PATH: '/excalidraw/' })

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <AppContext value={createApp()}>
      <Root />
    </AppContext>,
  )
}
