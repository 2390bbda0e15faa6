import { useState } from 'react'
import { useStore } from '../app'
import { errorKey, useWords } from '../i18n'
import type { People, Person } from '../sdk'
import { Dialog } from './Dialog'

function Row({ person, onRemove, onBan }: { person: Person; onRemove: () => void; onBan: () => void }) {
  const { t } = useWords()
  return (
    <li className="row" data-testid="person-item">
      <span className="grow">{person.name}</span>
      {person.connections > 1 && <span className="soft">{t('people.connections', { count: person.connections })}</span>}
      {person.kind !== 'presenter' && (
        <>
          <button className="quiet small" data-testid="person-remove" onClick={onRemove}>{t('people.remove')}</button>
          <button className="quiet small" data-testid="person-ban" onClick={onBan}>{t('people.ban')}</button>
        </>
      )}
    </li>
  )
}

function Banned({ people }: { people: People }) {
  const { t } = useWords()
  const banned = useStore(people.state).removed.filter((one) => one.banned)
  if (banned.length === 0) return null
  return (
    <>
      <h3>{t('people.banned')}</h3>
      <ul>
        {banned.map((one) => (
          <li key={one.id} className="row" data-testid="banned-item">
            <span className="grow">{one.name}</span>
            <button className="quiet small" data-testid="person-readmit" onClick={() => void people.readmit(one.id)}>
              {t('people.readmit')}
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}

/** The presenter's: who is in the lecture, and the means to send somebody away. */
export function PeoplePanel({ people }: { people: People }) {
  const { t } = useWords()
  const { people: listed, count, more, loading, problem } = useStore(people.state)
  const [banning, setBanning] = useState<Person | null>(null)
  const opened = (open: boolean) => { if (open) void people.load() }
  return (
    <details className="people" data-testid="people-panel" onToggle={(event) => { opened(event.currentTarget.open) }}>
      <summary>{t('people.title')}</summary>
      {problem && <p className="notice error">{t(errorKey(problem))}</p>}
      {!loading && listed.length === 0 && <p className="soft">{t('people.nobody')}</p>}
      <ul aria-busy={loading}>
        {listed.map((person) => (
          <Row
            key={person.id}
            person={person}
            onRemove={() => void people.remove(person.id, false)}
            onBan={() => { setBanning(person) }}
          />
        ))}
      </ul>
      {more && (
        <button className="small" disabled={loading} onClick={() => void people.next()}>
          {t('people.more', { shown: listed.length, count })}
        </button>
      )}
      <Banned people={people} />
      {banning && (
        <Dialog title={t('people.ban.title', { name: banning.name })} testId="ban-dialog" onClose={() => { setBanning(null) }}>
          <p>{t('people.ban.text')}</p>
          <div className="row">
            <button
              className="danger"
              data-testid="ban-confirm"
              onClick={() => {
                void people.remove(banning.id, true)
                setBanning(null)
              }}
            >
              {t('people.ban')}
            </button>
            <button className="quiet" onClick={() => { setBanning(null) }}>{t('app.cancel')}</button>
          </div>
        </Dialog>
      )}
    </details>
  )
}
