import { useId, useState } from 'react'
import type { FormEvent } from 'react'
import { useStore } from '../../app'
import { errorKey, useWords } from '../../i18n'
import { toError } from '../../sdk'
import type { LecternError, Presenter } from '../../sdk'

/** Who may draw beside the presenter: nobody, everyone, or those who are named, guests by their id in the room. */
export function DrawerRules({ presenter }: { presenter: Presenter }) {
  const { t } = useWords()
  const id = useId()
  const [email, setEmail] = useState('')
  const [problem, setProblem] = useState<LecternError | null>(null)
  const { drawing, drawers } = useStore(presenter.state)
  const { people } = useStore(presenter.people.state)
  const guests = people.filter((one) => one.kind === 'guest' && !drawers.includes(one.id))
  const nameOf = (drawer: string) => people.find((one) => one.id === drawer)?.name ?? (drawer.includes('@') ? drawer : t('board.drawers.guest'))
  const rule = async (...wanted: Parameters<Presenter['letDraw']>) => {
    setProblem(null)
    try {
      await presenter.letDraw(...wanted)
      return true
    } catch (raw) {
      setProblem(toError(raw))
      return false
    }
  }
  const add = (event: FormEvent) => {
    event.preventDefault()
    const named = email.trim().toLowerCase()
    if (named === '') return
    void rule('list', [...new Set([...drawers, named])]).then((done) => { if (done) setEmail('') })
  }
  return (
    <>
      <button
        className="toggle small"
        data-testid="everyone-draws"
        aria-pressed={drawing === 'everyone'}
        onClick={() => void rule(drawing === 'everyone' ? 'presenter' : 'everyone')}
      >
        {t('board.draw')}
      </button>
      <details className="drawers" data-testid="drawers" onToggle={(event) => { if (event.currentTarget.open) void presenter.people.load() }}>
        <summary>{drawing === 'list' ? `${t('board.drawers')} (${String(drawers.length)})` : t('board.drawers')}</summary>
        <div className="stack" style={{ gap: '0.6rem' }} role="group" aria-label={t('board.drawers.title')}>
          <h3>{t('board.drawers.title')}</h3>
          <form className="row" onSubmit={add}>
            <label className="visually-hidden" htmlFor={id}>{t('board.drawers.label')}</label>
            <input
              id={id}
              className="grow"
              type="email"
              data-testid="drawer-email"
              placeholder={t('auth.email')}
              value={email}
              onChange={(event) => { setEmail(event.target.value) }}
            />
            <button className="small" type="submit" data-testid="drawer-add">{t('board.drawers.add')}</button>
          </form>
          <p className="hint">{t('board.drawers.hint')}</p>
          {drawers.length === 0 && <p className="soft">{t('board.drawers.empty')}</p>}
          <ul>
            {drawers.map((name) => (
              <li key={name} className="row" data-testid="drawer">
                <span className="grow">{nameOf(name)}</span>
                <button
                  className="quiet small"
                  aria-label={t('board.drawers.remove', { name: nameOf(name) })}
                  onClick={() => {
                    const left = drawers.filter((one) => one !== name)
                    void rule(left.length > 0 ? 'list' : 'presenter', left)
                  }}
                >
                  ✕
                </button>
              </li>
            ))}
          </ul>
          {guests.length > 0 && <h3>{t('board.drawers.guests')}</h3>}
          <ul>
            {guests.map(({ id: guest, name }) => (
              <li key={guest} className="row" data-testid="drawer-guest">
                <span className="grow">{name}</span>
                <button
                  className="quiet small"
                  data-testid="drawer-guest-add"
                  aria-label={t('board.drawers.add.name', { name })}
                  onClick={() => void rule('list', [...drawers, guest])}
                >
                  {t('board.drawers.add')}
                </button>
              </li>
            ))}
          </ul>
          {problem && <p className="notice error" role="alert" data-testid="drawer-problem">{t(errorKey(problem))}</p>}
        </div>
      </details>
    </>
  )
}
