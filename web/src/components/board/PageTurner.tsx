import { useState } from 'react'
import type { ReactNode } from 'react'
import { useWords } from '../../i18n'

const LAST_PAGE = 999

interface Props {
  page: number
  onTurn: (page: number) => Promise<void>
  children?: ReactNode
}

/** Turns the pages of the board for everyone; behind the last one is always an empty one. */
export function PageTurner({ page, onTurn, children }: Props) {
  const { t } = useWords()
  const [turning, setTurning] = useState(false)
  const turn = async (next: number) => {
    setTurning(true)
    await onTurn(next).catch(() => undefined)
    setTurning(false)
  }
  return (
    <div className="board-pages" role="group" aria-label={t('board.page', { page: page + 1 })}>
      <button
        className="small"
        data-testid="page-back"
        aria-label={t('board.page.back')}
        disabled={turning || page === 0}
        onClick={() => void turn(page - 1)}
      >
        ‹
      </button>
      <span data-testid="page-shown">{page + 1}</span>
      <button
        className="small"
        data-testid="page-next"
        aria-label={t('board.page.next')}
        disabled={turning || page === LAST_PAGE}
        onClick={() => void turn(page + 1)}
      >
        ›
      </button>
      {children}
    </div>
  )
}
