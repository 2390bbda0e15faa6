import { Component } from 'react'
import type { ReactNode } from 'react'
import { WordsContext } from '../i18n'

/** The last resort: a defect of a page shows this instead of nothing. */
export class Crash extends Component<{ children: ReactNode }, { broken: boolean }> {
  static override contextType = WordsContext
  declare context: React.ContextType<typeof WordsContext>
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    if (!this.state.broken) return this.props.children
    const { t } = this.context
    return (
      <div className="centre" role="alert">
        <h1>{t('crash.title')}</h1>
        <p>{t('crash.text')}</p>
        <button className="primary" onClick={() => { window.location.reload() }}>{t('crash.reload')}</button>
      </div>
    )
  }
}
