import { useSyncExternalStore } from 'react'
import type { PlayState, Replay } from '../sdk/replay/replay'

/** Something of the moment that is played; the page is drawn again only when that changes. */
export function usePlayed<T extends string | number | boolean>(replay: Replay, select: (state: PlayState) => T): T {
  return useSyncExternalStore(replay.play.subscribe, () => select(replay.play.get()))
}
