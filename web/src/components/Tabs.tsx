import type { KeyboardEvent } from 'react'

export interface Tab<Id extends string> {
  id: Id
  label: string
}

interface Props<Id extends string> {
  tabs: Tab<Id>[]
  shown: Id
  onShow: (id: Id) => void
}

/** The parts of a live page on a phone, one at a time; wide windows show them all and hide this. */
export function Tabs<Id extends string>({ tabs, shown, onShow }: Props<Id>) {
  const key = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    const at = tabs.findIndex((tab) => tab.id === shown)
    const next = tabs[(at + step + tabs.length) % tabs.length]
    if (!next) return
    onShow(next.id)
    document.getElementById(`tab-${next.id}`)?.focus()
  }
  return (
    <div className="tabs" role="tablist" onKeyDown={key} tabIndex={-1}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          role="tab"
          data-testid={`tab-${tab.id}`}
          aria-selected={tab.id === shown}
          aria-controls={`part-${tab.id}`}
          tabIndex={tab.id === shown ? 0 : -1}
          onClick={() => { onShow(tab.id) }}
        >
          {tab.label}
        </button>
      ))}
    </div>
  )
}
