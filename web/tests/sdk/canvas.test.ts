import { describe, expect, it } from 'vitest'
import { drawing, svgText } from '../../src/sdk/board/canvas'

const object = (type: string, more: object = {}) => ({
  type, left: 10, top: 20, width: 100, height: 50, scaleX: 1, scaleY: 1, angle: 0, fill: 'red', stroke: '#000', strokeWidth: 2, ...more,
})
const svg = (...objects: unknown[]) => svgText(drawing(objects))

describe('a board of another client', () => {
  it('has shapes around their middle', () => {
    // Its outline is 102 × 52 with its stroke, from 10, 20.
    expect(svg(object('rect'))).toContain('transform="translate(61 46) scale(1 1)"')
    expect(svg(object('rect'))).toContain('<rect x="-50" y="-25" width="100" height="50"')
    expect(svg(object('Rect', { originX: 'center', originY: 'center' }))).toContain('translate(10 20)')
    expect(svg(object('rect', { scaleX: 2, flipY: true, angle: 90 }))).toContain('translate(-16 122) rotate(90) scale(2 -1)')
    expect(svg(object('circle', { radius: 25 }))).toContain('<ellipse rx="25" ry="25">')
    expect(svg(object('line', { x1: 0, y1: 9, x2: 5, y2: 0 }))).toContain('x1="-50" y1="25" x2="50" y2="-25"')
  })

  it('has a free-hand stroke where it was drawn', () => {
    // A stroke from 100, 100 over 150, 0 to 200, 100: it rises to 50, half-way to what it is drawn by.
    const path = [['M', 100, 100], ['Q', 150, 0, 200, 100], ['L', 200, 100]]
    const drawn = svg(object('path', { path, left: 99, top: 49, width: 100, height: 50, fill: null }))
    expect(drawn).toContain('translate(150 75)')
    expect(drawn).toContain('d="M-50 25Q0 -75 50 25L50 25"')
    expect(drawn).toContain('fill="none"')
  })

  it('has texts, line by line, whose words are no markup', () => {
    const drawn = svg(object('i-text', { text: 'a < b\n</text><script>', fontSize: 40, fontFamily: 'Noto Sans', textAlign: 'center' }))
    expect(drawn).toContain('a &#60; b')
    expect(drawn.match(/<tspan/g)?.length).toBe(2)
    expect(drawn).not.toContain('<script>')
    expect(drawn).toContain('text-anchor="middle"')
  })

  it('has groups, and not for ever', () => {
    const inner = object('group', { objects: [object('rect')] })
    expect(svg(inner)).toContain('<rect')
    let deep: object = object('rect')
    for (let n = 0; n < 50; n += 1) deep = object('group', { objects: [deep] })
    expect(svg(deep)).toBe('')
  })

  it('takes nothing from elsewhere, and no nonsense', () => {
    const hostile = svg(
      object('image', { src: 'https://elsewhere.example/x.png' }),
      object('rect', { fill: 'url(https://elsewhere.example/#x)', stroke: '"><script>', strokeWidth: 'x', opacity: 7 }),
      object('text', { text: 'a', fontFamily: '"><script>' }),
      object('path', { path: [['M', 1, 'x']] }), object('path', { path: [['A', 1, 2, 3]] }), object('path', { path: 'M0 0' }),
      object('rect', { visible: false }), object('video'), null, 7, 'rect', {},
    )
    expect(hostile).not.toMatch(/elsewhere|script|NaN|undefined/)
    expect(hostile.match(/<rect/g)?.length).toBe(1)
    expect(hostile).toContain('opacity="1"')
  })
})
