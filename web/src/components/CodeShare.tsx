import { useEffect, useState } from 'react'
import { useWords } from '../i18n'
import { copyText } from './copy'

export function joinLink(code: string): string {
  return `${window.location.origin}/join/${code}`
}

/** A lecture's code, and the buttons that copy it and its link. */
export function CodeShare({ code, compact = false }: { code: string; compact?: boolean }) {
  const { t } = useWords()
  const [copied, setCopied] = useState<'code' | 'link' | null>(null)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => { setCopied(null) }, 1500)
    return () => { clearTimeout(timer) }
  }, [copied])
  const doCopy = (what: 'code' | 'link') => {
    copyText(what === 'code' ? code : joinLink(code)).then(() => { setCopied(what) }, () => undefined)
  }
  return (
    <div className="row">
      <span>
        <span className="visually-hidden">{t('code.label')} </span>
        <span className="code" data-testid="lecture-code">{code}</span>
      </span>
      <button className={compact ? 'small hide-small' : 'small'} data-testid="copy-code" onClick={() => { doCopy('code') }}>
        {copied === 'code' ? t('app.copied') : t('code.copy')}
      </button>
      <button className="small" data-testid="copy-link" data-link={joinLink(code)} onClick={() => { doCopy('link') }}>
        {copied === 'link' ? t('app.copied') : t('code.link')}
      </button>
      <span className="visually-hidden" aria-live="polite">{copied ? t('app.copied') : ''}</span>
    </div>
  )
}
