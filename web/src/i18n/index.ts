import { createContext, useContext } from 'react'
import type { LecternError } from '../sdk'
import { en } from './en'
import type { Key } from './en'
import { ko } from './ko'

export type { Key } from './en'
export type Lang = 'en' | 'ko'

const WORDS: Record<Lang, Record<Key, string>> = { en, ko }
const KEY = 'lectern.lang'

export type Translate = (key: Key, values?: Record<string, string | number>) => string

export function translator(lang: Lang): Translate {
  return (key, values = {}) =>
    WORDS[lang][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

export function firstLang(): Lang {
  const kept = localStorage.getItem(KEY)
  if (kept === 'en' || kept === 'ko') return kept
  return navigator.language.toLowerCase().startsWith('ko') ? 'ko' : 'en'
}

export function keepLang(lang: Lang): void {
  localStorage.setItem(KEY, lang)
}

export interface Words {
  lang: Lang
  setLang: (lang: Lang) => void
  t: Translate
}

export const WordsContext = createContext<Words>({ lang: 'en', setLang: () => undefined, t: translator('en') })

export function useWords(): Words {
  return useContext(WordsContext)
}

/** A refusal in a person's words. */
export function errorKey(error: Pick<LecternError, 'code'>): Key {
  return `error.${error.code}`
}
