import { useEffect, useState } from 'react'
import { Link, useParams } from 'react-router'
import { keep, kept, useTitle } from '../app'
import { Loading } from '../components/Loading'
import { errorKey, useWords } from '../i18n'
import { LocalMedia } from '../sdk'
import type { Kept } from '../sdk'
import { Lobby } from './Lobby'
import { Message } from './Message'
import { PresenterLive } from './PresenterLive'
import { NotFound } from './NotFound'
import { useLecture } from './useLecture'

/** This tab is presenting: after a reload it goes on without asking. */
const liveKey = (code: string) => `lectern.live.${code}`
const devicesKey = (code: string) => `lectern.devices.${code}`

function PresentCode({ code }: { code: string }) {
  const { t } = useWords()
  const { card, error, again } = useLecture(code)
  const [live, setLive] = useState(() => kept<boolean>(liveKey(code)) === true)
  const [devices] = useState(() => kept<Kept>(devicesKey(code)))
  const [media] = useState(() => new LocalMedia((now) => { keep(devicesKey(code), now) }))
  const [takes, setTakes] = useState(0)
  useTitle(card?.title ?? '')

  useEffect(() => {
    if (live && devices) void media.resume(devices)
    return () => { media.close() }
    // Once, when the page comes: what was on before the reload.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [media])

  const start = () => {
    keep(liveKey(code), true)
    setLive(true)
  }
  const over = () => {
    keep(liveKey(code), null)
    keep(devicesKey(code), null)
    media.close()
  }
  if (error) {
    return (
      <Message testId="join-error" title={t(error.code === 'not_found' ? 'join.unknown' : errorKey(error))}>
        <button className="primary" onClick={again}>{t('app.retry')}</button>
        <Link className="button" to="/home">{t('app.home')}</Link>
      </Message>
    )
  }
  if (!card) return <Loading />
  if (!live) return <Lobby code={code} card={card} media={media} onStart={start} />
  return (
    <PresenterLive
      key={takes}
      code={code}
      card={card}
      media={media}
      hadScreen={takes === 0 && devices?.on.screen === true}
      onOver={over}
      onTakeOver={() => { setTakes(takes + 1) }}
    />
  )
}

export default function Present() {
  const { code } = useParams()
  if (!code || !/^\d{6}$/.test(code)) return <NotFound />
  return <PresentCode key={code} code={code} />
}
