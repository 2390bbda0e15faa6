/** Puts text on the clipboard. Rejects where that is not allowed. */
export async function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (clipboard) return clipboard.writeText(text)
  // Plain-http origins have no clipboard: the old way.
  const area = document.createElement('textarea')
  area.value = text
  // A modal dialog lets nothing outside of it be selected.
  const parent = document.querySelector('dialog[open]') ?? document.body
  parent.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
