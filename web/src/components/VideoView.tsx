import { useEffect, useRef } from 'react'

interface Props {
  stream: MediaStream | null
  testId: string
  label: string
  className?: string
  hidden?: boolean
}

/** A muted live picture; sound has its own element. */
export function VideoView({ stream, testId, label, className, hidden = false }: Props) {
  const ref = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const video = ref.current
    if (!video || video.srcObject === stream) return
    video.srcObject = stream
    if (stream) void video.play().catch(() => undefined)
  }, [stream])
  return (
    <video ref={ref} className={className} data-testid={testId} aria-label={label} hidden={hidden} autoPlay muted playsInline />
  )
}
