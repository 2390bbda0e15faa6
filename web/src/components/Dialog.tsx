import { useEffect, useId, useRef } from 'react'
import type { ReactNode } from 'react'

interface Props {
  title: string
  testId: string
  onClose: () => void
  /** For tables. */
  wide?: boolean
  children: ReactNode
}

/** A modal dialog: the browser's own keeps the focus inside and closes on Escape. */
export function Dialog({ title, testId, onClose, wide = false, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => { dialog?.close() }
  }, [])
  return (
    <dialog ref={ref} className={wide ? 'wide' : undefined} aria-labelledby={id} data-testid={testId} onClose={onClose}>
      <div className="stack">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  )
}
