import { Suspense } from 'react'
import type { ReactNode } from 'react'
import { Crash } from '../Crash'
import { useWords } from '../../i18n'

interface Props {
  ready: boolean
  viewing?: boolean
  children: ReactNode
}

/** Where a board is or will be: it is the heavy part of the page and loads on its own. */
export function BoardFrame({ ready, viewing = false, children }: Props) {
  const { t } = useWords()
  const cover = (
    <div className="board-cover" role="status" data-testid="board-loading">
      <div className="row"><div className="spinner" aria-hidden="true" />{t('board.loading')}</div>
    </div>
  )
  return (
    <div className={viewing ? 'board viewing' : 'board'} data-testid="board" data-ready={ready}>
      <Crash>
        <Suspense fallback={cover}>{ready ? children : cover}</Suspense>
      </Crash>
    </div>
  )
}
