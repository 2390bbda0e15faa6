/** What is written into an offer beside what the browser writes. */

export type Kind = 'audio' | 'video'

/** A section for another speaker's track. */
export interface SpareSection {
  kind: Kind
  track: MediaStreamTrack
  /** Known once it was offered. */
  mid: () => string | null
}

/** What speakers send; the rest would only make the offer longer. */
const SPARE_CODECS: Record<Kind, readonly string[]> = {
  audio: ['audio/opus', 'audio/red'],
  video: ['video/VP8', 'video/rtx'],
}

export function addSpare(pc: RTCPeerConnection, kind: Kind): SpareSection {
  const transceiver = pc.addTransceiver(kind, { direction: 'recvonly' })
  const capabilities = typeof RTCRtpReceiver === 'undefined' ? null : RTCRtpReceiver.getCapabilities(kind)
  const codecs = capabilities?.codecs.filter(({ mimeType }) => SPARE_CODECS[kind].includes(mimeType)) ?? []
  try {
    if (codecs.length > 0) transceiver.setCodecPreferences(codecs)
  } catch {
    // A browser without it offers all that it has.
  }
  return { kind, track: transceiver.receiver.track, mid: () => transceiver.mid }
}

/** Asks for lost packets of sound, too: browsers can, and do not offer it by themselves. */
export function withAudioRepair(sdp: string): string {
  return sdp.split(/^(?=m=)/m).map((section) => {
    const type = /^a=rtpmap:(\d+) opus\//im.exec(section)?.[1]
    if (!section.startsWith('m=audio') || type === undefined) return section
    if (section.includes(`a=rtcp-fb:${type} nack`)) return section
    return section.replace(/^(a=rtpmap:\d+ opus\/[^\r\n]*)(\r?\n)/im, `$1$2a=rtcp-fb:${type} nack$2`)
  }).join('')
}
