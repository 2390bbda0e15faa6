/**
 * Boards of existing clients: lists of canvas objects as Fabric.js writes them, drawn as SVG. Only shapes, strokes and
 * texts are: pictures would be fetched from wherever they say. What is not understood is left out, never guessed.
 */
export interface SvgNode {
  tag: 'g' | 'path' | 'rect' | 'ellipse' | 'line' | 'polygon' | 'polyline' | 'text' | 'tspan'
  attributes: Record<string, string | number>
  children: SvgNode[]
  text?: string
}

type Fields = Record<string, unknown>
type Point = [number, number]

const MOST_DEPTH = 8
const COLOUR = /^(#[0-9a-f]{3,8}|[a-z]{3,20}|(rgb|hsl)a?\([\d\s.,%/]+\))$/i
const FONT = /^[\p{L}\p{N} ,._'-]{1,100}$/u
/** Of a line of text, as Fabric.js measures it. */
const LINE = 1.13
const BELOW = 0.222

const finite = (value: unknown, otherwise = 0): number => (typeof value === 'number' && Number.isFinite(value) ? value : otherwise)
const word = (value: unknown, of: RegExp, otherwise: string): string => (typeof value === 'string' && of.test(value) ? value : otherwise)

/** The drawing of a list of objects; empty where there is nothing that can be drawn. */
export function drawing(objects: readonly unknown[], depth = 0): SvgNode[] {
  return objects.flatMap((one) => {
    if (typeof one !== 'object' || one === null) return []
    const fields = one as Fields
    const inner = fields.visible === false ? [] : shapeOf(fields, depth)
    return inner.length === 0 ? [] : [{ tag: 'g' as const, attributes: { transform: placeOf(fields), ...paintOf(fields) }, children: inner }]
  })
}

/** As text, for a file. */
export function svgText(nodes: readonly SvgNode[]): string {
  const escaped = (text: string) => text.replace(/[&<>"']/g, (one) => `&#${String(one.charCodeAt(0))};`)
  return nodes.map(({ tag, attributes, children, text }) => {
    const list = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(String(value))}"`).join('')
    return `<${tag}${list}>${text === undefined ? '' : escaped(text)}${svgText(children)}</${tag}>`
  }).join('')
}

type Shape = (fields: Fields, width: number, height: number, depth: number) => SvgNode[]

const leaf = (tag: SvgNode['tag'], attributes: SvgNode['attributes']): SvgNode[] => [{ tag, attributes, children: [] }]

/** By the type without capitals and hyphens: it has been written in several ways. */
const SHAPES: Partial<Record<string, Shape>> = {
  rect: (fields, width, height) =>
    leaf('rect', { x: -width / 2, y: -height / 2, width, height, rx: finite(fields.rx), ry: finite(fields.ry) }),
  circle: ({ radius }) => leaf('ellipse', { rx: finite(radius), ry: finite(radius) }),
  ellipse: ({ rx, ry }) => leaf('ellipse', { rx: finite(rx), ry: finite(ry) }),
  triangle: (_, width, height) => leaf('polygon', {
    points: `${round(-width / 2)},${round(height / 2)} 0,${round(-height / 2)} ${round(width / 2)},${round(height / 2)}`,
  }),
  line: (fields, width, height) => leaf('line', lineOf(fields, width, height)),
  polyline: (fields, width, height) => leaf('polyline', { points: pointsOf(fields, width, height) }),
  polygon: (fields, width, height) => leaf('polygon', { points: pointsOf(fields, width, height) }),
  path: pathOf,
  text: textOf,
  itext: textOf,
  textbox: textOf,
  group: ({ objects }, _, __, depth) => (depth < MOST_DEPTH && Array.isArray(objects) ? drawing(objects, depth + 1) : []),
}

const kindOf = ({ type }: Fields): string => String(type).toLowerCase().replace(/[^a-z]/g, '')

function shapeOf(fields: Fields, depth: number): SvgNode[] {
  return SHAPES[kindOf(fields)]?.(fields, finite(fields.width), finite(fields.height), depth) ?? []
}

function paintOf(fields: Fields): SvgNode['attributes'] {
  const dashes = Array.isArray(fields.strokeDashArray) ? fields.strokeDashArray.map((one) => finite(one)) : []
  return {
    fill: word(fields.fill, COLOUR, 'none'),
    stroke: word(fields.stroke, COLOUR, 'none'),
    'stroke-width': finite(fields.strokeWidth, 1),
    'stroke-linecap': word(fields.strokeLineCap, /^(butt|round|square)$/, 'butt'),
    'stroke-linejoin': word(fields.strokeLineJoin, /^(miter|round|bevel)$/, 'miter'),
    opacity: Math.min(1, Math.max(0, finite(fields.opacity, 1))),
    ...(dashes.length > 0 && { 'stroke-dasharray': dashes.join(' ') }),
    ...(fields.strokeUniform === true && { 'vector-effect': 'non-scaling-stroke' }),
  }
}

const ORIGINS: Record<string, number> = { left: 0, top: 0, center: 0.5, right: 1, bottom: 1 }
const origin = (value: unknown): number => (typeof value === 'number' ? value : ORIGINS[String(value)] ?? 0)

/** Objects are drawn around their middle; `left` and `top` are where their origin is, turned with them. */
function placeOf(fields: Fields): string {
  const stroke = kindOf(fields) === 'group' ? 0 : finite(fields.strokeWidth, 1)
  const [scaleX, scaleY] = [finite(fields.scaleX, 1), finite(fields.scaleY, 1)]
  const uniform = fields.strokeUniform === true
  const across = (size: number, scale: number) => (uniform ? size * scale + stroke : (size + stroke) * scale)
  const x = (0.5 - origin(fields.originX)) * across(finite(fields.width), scaleX)
  const y = (0.5 - origin(fields.originY)) * across(finite(fields.height), scaleY)
  const angle = finite(fields.angle)
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]
  const middle: Point = [finite(fields.left) + x * cos - y * sin, finite(fields.top) + x * sin + y * cos]
  const flip = (scale: number, flipped: unknown) => (flipped === true ? -scale : scale)
  const parts = [`translate(${middle.map(round).join(' ')})`]
  if (angle !== 0) parts.push(`rotate(${round(angle)})`)
  if (finite(fields.skewX) !== 0) parts.push(`skewX(${round(finite(fields.skewX))})`)
  if (finite(fields.skewY) !== 0) parts.push(`skewY(${round(finite(fields.skewY))})`)
  parts.push(`scale(${round(flip(scaleX, fields.flipX))} ${round(flip(scaleY, fields.flipY))})`)
  return parts.join(' ')
}

function round(value: number): string {
  return String(Math.round(value * 1e4) / 1e4)
}

function lineOf(fields: Fields, width: number, height: number): SvgNode['attributes'] {
  const across = finite(fields.x1) <= finite(fields.x2) ? -1 : 1
  const down = finite(fields.y1) <= finite(fields.y2) ? -1 : 1
  return { x1: (across * width) / 2, y1: (down * height) / 2, x2: (-across * width) / 2, y2: (-down * height) / 2 }
}

function pointsOf(fields: Fields, width: number, height: number): string {
  const list = Array.isArray(fields.points) ? (fields.points as Fields[]) : []
  const points = list.map((one): Point => [finite(one.x), finite(one.y)])
  const [left, top] = corner(points)
  return points.map(([x, y]) => `${round(x - left - width / 2)},${round(y - top - height / 2)}`).join(' ')
}

/** How many numbers each command of a path takes; Fabric.js writes absolute ones. */
const COMMANDS: Record<string, number> = { M: 2, L: 2, Q: 4, C: 6, Z: 0 }

function pathOf(fields: Fields, width: number, height: number): SvgNode[] {
  if (!Array.isArray(fields.path)) return []
  const commands: { name: string; points: Point[] }[] = []
  for (const raw of fields.path as unknown[]) {
    const [letter, ...numbers] = Array.isArray(raw) ? (raw as unknown[]) : []
    const name = String(letter).toUpperCase()
    if (COMMANDS[name] !== numbers.length || !numbers.every((n) => Number.isFinite(n))) return []
    const points: Point[] = []
    for (let n = 0; n < numbers.length; n += 2) points.push([finite(numbers[n]), finite(numbers[n + 1])])
    commands.push({ name, points })
  }
  const [left, top] = corner(extremes(commands))
  const moved = ([x, y]: Point) => `${round(x - left - width / 2)} ${round(y - top - height / 2)}`
  const d = commands.map(({ name, points }) => `${name}${points.map(moved).join(' ')}`).join('')
  return d === '' ? [] : [{ tag: 'path', attributes: { d }, children: [] }]
}

function corner(points: readonly Point[]): Point {
  return points.reduce<Point>(([x, y], one) => [Math.min(x, one[0]), Math.min(y, one[1])], [Infinity, Infinity])
}

/** Points among which are the outermost ones of a path: of curves, where they turn, not what they are drawn by. */
function extremes(commands: readonly { name: string; points: Point[] }[]): Point[] {
  const found: Point[] = []
  let at: Point = [0, 0]
  for (const { name, points } of commands) {
    const end = points.at(-1)
    if (!end) continue
    const curve = name === 'M' ? [end] : [at, ...points]
    found.push(end)
    for (const share of [...turns(curve, 0), ...turns(curve, 1)]) found.push(along(curve, share))
    at = end
  }
  return found
}

/** Where a Bézier curve of any degree is at a share of its way (de Casteljau). */
function along(points: readonly Point[], share: number): Point {
  let level = [...points]
  while (level.length > 1) {
    level = level.slice(1).map(([x, y], n): Point => {
      const [a, b] = level[n] ?? [x, y]
      return [a + (x - a) * share, b + (y - b) * share]
    })
  }
  return level[0] ?? [0, 0]
}

/** The shares of its way at which a curve of degree two or three turns along one axis. */
function turns(points: readonly Point[], axis: 0 | 1): number[] {
  const [a, b, c, d] = points.map((point) => point[axis])
  if (a === undefined || b === undefined || c === undefined) return []
  const within = (share: number) => share > 0 && share < 1
  if (d === undefined) return [(a - b) / (a - 2 * b + c)].filter(within)
  const [two, one, zero] = [-a + 3 * b - 3 * c + d, 2 * (a - 2 * b + c), b - a]
  if (two === 0) return [-zero / one].filter(within)
  const root = Math.sqrt(one * one - 4 * two * zero)
  return [(-one + root) / (2 * two), (-one - root) / (2 * two)].filter(within)
}

const ALIGNED: Record<string, [string, number]> = { left: ['start', -0.5], center: ['middle', 0], right: ['end', 0.5] }

function textOf(fields: Fields, width: number, height: number): SvgNode[] {
  if (typeof fields.text !== 'string') return []
  const size = finite(fields.fontSize, 40)
  const [anchor, share] = ALIGNED[String(fields.textAlign)] ?? ['start', -0.5]
  const step = size * LINE * finite(fields.lineHeight, 1.16)
  const first = -height / 2 + size * LINE * (1 - BELOW)
  const children = fields.text.split('\n').map((text, n): SvgNode => ({
    tag: 'tspan', attributes: { x: round(share * width), y: round(first + n * step) }, children: [], text,
  }))
  const attributes = {
    'font-size': size, 'text-anchor': anchor, 'xml:space': 'preserve',
    'font-family': word(fields.fontFamily, FONT, 'sans-serif'),
    'font-weight': word(String(fields.fontWeight), /^(normal|bold|[1-9]00)$/, 'normal'),
    'font-style': word(fields.fontStyle, /^(normal|italic|oblique)$/, 'normal'),
  }
  return [{ tag: 'text', attributes, children }]
}
