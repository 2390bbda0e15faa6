import { createElement } from 'react'
import type { ReactNode } from 'react'
import { useWords } from '../i18n'
import { drawing } from '../sdk/replay/canvas'
import type { SvgNode } from '../sdk/replay/canvas'
import type { WireView } from '../sdk/replay/archive'

const CAMEL: Record<string, string> = { 'xml:space': 'xmlSpace' }
const inReact = (name: string) => CAMEL[name] ?? name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

function draw({ tag, attributes, children, text }: SvgNode, n: number): ReactNode {
  const props = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [inReact(name), value]))
  return createElement(tag, { key: n, ...props }, text, ...children.map(draw))
}

/** The board of a presenter with another client, as it was drawn there. */
export function ReplayCanvas({ objects, view }: { objects: unknown[]; view: WireView | null }) {
  const { t } = useWords()
  const nodes = drawing(objects)
  const [width, height] = [view?.width ?? 0, view?.height ?? 0]
  const box = width > 0 && height > 0 ? `0 0 ${String(width)} ${String(height)}` : '0 0 1280 720'
  return (
    <>
      <svg
        className="replay-canvas" viewBox={box} role="img" aria-label={t('board.title')}
        data-testid="replay-canvas" data-objects={nodes.length}
      >
        <g {...(view && { transform: `matrix(${view.viewport.join(' ')})` })}>{nodes.map(draw)}</g>
      </svg>
      {nodes.length < objects.length && (
        <div className="board-over">
          <p className="notice warn" role="status" data-testid="board-foreign">{t(nodes.length === 0 ? 'board.foreign' : 'replay.board.partly')}</p>
        </div>
      )}
    </>
  )
}
