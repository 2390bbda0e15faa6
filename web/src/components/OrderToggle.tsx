import { useWords } from '../i18n'
import type { Order } from '../sdk'

/** By time or by votes. */
export function OrderToggle({ order, onOrder }: { order: Order; onOrder: (order: Order) => void }) {
  const { t } = useWords()
  return (
    <label className="order">
      <span className="visually-hidden">{t('forum.order')}</span>
      <select data-testid="question-order" value={order} onChange={(event) => { onOrder(event.target.value as Order) }}>
        <option value="time">{t('forum.order.time')}</option>
        <option value="votes">{t('forum.order.votes')}</option>
      </select>
    </label>
  )
}
