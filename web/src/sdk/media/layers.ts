import type { Source } from '../messages'

/** A source and the simulcast streams of it that anybody watches; `""` is one without simulcast. */
export interface WatchedTrack { source: Source; rids: string[] }

/** From the smallest to the largest: the relay gives each participant what its link and window take. */
const CAMERA: readonly RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', maxBitrate: 1_800_000 },
]

/** How a source is sent. A screen has one stream: half its size nobody can read. */
export function encodingsOf(source: Source): RTCRtpEncodingParameters[] {
  if (source === 'camera') return CAMERA.map((encoding) => ({ ...encoding }))
  return source === 'screen' ? [{ maxBitrate: 2_500_000 }] : []
}

/**
 * Which streams are worth sending: those that somebody watches, and always the smallest, so that who
 * comes next has a picture at once.
 */
export function active(encodings: readonly RTCRtpEncodingParameters[], rids: readonly string[]): boolean[] {
  if (encodings.length < 2 || rids.includes('')) return encodings.map(() => true)
  return encodings.map(({ rid }, index) => index === 0 || (rid !== undefined && rids.includes(rid)))
}

/** Stops what nobody watches, and resumes what somebody does. */
export async function sendWatched(sender: RTCRtpSender, rids: readonly string[]): Promise<void> {
  const parameters = sender.getParameters()
  const wanted = active(parameters.encodings, rids)
  if (parameters.encodings.every((encoding, index) => (encoding.active ?? true) === wanted[index])) return
  parameters.encodings.forEach((encoding, index) => { encoding.active = wanted[index] ?? true })
  await sender.setParameters(parameters)
}
