/** A random id of 128 bits, in hex. `crypto.randomUUID` is missing on plain-http origins; this is not. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The six digits in whatever a person typed or pasted (a link, digits with spaces), or null. */
export function readCode(text: string): string | null {
  const link = /\/join\/(\d{6})(?:\D|$)/.exec(text)
  if (link?.[1]) return link[1]
  const digits = text.replace(/[\s-]/g, '')
  return /^\d{6}$/.test(digits) ? digits : null
}
