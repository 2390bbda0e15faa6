import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { AudioOut } from '../../src/components/AudioOut'

const play = vi.fn<() => Promise<void>>()

beforeEach(() => {
  play.mockReset().mockResolvedValue(undefined)
  vi.spyOn(HTMLMediaElement.prototype, 'play').mockImplementation(play)
})
afterEach(cleanup)

it('offers a tap where the browser blocks sound, and is gone once it plays', async () => {
  play.mockRejectedValueOnce(new DOMException('a gesture is needed', 'NotAllowedError'))
  render(<AudioOut stream={{} as MediaStream} />)
  fireEvent.click(await screen.findByRole('button', { name: 'Tap to hear' }))
  await vi.waitFor(() => { expect(screen.queryByTestId('tap-to-hear')).toBeNull() })
  expect(play).toHaveBeenCalledTimes(2)
})

it('plays at once where it may', async () => {
  render(<AudioOut stream={{} as MediaStream} />)
  await vi.waitFor(() => { expect(play).toHaveBeenCalledOnce() })
  expect(screen.queryByTestId('tap-to-hear')).toBeNull()
})

it('mutes and unmutes', () => {
  render(<AudioOut stream={null} />)
  const audio = screen.getByTestId<HTMLAudioElement>('audio-element')
  fireEvent.click(screen.getByRole('button', { name: 'Mute' }))
  expect(audio.muted).toBe(true)
  fireEvent.click(screen.getByRole('button', { name: 'Unmute' }))
  expect(audio.muted).toBe(false)
})
