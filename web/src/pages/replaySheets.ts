import { exportToSvg } from '@excalidraw/excalidraw'
import { toEditor } from '../components/board/editor'
import { drawing, svgText } from '../sdk/board/canvas'
import type { Sheet } from '../sdk/replay/content'
import type { Report } from '../sdk/replay/exports'

const PADDING = 24
/** Pixels of a text's picture for each of the board's: 300 dpi where the board has 75. */
const TEXT_SCALE = 4
const MOST_TEXT_PIXELS = 8_000
/** PDF's unit is 1/72 inch, CSS's pixel 1/96. */
const POINTS = 0.75
/** Pages of a PDF are no larger than this (14,400 units, ISO 32000-1 annex C). */
const MOST_POINTS = 14_400

/** One page of the board, with its fonts in it. */
async function draw(sheet: Sheet): Promise<SVGSVGElement> {
  if (sheet.foreign) return canvas(sheet.foreign, sheet.view)
  return exportToSvg({
    elements: toEditor(sheet.elements ?? []).filter((element) => !element.isDeleted),
    appState: { exportBackground: true, viewBackgroundColor: '#ffffff', exportWithDarkMode: false },
    files: null,
    exportPadding: PADDING,
  })
}

/** A board of another client, as large as its presenter's window was. */
function canvas(objects: readonly unknown[], view: Sheet['view']): SVGSVGElement {
  const [width, height] = [Math.max(1, view?.width ?? 1280), Math.max(1, view?.height ?? 720)]
  const matrix = (view?.viewport ?? [1, 0, 0, 1, 0, 0]).map(Number).join(' ')
  const size = `width="${String(width)}" height="${String(height)}"`
  const text = `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${String(width)} ${String(height)}">`
    + `<rect ${size} fill="#ffffff"/><g transform="matrix(${matrix})">${svgText(drawing(objects))}</g></svg>`
  return new DOMParser().parseFromString(text, 'image/svg+xml').documentElement as unknown as SVGSVGElement
}

export async function svgOf(sheet: Sheet): Promise<Blob> {
  const svg = await draw(sheet)
  if (!sheet.foreign) await inPage(svg, () => { fit(svg) })
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: 'image/svg+xml' })
}

/**
 * Every page of the board in one PDF, drawn in lines and areas. Texts are pictures in it: their hand-written fonts,
 * and those of most scripts, are of a kind that PDF does not take.
 */
export async function pdfOf(sheets: readonly Sheet[], report: Report, signal: AbortSignal): Promise<Blob> {
  const [{ jsPDF: Pdf }, { svg2pdf }] = await Promise.all([import('jspdf'), import('svg2pdf.js')])
  const made: { pdf?: InstanceType<typeof Pdf> } = {}
  for (const [n, sheet] of sheets.entries()) {
    signal.throwIfAborted()
    report(n, sheets.length)
    // Let the page be drawn, and a click on "cancel" be heard.
    await new Promise((done) => { setTimeout(done, 0) })
    const svg = await draw(sheet)
    await inPage(svg, async () => {
      if (!sheet.foreign) fit(svg)
      const { width, height } = size(svg)
      const scale = Math.min(POINTS, MOST_POINTS / Math.max(width, height))
      const format: [number, number] = [width * scale, height * scale]
      const orientation = width >= height ? 'landscape' : 'portrait'
      if (made.pdf) made.pdf.addPage(format, orientation)
      made.pdf ??= new Pdf({ unit: 'pt', format, orientation, compress: true })
      textsAsPictures(svg)
      await svg2pdf(svg, made.pdf, { x: 0, y: 0, width: format[0], height: format[1] })
    })
  }
  signal.throwIfAborted()
  report(sheets.length, sheets.length)
  if (!made.pdf) throw new Error('a PDF has a page')
  return made.pdf.output('blob')
}

function size(svg: SVGSVGElement): { width: number; height: number } {
  return { width: Number(svg.getAttribute('width')), height: Number(svg.getAttribute('height')) }
}

/** Has a drawing in the page, out of sight and with its fonts there, so that it can be measured. */
async function inPage(svg: SVGSVGElement, then: () => Promise<void> | void): Promise<void> {
  const place = document.createElement('div')
  place.style.cssText = 'position:fixed;left:-100000px;top:0;visibility:hidden'
  place.append(svg)
  document.body.append(place)
  try {
    for (const text of svg.querySelectorAll('text')) await document.fonts.load(fontOf(text), text.textContent)
    await then()
  } finally {
    place.remove()
  }
}

/** Makes room for texts that are wider than they were where they were typed: with other fonts, or before these came. */
function fit(svg: SVGSVGElement): void {
  const { width, height } = size(svg)
  const boxes = [...svg.querySelectorAll('text')].flatMap((text) => {
    const [page, own] = [svg.getScreenCTM(), text.getScreenCTM()]
    return page && own ? [boxOf(text.getBBox(), page.inverse().multiply(own))] : []
  })
  const right = Math.max(width, ...boxes.map((box) => box.x + box.width + PADDING / 2))
  const bottom = Math.max(height, ...boxes.map((box) => box.y + box.height + PADDING / 2))
  if (right === width && bottom === height) return
  svg.setAttribute('viewBox', `0 0 ${String(right)} ${String(bottom)}`)
  for (const one of [svg, svg.querySelector(':scope > rect')]) {
    one?.setAttribute('width', String(right))
    one?.setAttribute('height', String(bottom))
  }
}

function textsAsPictures(svg: SVGSVGElement): void {
  withoutMasks(svg)
  const groups = new Set([...svg.querySelectorAll('text')].flatMap(({ parentElement }) => parentElement ?? []))
  for (const group of groups) toPicture(svg, group as unknown as SVGGElement)
  for (const one of svg.querySelectorAll('style')) one.remove()
}

/** A PDF has no masks of this kind: what the label of an arrow cuts out of it is painted over instead. */
function withoutMasks(svg: SVGSVGElement): void {
  for (const masked of svg.querySelectorAll('[mask]')) masked.removeAttribute('mask')
  for (const mask of svg.querySelectorAll('mask')) {
    const holes = [...mask.querySelectorAll('rect')].filter((rect) => rect.getAttribute('fill') === '#000')
    for (const hole of holes) hole.setAttribute('fill', '#ffffff')
    mask.replaceWith(...holes)
  }
}

/** Puts a picture in place of a group's texts: upright, as they stand on the page, however they are turned. */
function toPicture(svg: SVGSVGElement, group: SVGGElement): void {
  const bounds = group.getBBox()
  const [page, turned, around] = [svg.getScreenCTM(), group.getScreenCTM(), (group.parentElement as SVGGElement | null)?.getScreenCTM()]
  if (bounds.width === 0 || bounds.height === 0 || !page || !turned || !around) return
  const onPage = page.inverse().multiply(turned)
  const { x, y, width, height } = boxOf(bounds, onPage)
  const scale = Math.min(TEXT_SCALE, MOST_TEXT_PIXELS / Math.max(width, height))
  const pixels = document.createElement('canvas')
  pixels.width = Math.ceil(width * scale)
  pixels.height = Math.ceil(height * scale)
  const toPixels = new DOMMatrix([scale, 0, 0, scale, -x * scale, -y * scale]).multiply(onPage)
  for (const text of group.querySelectorAll('text')) write(pixels, text, toPixels)
  const image = document.createElementNS('http://www.w3.org/2000/svg', 'image')
  for (const [name, value] of Object.entries({ x, y, width, height })) image.setAttribute(name, String(value))
  image.setAttribute('href', pixels.toDataURL('image/png'))
  const toPage = around.inverse().multiply(page)
  if (!toPage.isIdentity) image.setAttribute('transform', matrixOf(toPage))
  group.replaceWith(image)
}

function matrixOf({ a, b, c, d, e, f }: DOMMatrix): string {
  return `matrix(${[a, b, c, d, e, f].map((one) => one.toFixed(6)).join(' ')})`
}

/** What a box covers when it is turned, and a little more: letters may reach beyond their line. */
function boxOf({ x, y, width, height }: DOMRect, matrix: DOMMatrix): { x: number; y: number; width: number; height: number } {
  const pad = 4
  const corners = [[x - pad, y - pad], [x + width + pad, y - pad], [x - pad, y + height + pad], [x + width + pad, y + height + pad]]
    .map(([left, top]) => new DOMPoint(left, top).matrixTransform(matrix))
  const [xs, ys] = [corners.map((one) => one.x), corners.map((one) => one.y)]
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  return { x: left, y: top, width: Math.max(...xs) - left, height: Math.max(...ys) - top }
}

const ALIGN: Partial<Record<string, CanvasTextAlign>> = { start: 'left', middle: 'center', end: 'right' }

/**
 * Writes a text, or its lines. Not by an SVG in an image: browsers paint that before its fonts have come, without its
 * letters.
 */
function write(pixels: HTMLCanvasElement, text: SVGTextElement, matrix: DOMMatrix): void {
  const { fill, fillOpacity, textAnchor, direction } = getComputedStyle(text)
  const context = pixels.getContext('2d')
  if (!context) return
  context.setTransform(matrix)
  context.font = fontOf(text)
  context.textAlign = ALIGN[textAnchor] ?? 'left'
  context.direction = direction === 'rtl' ? 'rtl' : 'ltr'
  context.fillStyle = fill
  context.globalAlpha = Number(fillOpacity) * opacityOf(text)
  const lines = text.querySelectorAll('tspan')
  for (const line of lines.length > 0 ? lines : [text]) {
    context.fillText(line.textContent, Number(line.getAttribute('x')), Number(line.getAttribute('y')))
  }
}

function fontOf(text: SVGTextElement): string {
  const { fontStyle, fontWeight, fontSize, fontFamily } = getComputedStyle(text)
  return `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`
}

/** Of an element and all that it is in. */
function opacityOf(element: Element): number {
  const own = Number(getComputedStyle(element).opacity)
  return element.parentElement && !(element instanceof SVGSVGElement) ? own * opacityOf(element.parentElement) : own
}
