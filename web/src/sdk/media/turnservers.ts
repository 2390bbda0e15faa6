/** For tests and support: `?debug=1&relay=only` uses TURN and nothing else. */
export function isRelayOnly(): boolean {
  const query = new URLSearchParams(window.location.search)
  return query.get('debug') === '1' && query.get('relay') === 'only'
}

export function urlsOf(servers: readonly RTCIceServer[]): string[] {
  return servers.flatMap((server) => server.urls)
}

interface Stat {
  type: string
  candidateType?: string
  localCandidateId?: string
  selectedCandidatePairId?: string
  url?: string
}

/** The TURN address that the connection runs through; `null` when it runs through none. */
export function relayUrl(report: RTCStatsReport): string | null {
  const stats = report as unknown as ReadonlyMap<string, Stat>
  for (const stat of stats.values()) {
    if (stat.type !== 'transport' || stat.selectedCandidatePairId === undefined) continue
    const pair = stats.get(stat.selectedCandidatePairId)
    const local = stats.get(pair?.localCandidateId ?? '')
    if (local?.candidateType === 'relay') return local.url ?? null
  }
  return null
}
