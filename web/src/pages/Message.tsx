import type { ReactNode } from 'react'
import { Frame } from '../components/Frame'

interface Props {
  title: string
  text?: string
  testId: string
  busy?: boolean
  children?: ReactNode
}

/** A whole page that says one thing: ended, unknown, waiting. */
export function Message({ title, text, testId, busy = false, children }: Props) {
  return (
    <Frame>
      <div className="centre" role="status" data-testid={testId}>
        {busy && <div className="spinner" aria-hidden="true" />}
        <h1>{title}</h1>
        {text && <p className="soft">{text}</p>}
        <div className="row" style={{ justifyContent: 'center' }}>{children}</div>
      </div>
    </Frame>
  )
}
