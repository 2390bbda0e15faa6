import { useWords } from '../../i18n'
import { FullScreenButton } from '../FullScreenButton'

interface Props {
  following: boolean
  /** Null: this board is always seen as the presenter sees it. */
  onFollow: ((following: boolean) => void) | null
}

/** What somebody who looks at a board does with it. */
export function BoardTools({ following, onFollow }: Props) {
  const { t } = useWords()
  return (
    <div className="board-tools">
      {onFollow && (
        <button className="toggle small" data-testid="follow-toggle" aria-pressed={following} onClick={() => { onFollow(!following) }}>
          {following ? t('board.following') : t('board.follow')}
        </button>
      )}
      <FullScreenButton of=".board" />
    </div>
  )
}
