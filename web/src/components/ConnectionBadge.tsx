import { useWords } from '../i18n'
import type { Connection, PeerState } from '../sdk'

/** One word for the signalling; `data-media` says how the media connection is. */
export function ConnectionBadge({ connection, media }: { connection: Connection; media: PeerState }) {
  const { t } = useWords()
  return (
    <span className="badge" role="status" data-testid="connection-state" data-state={connection} data-media={media}>
      <span aria-hidden="true">●</span>
      <span className="word">{t(`state.${connection}`)}</span>
    </span>
  )
}
