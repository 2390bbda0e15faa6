import { createElement, useMemo } from 'react'
import type { ReactNode } from 'react'
import { useWords } from '../../i18n'
import { drawing } from '../../sdk/board/canvas'
import type { SvgNode } from '../../sdk/board/canvas'
import type { WireView } from '../../sdk/messages'

const CAMEL: Record<string, string> = { 'xml:space': 'xmlSpace' }
const inReact = (name: string) => CAMEL[name] ?? name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

function draw({ tag, attributes, children, text }: SvgNode, n: number): ReactNode {
  const props = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [inReact(name), value]))
  return createElement(tag, { key: n, ...props }, text, ...children.map(draw))
}

interface Props {
  objects: unknown[]
  /** What the presenter looks at. Null: the canvas of an existing client as it begins. */
  view: WireView | null
  testId: string
}

/** The board of a presenter with another client, as it is drawn there. */
export function ForeignCanvas({ objects, view, testId }: Props) {
  const { t } = useWords()
  const nodes = useMemo(() => drawing(objects), [objects])
  const drawn = useMemo(() => nodes.map(draw), [nodes])
  const [width, height] = [view?.width ?? 0, view?.height ?? 0]
  const box = width > 0 && height > 0 ? `0 0 ${String(width)} ${String(height)}` : '0 0 1280 720'
  return (
    <>
      <svg
        className="foreign-canvas" viewBox={box} role="img" aria-label={t('board.title')}
        data-testid={testId} data-objects={nodes.length}
      >
        <g {...(view && { transform: `matrix(${view.viewport.join(' ')})` })}>{drawn}</g>
      </svg>
      {(nodes.length === 0 || nodes.length < objects.length) && (
        <div className="board-over">
          <p className="notice warn" role="status" data-testid="board-foreign">{t(nodes.length === 0 ? 'board.foreign' : 'replay.board.partly')}</p>
        </div>
      )}
    </>
  )
}
