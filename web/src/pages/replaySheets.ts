import { exportToSvg } from '@excalidraw/excalidraw'
import { toEditor } from '../components/board/editor'
import { drawing, svgText } from '../sdk/replay/canvas'
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
  const text = new XMLSerializer().serializeToString(await draw(sheet))
  return new Blob([text], { type: 'image/svg+xml' })
}

/**
 * Every page of the board in one PDF, drawn in lines and areas. Texts are pictures in it: their hand-written fonts,
 * and those of most scripts, are of a kind that PDF does not take.
 */
export async function pdfOf(sheets: readonly Sheet[], report: Report, signal: AbortSignal): Promise<Blob> {
  const [{ jsPDF: Pdf }, { svg2pdf }] = await Promise.all([import('jspdf'), import('svg2pdf.js')])
  let pdf: InstanceType<typeof Pdf> | null = null
  for (const [n, sheet] of sheets.entries()) {
    signal.throwIfAborted()
    report(n, sheets.length)
    // Let the page be drawn, and a click on "cancel" be heard.
    await new Promise((done) => { setTimeout(done, 0) })
    const svg = await draw(sheet)
    const { width, height } = size(svg)
    const scale = Math.min(POINTS, MOST_POINTS / Math.max(width, height))
    const format: [number, number] = [width * scale, height * scale]
    const orientation = width >= height ? 'landscape' : 'portrait'
    if (pdf) pdf.addPage(format, orientation)
    else pdf = new Pdf({ unit: 'pt', format, orientation, compress: true })
    await withTextsAsPictures(svg, async (drawing) => {
      await svg2pdf(drawing, pdf as InstanceType<typeof Pdf>, { x: 0, y: 0, width: format[0], height: format[1] })
    })
  }
  signal.throwIfAborted()
  report(sheets.length, sheets.length)
  if (!pdf) throw new Error('a PDF has a page')
  return pdf.output('blob')
}

function size(svg: SVGSVGElement): { width: number; height: number } {
  return { width: Number(svg.getAttribute('width')), height: Number(svg.getAttribute('height')) }
}

async function withTextsAsPictures(svg: SVGSVGElement, then: (svg: SVGSVGElement) => Promise<void>): Promise<void> {
  const place = document.createElement('div')
  // In the page, so that it can be measured, and out of sight.
  place.style.cssText = 'position:fixed;left:-100000px;top:0;visibility:hidden'
  place.append(svg)
  document.body.append(place)
  try {
    const style = svg.querySelector('style')?.textContent ?? ''
    await document.fonts.ready
    const groups = new Set([...svg.querySelectorAll('text')].flatMap(({ parentElement }) => parentElement ?? []))
    for (const group of groups) await toPicture(group as unknown as SVGGElement, style)
    for (const one of svg.querySelectorAll('style')) one.remove()
    await then(svg)
  } finally {
    place.remove()
  }
}

/** Puts a picture in place of a group's texts. */
async function toPicture(group: SVGGElement, style: string): Promise<void> {
  const bounds = group.getBBox()
  if (bounds.width === 0 || bounds.height === 0) return
  const pad = 4
  const [x, y] = [bounds.x - pad, bounds.y - pad]
  const [width, height] = [bounds.width + 2 * pad, bounds.height + 2 * pad]
  const scale = Math.min(TEXT_SCALE, MOST_TEXT_PIXELS / Math.max(width, height))
  const copy = group.cloneNode(true) as SVGGElement
  copy.removeAttribute('transform')
  const source = `<svg xmlns="http://www.w3.org/2000/svg" width="${String(width * scale)}" height="${String(height * scale)}" `
    + `viewBox="${[x, y, width, height].join(' ')}"><style>${style}</style>${new XMLSerializer().serializeToString(copy)}</svg>`
  const image = document.createElementNS('http://www.w3.org/2000/svg', 'image')
  for (const [name, value] of Object.entries({ x, y, width, height })) image.setAttribute(name, String(value))
  image.setAttribute('href', await painted(source, width * scale, height * scale))
  for (const text of [...group.querySelectorAll('text')]) text.remove()
  group.append(image)
}

async function painted(source: string, width: number, height: number): Promise<string> {
  const url = URL.createObjectURL(new Blob([source], { type: 'image/svg+xml' }))
  try {
    const image = new Image()
    image.src = url
    await image.decode()
    const pixels = document.createElement('canvas')
    pixels.width = Math.ceil(width)
    pixels.height = Math.ceil(height)
    pixels.getContext('2d')?.drawImage(image, 0, 0)
    return pixels.toDataURL('image/png')
  } finally {
    URL.revokeObjectURL(url)
  }
}
