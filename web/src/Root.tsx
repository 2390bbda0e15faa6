import { Suspense, lazy, useEffect, useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import { BrowserRouter, Navigate, Route, Routes, useLocation } from 'react-router'
import { useApp, useStore } from './app'
import { Crash } from './components/Crash'
import { Loading } from './components/Loading'
import { WordsContext, firstLang, keepLang, translator } from './i18n'
import type { Lang, Words } from './i18n'
import { Account } from './pages/Account'
import { Home } from './pages/Home'
import { Join } from './pages/Join'
import { Landing } from './pages/Landing'
import { NotFound } from './pages/NotFound'
import { SignIn } from './pages/SignIn'
import { SignUp } from './pages/SignUp'

const Present = lazy(() => import('./pages/Present'))
const Attend = lazy(() => import('./pages/Attend'))
const Operator = lazy(() => import('./pages/Operator'))
const Replay = lazy(() => import('./pages/Replay'))

/** Sends whoever is not signed in to do so, and back here afterwards; who has signed out goes to the first page. */
function SignedIn({ children }: { children: ReactNode }) {
  const { current, expired } = useStore(useApp().session.account)
  const location = useLocation()
  const [had, setHad] = useState(current !== null)
  if (current && !had) setHad(true)
  if (current) return children
  if (had && !expired) return <Navigate to="/" replace />
  return <Navigate to="/signin" replace state={{ from: location.pathname, expired }} />
}

export function Root() {
  const [lang, setLang] = useState<Lang>(firstLang)
  useEffect(() => {
    document.documentElement.lang = lang
  }, [lang])
  const words = useMemo<Words>(
    () => ({
      lang,
      setLang: (next) => {
        keepLang(next)
        setLang(next)
      },
      t: translator(lang),
    }),
    [lang],
  )
  return (
    <WordsContext value={words}>
      <Crash>
        <BrowserRouter>
          <Suspense fallback={<Loading />}>
            <Routes>
              <Route path="/" element={<Landing />} />
              <Route path="/signin" element={<SignIn />} />
              <Route path="/signup" element={<SignUp />} />
              <Route path="/home" element={<SignedIn><Home /></SignedIn>} />
              <Route path="/account" element={<SignedIn><Account /></SignedIn>} />
              <Route path="/present/:code" element={<SignedIn><Present /></SignedIn>} />
              <Route path="/replay/:lectureId" element={<SignedIn><Replay /></SignedIn>} />
              <Route path="/join" element={<Join />} />
              <Route path="/join/:code" element={<Attend />} />
              <Route path="/operator" element={<Operator />} />
              <Route path="*" element={<NotFound />} />
            </Routes>
          </Suspense>
        </BrowserRouter>
      </Crash>
    </WordsContext>
  )
}
