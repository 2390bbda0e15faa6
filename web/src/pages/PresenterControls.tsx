import { useEffect, useMemo, useRef, useState } from 'react'
import { useStore } from '../app'
import { DevicePicker } from '../components/DevicePicker'
import { RecordButton } from '../components/RecordButton'
import { VideoView } from '../components/VideoView'
import { useWords } from '../i18n'
import type { LocalMedia, Recording, Source } from '../sdk'

const LABELS = {
  microphone: { on: 'live.mic.on', off: 'live.mic.off' },
  camera: { on: 'live.camera.on', off: 'live.camera.off' },
  screen: { on: 'live.screen.on', off: 'live.screen.off' },
} as const

function Toggle({ media, source }: { media: LocalMedia; source: Source }) {
  const { t } = useWords()
  const { on } = useStore(media.state)
  const toggle = () => {
    if (on[source]) media.stop(source)
    else void media.start(source)
  }
  return (
    <button className="toggle" data-testid={`toggle-${source}`} aria-pressed={on[source]} onClick={toggle}>
      {t(on[source] ? LABELS[source].on : LABELS[source].off)}
    </button>
  )
}

function DeviceMenu({ media }: { media: LocalMedia }) {
  const { t } = useWords()
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!open) return
    const key = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return
      setOpen(false)
      opener.current?.focus()
    }
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false)
    }
    document.addEventListener('keydown', key)
    document.addEventListener('pointerdown', outside)
    return () => {
      document.removeEventListener('keydown', key)
      document.removeEventListener('pointerdown', outside)
    }
  }, [open])
  return (
    <div className="menu" ref={box}>
      <button ref={opener} data-testid="device-menu" aria-expanded={open} onClick={() => { setOpen(!open) }}>
        {t('live.devices')}
      </button>
      {open && (
        <div className="menu-body panel" data-testid="device-menu-body">
          <DevicePicker media={media} kind="microphone" />
          <DevicePicker media={media} kind="camera" />
        </div>
      )}
    </div>
  )
}

/** What is sent, to be turned on and off while it runs. */
export function PresenterControls({ media, recording }: { media: LocalMedia; recording: Recording }) {
  const { t } = useWords()
  const { tracks, problems } = useStore(media.state)
  const self = useMemo(() => (tracks.camera ? new MediaStream([tracks.camera]) : null), [tracks.camera])
  const problem = problems.microphone ?? problems.camera ?? problems.screen
  return (
    <div className="controls">
      {self && <VideoView stream={self} testId="self-preview" label={t('lobby.preview')} className="self" />}
      <Toggle media={media} source="microphone" />
      <Toggle media={media} source="camera" />
      <Toggle media={media} source="screen" />
      <RecordButton recording={recording} />
      <DeviceMenu media={media} />
      {problem && <p className="notice warn" role="alert" data-testid="device-error">{t(`device.${problem}`)}</p>}
    </div>
  )
}
