import { LecternError, toError } from './errors'
import type { Code } from './errors'
import type { OperatorState } from './operator'
import type { Account } from './session'

export interface OpenLecture {
  id: string
  code: string
  title: string
  description: string
  created_at: string
  started_at: string | null
}

export interface PastLecture {
  _id: string
  title: string
  description: string
  presenter_id: { username: string; email: string }
  created_at?: string
  started_at?: string | null
  ended_at?: string | null
  /** Of its record: archiving, ready, incomplete, none. */
  state?: string
  /** When all of it is deleted. */
  expires_at?: string | null
}

/** What a broadcasting program is told, once. */
export interface RoomToken {
  token: string
  expiresAt: string
  whip: string | null
}

export interface LectureCard {
  title: string
  description: string
  presenter: { username: string; email: string }
}

const TIMEOUT_MS = 15_000
const BY_STATUS: Record<number, Code> = {
  400: 'bad_request', 401: 'unauthorized', 403: 'forbidden', 404: 'not_found', 409: 'conflict', 410: 'ended',
  413: 'too_large', 422: 'bad_request', 429: 'rate_limited', 502: 'unavailable', 503: 'unavailable', 504: 'unavailable',
}

/** The REST half of the protocol. Every method rejects with a `LecternError`. */
export class Rest {
  constructor(
    private readonly token: () => string,
    private readonly onUnauthorized: () => void = () => undefined,
    private readonly base = '',
  ) {}

  signUp(username: string, email: string, password: string): Promise<{ username: string; email: string }> {
    return this.call('POST', '/auth/signup', { username, email, password }, false)
  }

  signIn(email: string, password: string): Promise<Account> {
    return this.call('POST', '/auth/signin', { email, password }, false)
  }

  async refresh(): Promise<string> {
    return (await this.call<{ token: string }>('POST', '/auth/refresh', {})).token
  }

  /** `record`: from its start; left out, the server decides. */
  createLecture(title: string, description: string, email: string, record?: boolean): Promise<{ code: string }> {
    return this.call('POST', '/lecture', { title, description, email, ...(record !== undefined && { record }) })
  }

  lecture(code: string): Promise<LectureCard> {
    return this.call('GET', `/lecture?code=${encodeURIComponent(code)}`)
  }

  attend(code: string): Promise<unknown> {
    return this.call('PATCH', `/lecture/${encodeURIComponent(code)}`, {})
  }

  openLectures(): Promise<OpenLecture[]> {
    return this.call('GET', '/lecture/open')
  }

  pastLectures(): Promise<PastLecture[]> {
    return this.call('GET', '/lecture/list')
  }

  /** Deletes all that is left of a lecture of one's own. */
  deleteLecture(id: string): Promise<unknown> {
    return this.call('DELETE', `/lecture/archive/${encodeURIComponent(id)}`)
  }

  /** Everything that is kept about the caller. */
  exportProfile(): Promise<unknown> {
    return this.call('GET', '/profile/export')
  }

  deleteProfile(password: string): Promise<{ lectures: number; pending: number }> {
    return this.call('DELETE', '/profile', { password })
  }

  operatorState(): Promise<OperatorState> {
    return this.call('GET', '/operator/state')
  }

  drainNode(node: string, seconds: number): Promise<unknown> {
    return this.call('POST', `/operator/nodes/${encodeURIComponent(node)}/drain`, { seconds })
  }

  /** A token for a broadcasting program that sends the lecture's sound and picture. */
  programToken(code: string): Promise<RoomToken> {
    return this.call('POST', `/lecture/${encodeURIComponent(code)}/token`, { role: 'presenter' })
  }

  /** Makes all such tokens worthless, and ends what sends with one. */
  revokeProgramTokens(code: string): Promise<unknown> {
    return this.call('DELETE', `/lecture/${encodeURIComponent(code)}/token?role=presenter`)
  }

  /** Reads JSON as the account; `signal` gives it up. */
  read<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.call('GET', path, undefined, true, signal)
  }

  post(path: string): Promise<unknown> {
    return this.call('POST', path)
  }

  /** Reads a whole file as the account, for as long as that takes; `seen` hears how much has come, and of how much. */
  async download(path: string, signal: AbortSignal, seen: (bytes: number, total: number | null) => void): Promise<Blob> {
    const response = await this.request('GET', path, undefined, true, signal)
    const length = Number(response.headers.get('content-length'))
    // Of a compressed answer the length is another's.
    const total = length > 0 && !response.headers.get('content-encoding') ? length : null
    const reader = response.body?.getReader()
    const parts: Uint8Array<ArrayBuffer>[] = []
    let bytes = 0
    try {
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
        parts.push(part.value)
        bytes += part.value.byteLength
        seen(bytes, total)
      }
    } catch (error) {
      throw new LecternError('offline', String(error), true)
    }
    return new Blob(parts, { type: response.headers.get('content-type') ?? '' })
  }

  private async call<T>(method: string, path: string, body?: object, asAccount = true, signal?: AbortSignal): Promise<T> {
    const late = AbortSignal.timeout(TIMEOUT_MS)
    const response = await this.request(method, path, body, asAccount, signal ? AbortSignal.any([signal, late]) : late)
    return this.body<T>(response)
  }

  private async request(
    method: string, path: string, body: object | undefined, asAccount: boolean, signal: AbortSignal,
  ): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json' }
    const token = this.token()
    if (asAccount && token) headers.authorization = token
    if (body) headers['content-type'] = 'application/json'
    let response: Response
    try {
      response = await fetch(this.base + path, {
        method,
        headers,
        body: body ? JSON.stringify(body) : null,
        signal,
      })
    } catch (error) {
      const late = error instanceof DOMException && error.name === 'TimeoutError'
      throw new LecternError(late ? 'timeout' : 'offline', String(error), true)
    }
    if (response.ok) return response
    if (response.status === 401 && asAccount) this.onUnauthorized()
    throw await this.refusal(response)
  }

  private async body<T>(response: Response): Promise<T> {
    const text = await response.text()
    if (!text) return undefined as T
    try {
      return JSON.parse(text) as T
    } catch {
      throw new LecternError('internal', 'the answer is not JSON')
    }
  }

  private async refusal(response: Response): Promise<LecternError> {
    const text = await response.text().catch(() => '')
    try {
      const parsed = JSON.parse(text) as { error?: { code?: unknown } }
      if (typeof parsed.error?.code === 'string') return toError(parsed.error)
    } catch {
      // Not ours (a proxy's page): the status says enough.
    }
    const code = BY_STATUS[response.status] ?? 'internal'
    return new LecternError(code, response.statusText, response.status >= 500)
  }
}
