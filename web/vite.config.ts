import { cpSync, existsSync, createReadStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'

const fonts = fileURLToPath(
  new URL('./node_modules/@excalidraw/excalidraw/dist/prod/fonts', import.meta.url),
)

/** Excalidraw's fonts come from our own origin: copied into the build, served as they are by `dev`. */
function excalidrawFonts(): Plugin {
  let outDir = ''
  return {
    name: 'excalidraw-fonts',
    configResolved: (config) => {
      outDir = path.resolve(config.root, config.build.outDir)
    },
    configureServer: (server) => {
      server.middlewares.use('/excalidraw/fonts', (request, response, next) => {
        const file = path.join(fonts, path.normalize(decodeURIComponent(request.url ?? '/')))
        if (!file.startsWith(fonts) || !existsSync(file) || !file.endsWith('.woff2')) return next()
        response.setHeader('content-type', 'font/woff2')
        createReadStream(file).pipe(response)
      })
    },
    writeBundle: () => {
      cpSync(fonts, path.join(outDir, 'excalidraw/fonts'), { recursive: true })
    },
  }
}

/** The board must never ask a third party for a font: its fallback address becomes our own folder. */
function noThirdPartyFonts(): Plugin {
  return {
    name: 'no-third-party-fonts',
    transform: (code, id) => {
      if (!id.includes('@excalidraw') || !code.includes('https://esm.sh/')) return null
      const fallback = /`https:\/\/esm\.sh\/\$\{.*?\}\/dist\/prod\/`/g
      return { code: code.replace(fallback, 'window.location.origin+"/excalidraw/"'), map: null }
    },
  }
}

const server = process.env.LECTERN_URL ?? 'http://127.0.0.1:8000'

export default defineConfig({
  plugins: [react(), excalidrawFonts(), noThirdPartyFonts()],
  server: {
    proxy: {
      '/auth': server,
      '/profile': server,
      '^/lecture(/|\\?|$)': server,
      '/recordings': server,
      '/socket.io': { target: server, ws: true },
    },
  },
  build: {
    outDir: 'dist',
    // The board's editor is one lazy chunk of about this size; every page without a board does without it.
    chunkSizeWarningLimit: 2600,
  },
  test: {
    include: ['tests/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    restoreMocks: true,
  },
})
