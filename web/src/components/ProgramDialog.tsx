import { useState } from 'react'
import { useApp } from '../app'
import { errorKey, useWords } from '../i18n'
import { toError } from '../sdk'
import type { LecternError, RoomToken } from '../sdk'
import { copyText } from './copy'
import { Dialog } from './Dialog'
import { FormError } from './FormError'

function Secret({ label, text, testId, hidden = false }: { label: string; text: string; testId: string; hidden?: boolean }) {
  const { t } = useWords()
  const [copied, setCopied] = useState(false)
  const copy = () => { copyText(text).then(() => { setCopied(true) }, () => undefined) }
  return (
    <label className="field">
      <span className="label">{label}</span>
      <span className="row">
        <input className="grow" data-testid={testId} readOnly type={hidden ? 'password' : 'text'} value={text} />
        <button className="small" type="button" data-testid={`${testId}-copy`} onClick={copy}>
          {t(copied ? 'app.copied' : 'program.copy')}
        </button>
      </span>
    </label>
  )
}

/** Sound and picture from OBS or another program by WHIP: its address and token, and their end. */
export function ProgramDialog({ code, live, onClose }: { code: string; live: boolean; onClose: () => void }) {
  const { t } = useWords()
  const { rest } = useApp()
  const [token, setToken] = useState<RoomToken | null>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<LecternError | null>(null)
  const [revoked, setRevoked] = useState(false)
  const attempt = (work: () => Promise<void>) => {
    setBusy(true)
    setError(null)
    work().catch((raw: unknown) => { setError(toError(raw)) }).finally(() => { setBusy(false) })
  }
  const make = () => {
    attempt(async () => {
      setToken(await rest.programToken(code))
      setRevoked(false)
    })
  }
  const revoke = () => {
    attempt(async () => {
      await rest.revokeProgramTokens(code)
      setToken(null)
      setRevoked(true)
    })
  }
  return (
    <Dialog title={t('program.title')} testId="program-dialog" onClose={onClose}>
      <p>{t('program.text')}</p>
      {live && <p className="notice" data-testid="program-live">{t('program.live')}</p>}
      {token?.whip ? (
        <>
          <Secret label={t('program.server')} text={token.whip} testId="program-url" />
          <Secret label={t('program.token')} text={token.token} testId="program-token" hidden />
          <p className="hint">{t('program.until', { time: new Date(token.expiresAt).toLocaleTimeString() })}</p>
        </>
      ) : (
        <button className="primary" data-testid="program-make" disabled={busy} onClick={make}>{t('program.make')}</button>
      )}
      {revoked && <p className="notice" data-testid="program-revoked">{t('program.revoked')}</p>}
      <FormError text={error && t(errorKey(error))} />
      <div className="row">
        <button className="danger" data-testid="program-revoke" disabled={busy} onClick={revoke}>{t('program.revoke')}</button>
        <button data-testid="program-close" onClick={onClose}>{t('app.close')}</button>
      </div>
    </Dialog>
  )
}
