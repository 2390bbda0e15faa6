import { useCallback, useEffect, useMemo, useState } from 'react'
import type { FormEvent } from 'react'
import { clock, keep, kept, useTitle } from '../app'
import { Dialog } from '../components/Dialog'
import { Field } from '../components/Field'
import { FormError } from '../components/FormError'
import { Frame } from '../components/Frame'
import { Loading } from '../components/Loading'
import { errorKey, useWords } from '../i18n'
import { Rest, short, toError } from '../sdk'
import type { NodeState, OperatorState, RoomState } from '../sdk'

const TOKEN = 'lectern.operator'
const ROUND_MS = 2000

function TokenForm({ wrong, onToken }: { wrong: boolean; onToken: (token: string) => void }) {
  const { t } = useWords()
  const [token, setToken] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onToken(token.trim())
  }
  return (
    <form className="panel stack" data-testid="operator-token" onSubmit={submit}>
      <h1>{t('operator.title')}</h1>
      <p className="soft">{t('operator.token.text')}</p>
      <Field label={t('operator.token')} type="password" autoComplete="off" required value={token}
        onChange={(event) => { setToken(event.target.value) }} />
      <FormError text={wrong ? t('operator.token.wrong') : null} />
      <button className="primary" type="submit">{t('operator.token.use')}</button>
    </form>
  )
}

function NodeRow({ node, onDrain }: { node: NodeState; onDrain: () => void }) {
  const { t } = useWords()
  const places = [...node.regions, ...node.isps]
  return (
    <tr data-testid="operator-node" data-state={node.state}>
      <th scope="row">
        <span className="nowrap">{node.id}</span><br />
        <span className="hint">{[node.address || node.kind, ...places].join(' · ')}</span>
      </th>
      <td className="nowrap">{t(`operator.state.${node.state}`)}</td>
      <td>
        {node.load === null ? '–' : (
          <>{Math.round(node.load * 100)} %<br /><meter min={0} max={1} high={0.85} value={node.load} aria-label={t('operator.load')} /></>
        )}
      </td>
      <td className="nowrap">{t('operator.cores', { n: node.usage.cpu.toFixed(2) })}<br />{short(node.usage.memoryBytes)}B</td>
      <td className="nowrap">
        {node.kind === 'relay' && <>{t('operator.packets', { n: short(node.usage.packetsPerSecond) })}<br />{short(node.usage.networkBps)}bit/s</>}
      </td>
      <td>{node.kind === 'relay' && node.rooms}</td>
      <td>
        <button className="small" disabled={node.state === 'draining'} onClick={onDrain} data-testid="drain">
          {t('operator.drain')}
        </button>
      </td>
    </tr>
  )
}

function RoomRow({ room, now }: { room: RoomState; now: number }) {
  const { t } = useWords()
  return (
    <tr data-testid="operator-room">
      <th scope="row">{room.code}</th>
      <td>{t(room.status === 'LIVE' ? 'operator.room.live' : 'operator.room.away')}</td>
      <td>{room.listeners}</td>
      <td>{room.startTime ? clock(now - Date.parse(room.startTime)) : '–'}</td>
      <td>{room.relay ?? '–'}</td>
    </tr>
  )
}

function Head({ names }: { names: string[] }) {
  return <thead><tr>{names.map((name) => (name ? <th key={name} scope="col">{name}</th> : <td key="rest" />))}</tr></thead>
}

function DrainDialog({ node, onDrain, onClose }: { node: string; onDrain: (seconds: number) => void; onClose: () => void }) {
  const { t } = useWords()
  const [seconds, setSeconds] = useState('30')
  return (
    <Dialog title={t('operator.drain.title', { node })} testId="drain-dialog" onClose={onClose}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); onDrain(Number(seconds)) }}>
        <p>{t('operator.drain.text')}</p>
        <Field label={t('operator.drain.seconds')} type="number" min={0} max={86400} required value={seconds}
          onChange={(event) => { setSeconds(event.target.value) }} />
        <div className="row">
          <button className="danger" type="submit" data-testid="drain-confirm">{t('operator.drain')}</button>
          <button type="button" onClick={onClose}>{t('app.cancel')}</button>
        </div>
      </form>
    </Dialog>
  )
}

/** Processes and rooms, as they are now; for whoever has the operator's service token. */
export default function Operator() {
  const { t } = useWords()
  useTitle(t('operator.title'))
  const [token, setToken] = useState<string | null>(() => kept<string>(TOKEN))
  const [wrong, setWrong] = useState(false)
  const [state, setState] = useState<OperatorState | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [asked, setAsked] = useState<string | null>(null)
  const forget = useCallback((isWrong: boolean) => {
    keep(TOKEN, null)
    setToken(null)
    setState(null)
    setWrong(isWrong)
  }, [])
  const rest = useMemo(() => new Rest(() => token ?? '', () => { forget(true) }), [token, forget])
  const load = useCallback(async () => {
    try {
      setState(await rest.operatorState())
      setError(null)
    } catch (raw) {
      const fault = toError(raw)
      if (fault.code !== 'unauthorized') setError(t(errorKey(fault)))
    }
  }, [rest, t])
  useEffect(() => {
    if (token === null) return
    const first = setTimeout(() => void load(), 0)
    const timer = setInterval(() => void load(), ROUND_MS)
    return () => {
      clearTimeout(first)
      clearInterval(timer)
    }
  }, [load, token])
  const drain = async (node: string, seconds: number) => {
    setAsked(null)
    try {
      await rest.drainNode(node, seconds)
      await load()
    } catch (raw) {
      setError(t(errorKey(toError(raw))))
    }
  }
  if (token === null) {
    return (
      <Frame>
        <TokenForm wrong={wrong} onToken={(next) => { keep(TOKEN, next); setToken(next) }} />
      </Frame>
    )
  }
  const now = state ? Date.parse(state.time) : 0
  return (
    <Frame>
      <div className="stack" data-testid="operator">
        <div className="row">
          <h1>{t('operator.title')}</h1>
          <button className="small" onClick={() => { forget(false) }}>{t('app.signout')}</button>
        </div>
        {error && <div className="notice error" role="alert">{error}</div>}
        {!state && !error && <Loading />}
        {state && (
          <>
            <h2>{t('operator.nodes')}</h2>
            <div className="scroll-x">
              <table>
                <Head names={[t('operator.node'), t('operator.state'), t('operator.load'), t('operator.use'),
                  t('operator.traffic'), t('operator.rooms'), '']} />
                <tbody>
                  {state.nodes.map((node) => <NodeRow key={node.id} node={node} onDrain={() => { setAsked(node.id) }} />)}
                </tbody>
              </table>
            </div>
            <h2>{t('operator.rooms')} ({state.roomCount})</h2>
            {state.rooms.length === 0 ? <p className="soft" data-testid="operator-empty">{t('operator.rooms.empty')}</p> : (
              <div className="scroll-x">
                <table>
                  <Head names={[t('code.label'), t('operator.state'), t('operator.listeners'), t('operator.since'), t('operator.relay')]} />
                  <tbody>{state.rooms.map((room) => <RoomRow key={room.code} room={room} now={now} />)}</tbody>
                </table>
              </div>
            )}
          </>
        )}
      </div>
      {asked && <DrainDialog node={asked} onClose={() => { setAsked(null) }} onDrain={(seconds) => void drain(asked, seconds)} />}
    </Frame>
  )
}
