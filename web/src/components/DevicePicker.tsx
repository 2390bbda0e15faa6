import { useEffect, useId, useState } from 'react'
import { useStore } from '../app'
import { useWords } from '../i18n'
import { listDevices } from '../sdk'
import type { LocalMedia } from '../sdk'

type Kind = 'microphone' | 'camera'
const OFF = 'off'
const DEFAULT = 'default'

function useDevices(kind: Kind, changed: unknown): MediaDeviceInfo[] {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([])
  useEffect(() => {
    let live = true
    const read = () => {
      listDevices().then(
        (all) => { if (live) setDevices(kind === 'microphone' ? all.microphones : all.cameras) },
        () => undefined,
      )
    }
    read()
    const media = navigator.mediaDevices as MediaDevices | undefined
    media?.addEventListener('devicechange', read)
    return () => {
      live = false
      media?.removeEventListener('devicechange', read)
    }
    // Names are given only once a device was allowed: read again when the track changes.
  }, [kind, changed])
  return devices
}

/** One microphone or camera, or off; says why when it cannot be had. */
export function DevicePicker({ media, kind }: { media: LocalMedia; kind: Kind }) {
  const { t } = useWords()
  const id = useId()
  const { on, chosen, tracks, problems } = useStore(media.state)
  const devices = useDevices(kind, tracks[kind])
  const problem = problems[kind]
  const known = devices.filter((device) => device.deviceId !== DEFAULT)
  const choose = (value: string) => {
    if (value === OFF) media.stop(kind)
    else void media.start(kind, value === DEFAULT ? '' : value)
  }
  return (
    <div className="field">
      <label htmlFor={id}>{t(`lobby.${kind}`)}</label>
      <select
        id={id}
        data-testid={kind === 'microphone' ? 'mic-select' : 'camera-select'}
        value={on[kind] ? chosen[kind] || DEFAULT : OFF}
        onChange={(event) => { choose(event.target.value) }}
      >
        <option value={OFF}>{t('lobby.off')}</option>
        <option value={DEFAULT}>{t('lobby.default')}</option>
        {known.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || t('lobby.unnamed', { n: index + 1 })}
          </option>
        ))}
      </select>
      {problem && (
        <p className="notice warn" role="alert" data-testid="device-error" data-problem={problem}>
          {t(`device.${problem}`)}
        </p>
      )}
    </div>
  )
}
