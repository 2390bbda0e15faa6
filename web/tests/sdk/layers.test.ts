import { describe, expect, it } from 'vitest'
import { active, encodingsOf, sendWatched } from '../../src/sdk/media/layers'
import { withAudioRepair } from '../../src/sdk/media/sections'

const CAMERA = encodingsOf('camera')

describe('layers', () => {
  it('sends a camera in three sizes, the smallest first, and a screen in one', () => {
    expect(CAMERA.map(({ rid }) => rid)).toEqual(['q', 'h', 'f'])
    expect(encodingsOf('screen')).toHaveLength(1)
    expect(encodingsOf('microphone')).toEqual([])
  })

  it('stops what nobody watches, and never the smallest', () => {
    expect(active(CAMERA, ['f'])).toEqual([true, false, true])
    expect(active(CAMERA, [])).toEqual([true, false, false])
    expect(active(CAMERA, [''])).toEqual([true, true, true])
    expect(active(encodingsOf('screen'), [])).toEqual([true])
  })

  it('changes a sender only where something changes', async () => {
    const set: unknown[] = []
    const parameters = { encodings: encodingsOf('camera') }
    const sender = {
      getParameters: () => parameters,
      setParameters: (next: unknown) => {
        set.push(structuredClone(next))
        return Promise.resolve()
      },
    } as unknown as RTCRtpSender
    await sendWatched(sender, ['q', 'h', 'f'])
    expect(set).toEqual([])
    await sendWatched(sender, ['q'])
    await sendWatched(sender, ['q'])
    expect(set).toHaveLength(1)
    expect(parameters.encodings.map((one) => one.active)).toEqual([true, false, false])
    await sendWatched(sender, ['f'])
    expect(parameters.encodings.map((one) => one.active)).toEqual([true, false, true])
  })
})

describe('withAudioRepair', () => {
  const offer = 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n'
    + 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n'

  it('asks for repeats of sound, once', () => {
    const once = withAudioRepair(offer)
    expect(once).toContain('a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\na=fmtp:111')
    expect(withAudioRepair(once)).toBe(once)
    expect(once.match(/a=rtcp-fb:96 nack/g)).toHaveLength(1)
  })

  it('leaves anything else as it is', () => {
    expect(withAudioRepair('v=0 offer 1')).toBe('v=0 offer 1')
  })
})
