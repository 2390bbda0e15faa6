import { useEffect } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import type { Figures, FiguresState, Listener } from '../sdk'
import { Dialog } from './Dialog'

const ROWS = 50
const kbit = (bps: number) => (bps / 1000).toFixed(0)
const percent = (share: number) => (100 * share).toFixed(1)

/** The value below which this share of the values lies; `null` without any. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null
}

/** Who has trouble comes first. */
export function worstFirst(listeners: readonly Listener[]): Listener[] {
  const weight = (one: Listener) => Number(!one.connected) * 4 + Number(one.paused) * 2 + one.lost
  return [...listeners].sort((a, b) => weight(b) - weight(a))
}

function Tracks({ tracks }: Pick<FiguresState, 'tracks'>) {
  const { t } = useWords()
  return (
    <table data-testid="figures-tracks">
      <caption>{t('figures.sent')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('figures.source')}</th>
          <th scope="col">{t('figures.rate')}</th>
          <th scope="col">{t('figures.size')}</th>
          <th scope="col">{t('figures.lost')}</th>
          <th scope="col">{t('figures.jitter')}</th>
        </tr>
      </thead>
      <tbody>
        {tracks.map((track) => (
          <tr key={`${track.peer} ${track.source} ${track.rid}`} data-testid="figures-track" data-active={track.active}>
            <th scope="row">{`${t(`figures.${track.source}`)} ${track.rid} ${track.codec.split('/')[0] ?? ''}`}</th>
            <td>{track.active ? kbit(track.bitrate_bps) : '–'}</td>
            <td>{track.width > 0 ? `${String(track.width)}×${String(track.height)}` : ''}</td>
            <td>{percent(track.lost / Math.max(1, track.packets + track.lost))}</td>
            <td>{(1000 * track.jitter_seconds).toFixed(1)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Listeners({ listeners }: { listeners: readonly Listener[] }) {
  const { t } = useWords()
  return (
    <table data-testid="figures-listeners">
      <caption>{t('figures.received')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('figures.who')}</th>
          <th scope="col">{t('figures.rate')}</th>
          <th scope="col">{t('figures.rtt')}</th>
          <th scope="col">{t('figures.lost')}</th>
          <th scope="col">{t('figures.layer')}</th>
          <th scope="col">{t('figures.freezes')}</th>
        </tr>
      </thead>
      <tbody>
        {worstFirst(listeners).slice(0, ROWS).map((one) => (
          <tr key={one.peer} data-testid="figures-listener">
            <th scope="row">{`${t(`figures.role.${one.role}`)} ${one.peer.slice(0, 4)}`}</th>
            <td>{kbit(one.bps)}</td>
            <td>{one.rtt === null ? '' : (1000 * one.rtt).toFixed(0)}</td>
            <td>{percent(one.lost)}</td>
            <td>{one.paused ? t('figures.paused') : (one.layer ?? '')}</td>
            <td>{one.freezes}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The owner's view of how the media does, once a second while it is open. */
export function FiguresDialog({ figures, onClose }: { figures: Figures; onClose: () => void }) {
  const { t } = useWords()
  const { tracks, listeners, leftOut, at } = useStore(figures.state)
  useEffect(() => {
    void figures.watch(true)
    return () => { void figures.watch(false) }
  }, [figures])
  const rtts = listeners.flatMap(({ rtt }) => (rtt === null ? [] : [rtt]))
  const middle = quantile(rtts, 0.5)
  return (
    <Dialog title={t('figures.title')} testId="figures-dialog" onClose={onClose} wide>
      {at === null ? <p data-testid="figures-none">{t('figures.none')}</p> : (
        <>
          <p data-testid="figures-summary">
            {t('figures.summary', {
              n: listeners.length + leftOut,
              paused: listeners.filter(({ paused }) => paused).length,
              rtt: middle === null ? '–' : (1000 * middle).toFixed(0),
              lost: percent(quantile(listeners.map(({ lost }) => lost), 0.95) ?? 0),
            })}
          </p>
          <div className="scroll-x"><Tracks tracks={tracks} /></div>
          <div className="scroll-x"><Listeners listeners={listeners} /></div>
        </>
      )}
      <button onClick={onClose}>{t('app.close')}</button>
    </Dialog>
  )
}
