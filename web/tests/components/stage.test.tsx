import { render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { Stage } from '../../src/components/Stage'

it('says that there is sound only where there is', () => {
  const off = { microphone: false, camera: false, screen: false }
  const { rerender } = render(<Stage sources={{ ...off, microphone: true }} streams={null} />)
  expect(screen.getByTestId('no-picture').textContent).toBe('No picture right now. You hear the presenter.')
  rerender(<Stage sources={off} streams={null} />)
  expect(screen.getByTestId('no-picture').textContent).toBe('No picture or sound right now.')
})
