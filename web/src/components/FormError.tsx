/** Always in the page, so that a screen reader hears what appears in it. */
export function FormError({ text }: { text: string | null }) {
  return <div className="notice error" role="alert" data-testid="form-error">{text}</div>
}
